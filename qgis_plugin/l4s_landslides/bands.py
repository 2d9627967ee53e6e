"""Which layer is which band: what a table of layers says, and what names and colours suggest."""

from __future__ import annotations

import re
from pathlib import Path

from qgis.core import QgsMultiBandColorRenderer, QgsProcessingUtils, QgsRasterLayer

from .errors import InputError
from .layers import raster_file
from .texts import tr

BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12", "SCL")
"""What a layer of the table may be."""

_COLOURS = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "swir16": "B11", "swir22": "B12"}
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_NUMBERED = re.compile(r"B0*([1-9]|1[0-2]|8A)", re.IGNORECASE)
_NATURAL = ("B4", "B3", "B2")


def guess(*names: str) -> str:
    """Return the band that the first name with a band in it means ("T29UNU_20221005T115411_B02_10m"), or ""."""
    for name in names:
        found = {band for token in _TOKEN.findall(name) if (band := _band(token))}
        if len(found) == 1:
            return found.pop()
    return ""


def guess_layer(layer: QgsRasterLayer) -> str:
    """Return the band that a layer is by its band's description, its name or its file's name, or ""."""
    description = layer.bandName(1).split(":", 1)[-1] if layer.bandCount() == 1 else ""
    return guess(description, layer.name(), Path(layer.source().split("|")[0]).stem)


def files_of(table: list, context) -> dict[str, str]:
    """Return the file of each band that a table of layers names.

    Args:
        table: layer and band in turn, as Processing hands a matrix over; a layer is its id, its name or a file.
        context: the run's, for the layers of its project.

    Raises:
        InputError: a band is unknown or given twice, or a layer is no file.
    """
    files: dict[str, str] = {}
    for given, named in zip(table[::2], table[1::2]):
        layer, name = str(given).strip(), str(named).strip()
        if not layer or not name:
            continue
        band = _band(name)
        if not band:
            raise InputError(
                tr("The layer {layer} is said to be the unknown band {band}; expected one of {bands}.").format(
                    layer=layer, band=name, bands=", ".join(BANDS)
                )
            )
        if band in files:
            raise InputError(tr("Two layers are said to be the band {band}; leave one of them out.").format(band=band))
        found = QgsProcessingUtils.mapLayerFromString(layer, context)
        files[band] = raster_file(found if isinstance(found, QgsRasterLayer) else None, tr("band layer"), layer)
    return files


def drawn_names(layer: QgsRasterLayer) -> list[str]:
    """Return names of a layer's bands in order, of which those that it is drawn with in colour are B4, B3 and B2.

    Raises:
        InputError: it is not drawn in three colours, or with bands that are others by their names.
    """
    renderer = layer.renderer()
    shown = ()
    if isinstance(renderer, QgsMultiBandColorRenderer):
        shown = (renderer.redBand(), renderer.greenBand(), renderer.blueBand())
    if len(set(shown)) < 3 or min(shown, default=0) < 1:
        raise InputError(
            tr(
                "The layer {} is not drawn with three different bands as red, green and blue; choose them in its "
                "symbology (multiband color), or name its bands."
            ).format(layer.name())
        )
    said = [guess(layer.bandName(band).split(":", 1)[-1]) for band in shown]
    if any(said) and said != list(_NATURAL):
        raise InputError(
            tr(
                "The layer {name} is drawn with its bands {bands} as red, green and blue, which are not B4, B3, B2; "
                "leave its bands to their names, or choose these three in its symbology."
            ).format(name=layer.name(), bands=", ".join(band or "?" for band in said))
        )
    names = ["-"] * layer.bandCount()
    for band, name in zip(shown, _NATURAL):
        names[band - 1] = name
    return names


def _band(token: str) -> str:
    if match := _NUMBERED.fullmatch(token):
        return f"B{match[1].upper()}"
    return "SCL" if token.upper() == "SCL" else _COLOURS.get(token.lower(), "")
