"""Tiles of one raster, as Google Earth Engine exports what is large, read as the raster that they were cut from.

A mosaic is named by a pattern with a ``*``: ``scene-*.tif``. Tiles share CRS, pixels, bands and type; where none lies,
there is no data. GDAL reads them through a virtual raster that is made when the mosaic is opened and written nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from glob import glob
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from affine import Affine

from l4s_geo.errors import L4SError

__all__ = ["is_mosaic", "mosaic_in", "mosaic_of", "siblings_of", "tiles_of"]

_TILE = re.compile(r"(.*?-?)(\d{10})-(\d{10})(\.tiff?)", re.IGNORECASE)
_MOST_TILES = 4000
_GDAL_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}


def is_mosaic(path: str) -> bool:
    """Whether a path is a pattern of tiles, and not a file whose name has a ``*`` in it."""
    return "*" in path and "://" not in path and not path.startswith("/vsi") and not Path(path).exists()


def tiles_of(path: str) -> list[str]:
    """Return the files that a pattern stands for, in order of their names."""
    return sorted(file for file in glob(path) if Path(file).is_file())


def mosaic_in(folder: Path) -> str | None:
    """Return the pattern of the tiles in a folder, if it holds those of one export of Earth Engine; else None."""
    stems = {(match[1], match[4]) for item in folder.iterdir() if (match := _TILE.fullmatch(item.name))}
    if len(stems) != 1:
        return None
    (stem, suffix) = stems.pop()
    return str(folder / f"{stem}*{suffix}")


def siblings_of(path: str) -> tuple[str, int] | None:
    """Return the pattern of the export that a file is a tile of, and how many tiles it has; None if it is alone."""
    place = Path(path)
    match = _TILE.fullmatch(place.name)
    if not match or not place.is_file():
        return None
    pattern = str(place.with_name(f"{match[1]}*{match[4]}"))
    count = len(tiles_of(pattern))
    return (pattern, count) if count > 1 else None


def mosaic_of(datasets: Sequence[Any], what: str, error: type[L4SError]) -> str:
    """Return a virtual raster of tiles, as the XML that GDAL opens.

    Args:
        datasets: the open tiles.
        what: the mosaic's part in the run and its pattern, for messages.
        error: class to raise.

    Raises:
        L4SError: the tiles are not parts of one raster.
    """
    first = datasets[0]
    if len(datasets) > _MOST_TILES:
        raise error(
            f"The {what} has {len(datasets)} tiles; expected {_MOST_TILES} at most, so merge them first (gdalwarp "
            "TILES mosaic.tif)."
        )
    for tile in datasets[1:]:
        if difference := _difference(tile, first):
            raise error(
                f"The {what} has tiles that differ in their {difference} ({first.name} and {tile.name}); expected "
                "parts of one raster, so give those alone, or bring them together first (gdalwarp TILES mosaic.tif)."
            )
    t = first.transform
    places = [~t @ (tile.transform.c, tile.transform.f) for tile in datasets]
    cols, rows = (np.rint([place[axis] for place in places]).astype(int) for axis in (0, 1))
    left, top = int(cols.min()), int(rows.min())
    width = max(col + tile.width for col, tile in zip(cols, datasets, strict=True)) - left
    height = max(row + tile.height for row, tile in zip(rows, datasets, strict=True)) - top
    corner = t @ Affine.translation(left, top)
    spots = [(int(col) - left, int(row) - top) for col, row in zip(cols, rows, strict=True)]
    bands = "".join(_band(index, datasets, spots) for index in range(1, first.count + 1))
    sources = "".join(_source(tile, "mask,1", spot) for tile, spot in zip(datasets, spots, strict=True))
    # A gap between tiles is no data, be a value for that declared or not.
    mask = f'<MaskBand><VRTRasterBand dataType="Byte">{sources}</VRTRasterBand></MaskBand>'
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{escape(first.crs.to_wkt())}</SRS>'
        f"<GeoTransform>{', '.join(map(repr, corner.to_gdal()))}</GeoTransform>{bands}"
        f"{mask if first.nodata is None else ''}</VRTDataset>"
    )


def _difference(tile: Any, first: Any) -> str:
    """Say in what a tile is no part of the raster that another is part of; nothing if it is."""
    facts: dict[str, Callable[[Any], object]] = {
        "CRS": lambda d: d.crs,
        "bands": lambda d: (d.count, d.descriptions),
        "type": lambda d: d.dtypes,
        "nodata value": lambda d: repr(d.nodatavals),
        "scale and offset": lambda d: (d.scales, d.offsets),
    }
    for name, fact in facts.items():
        if fact(tile) != fact(first):
            return name
    col, row = ~first.transform @ (tile.transform.c, tile.transform.f)
    same = np.allclose(tile.transform[:2] + tile.transform[3:5], first.transform[:2] + first.transform[3:5], rtol=1e-6)
    return "" if same and abs(col - round(col)) < 0.01 and abs(row - round(row)) < 0.01 else "pixels"


def _band(index: int, datasets: Sequence[Any], spots: Sequence[tuple[int, int]]) -> str:
    """Return a band of the virtual raster."""
    first = datasets[0]
    nodata, description = first.nodatavals[index - 1], first.descriptions[index - 1]
    facts = f"<Description>{escape(description)}</Description>" if description else ""
    facts += f"<NoDataValue>{nodata!r}</NoDataValue>" if nodata is not None else ""
    facts += f"<Offset>{first.offsets[index - 1]!r}</Offset><Scale>{first.scales[index - 1]!r}</Scale>"
    sources = "".join(_source(tile, str(index), spot) for tile, spot in zip(datasets, spots, strict=True))
    kind = _GDAL_TYPES.get(first.dtypes[index - 1], "Float64")
    return f'<VRTRasterBand dataType="{kind}" band="{index}">{facts}{sources}</VRTRasterBand>'


def _source(tile: Any, band: str, spot: tuple[int, int]) -> str:
    """Return what a tile gives to a band of the virtual raster."""
    size = f'xSize="{tile.width}" ySize="{tile.height}"'
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{escape(str(Path(tile.name).absolute()))}</SourceFilename>'
        f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" {size}/>'
        f'<DstRect xOff="{spot[0]}" yOff="{spot[1]}" {size}/></SimpleSource>'
    )
