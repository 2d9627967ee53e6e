"""Scenes in GeoTIFF, VRT or any raster GDAL opens: one file with all bands, or one file a band."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from l4s_geo.address import shown
from l4s_geo.assumptions import Assumption, Origin
from l4s_geo.bands import BANDS, SENSED, SPECTRAL, TERRAIN, find_band, named_band, parse_band
from l4s_geo.errors import BandError, SceneError
from l4s_geo.grid import Grid
from l4s_geo.sources.names import file_of
from l4s_geo.sources.rasters import contained, grid_of, opened, sample, tagged
from l4s_geo.sources.scene import Acquisition, BandRef, Scene
from l4s_geo.sources.vrt import outside
from l4s_geo.units import STACK_UNITS, Units

__all__ = ["open_band_files", "open_raster"]

PathLike = str | os.PathLike[str]

_LEVEL_2A = tuple(band for band in SENSED if band != "B10")
# Cirrus is absorbed on its way down and back: B10 sees a hundredth of the light of its neighbours.
_B10_DARKER = 5.0


def open_raster(path: PathLike, bands: Sequence[str] | None = None) -> Scene:
    """Describe a multi-band raster.

    Its bands are told by the names given, else by their descriptions, else by their order: 14 bands are those of
    Landslide4Sense; 13 are Sentinel-2's (B8A and B10 included) and 12 are Level-2A's (no B10) or Landslide4Sense's
    (no B8A), if B10, which is far darker than all others, stands where it must. A band named
    SCL is the scene classification; those with other names are left aside.

    Args:
        path: anything GDAL opens.
        bands: names of its bands, in order.

    Raises:
        SceneError: it is missing, not a raster, or not georeferenced.
        BandError: its bands cannot be told apart.
    """
    text = os.fspath(path)
    if members := _members(text, bands):
        return open_band_files(members, _stem(text))
    with opened(text, "scene") as dataset:
        grid = grid_of(dataset, "scene")
        parsed, order = _parsed(text, bands, [description or "" for description in dataset.descriptions])
        present = [name for name in parsed if name]
        if repeated := sorted({name for name in present if present.count(name) > 1}):
            raise BandError(
                f"The scene {text} holds more than one band named {', '.join(repeated)}; expected one of each, so name "
                f"those to take with --bands, in order, and the others - ({len(parsed)} names)."
            )
        units, acquisition = _own_tags(dataset.tags())
        found = {name: tagged(dataset, text, name, index) for index, name in enumerate(parsed, start=1) if name}
    classes, _ = found.pop("SCL", (None, None))
    refs = {name: ref for name, (ref, _) in found.items()}
    order = replace(order, value=" ".join(refs))
    notes = tuple(outside([text]))
    return Scene(_stem(text), refs, grid, units or _stated(found), classes, acquisition, notes, order=order)


def _own_tags(tags: Mapping[str, str]) -> tuple[Units | None, Acquisition]:
    """Return what a raster that ``l4s stack`` wrote says of its units and of its product."""
    try:
        facts = json.loads(tags.get("l4s", "{}"))
    except (ValueError, RecursionError):
        facts = {}
    if not isinstance(facts, dict) or facts.get("units") != STACK_UNITS:
        return None, Acquisition()
    known = {field.name: facts.get(field.name, "") for field in fields(Acquisition)}
    return "dn", Acquisition(**{name: value if isinstance(value, str) else "" for name, value in known.items()})


def _stem(path: str) -> str:
    """Return the name of a scene that is one file, or a part of one by GDAL's name."""
    stem = Path(shown(file_of(path) or path)).stem
    return stem.rstrip("*-_") or stem


def _members(path: str, bands: Sequence[str] | None) -> dict[str, str]:
    """Return the rasters of a container (netCDF, Zarr) that are called like bands, by band."""
    if bands:
        return {}
    names = contained(path, "scene")
    found = {name: band for name in names if (band := _band_named(re.split("[:/]", name)[-1]))}
    if not any(band in SPECTRAL for band in found.values()):
        return {}
    if repeated := sorted(band for band, count in Counter(found.values()).items() if count > 1):
        raise BandError(
            f"The scene {path} holds more than one raster named {', '.join(repeated)}; expected one of each, so give "
            f"those to take with --band, like --band '{repeated[0]}={next(iter(found))}'."
        )
    return {band: name for name, band in found.items()}


def _parsed(path: str, bands: Sequence[str] | None, descriptions: list[str]) -> tuple[list[str | None], Assumption]:
    """Return the band that each band of a raster is, None for others, and on what grounds that was told.

    Names of bands count before longer names with a band in them ("20220105T020549_B4"), and both before the order.
    """
    if bands and len(bands) != len(descriptions):
        raise BandError(
            f"{len(bands)} band names were given for the {len(descriptions)} bands of {path}; give one for each."
        )
    if bands:
        return [None if name.strip() == "-" else _named(name) for name in bands], Assumption(
            "", "option", option="bands"
        )
    plain = [_band_named(name) for name in descriptions]
    inside = [find_band(name) for name in descriptions]
    for found in (plain, inside):
        if any(name and name != "SCL" for name in found):
            told = [d for d, name in zip(descriptions, found, strict=True) if name and name != "SCL"]
            words = (
                ", ".join(told) if any(parse_band(d) is None for d in told) else "the file's descriptions of its bands"
            )
            return found, Assumption("", "names", words, "bands")
    names, order = _by_order(path, len(descriptions))
    return list(names), order


def _named(name: str) -> str:
    """Return the band that a name means which a user gave."""
    if band := _band_named(name):
        return band
    raise BandError(f"Band name {name!r} is unknown; the bands are {', '.join(BANDS)} and B8A.")


def _band_named(name: str) -> str | None:
    """Return the band that a name stands for; "SCL" also for "scl (classes)"."""
    return "SCL" if _is_classification(name) else named_band(name)


def _stated(found: Mapping[str, tuple[BandRef, Units | None]]) -> Units | None:
    """Return the units that the tags of all spectral bands settle, or None."""
    units = {stated for band, (_, stated) in found.items() if band not in TERRAIN}
    return units.pop() if len(units) == 1 else None


def open_band_files(files: Mapping[str, PathLike], name: str | None = None, strict: bool = True) -> Scene:
    """Describe a scene of single-band files.

    All files must share CRS and extent; pixel sizes may differ (10, 20 and 60 m), and the finest is the scene's.

    Args:
        files: path by band name ("B4", "b04", "slope", …); "SCL" for the scene classification.
        name: the scene's name; by default that of the files' folder.
        strict: whether a file of another CRS or extent is an error; otherwise its band is left aside, since no bundle
            may need it, and `Scene.aside` and a note say so.

    Raises:
        SceneError: a file is missing, not a raster, not georeferenced, or of another extent.
        BandError: a name is none of the 14 bands, or is given twice, or a file has several bands or is two of them.
    """
    paths = {}
    for given, path in files.items():
        if (band := _named(given)) in paths:
            raise BandError(f"Band {band} is given twice; give one file for each band.")
        paths[band] = os.fspath(path)
    _check_apart(paths)
    found: dict[str, tuple[BandRef, Units | None]] = {}
    grids: dict[str, Grid] = {}
    aside: dict[str, SceneError] = {}
    for band, path in paths.items():
        grids[band], found[band] = _band_file(band, path)
    if not set(found) - {"SCL"}:
        raise BandError("No band file was given; expected some like B4=red.tif.")
    classes, _ = found.pop("SCL", (None, None))
    grids.pop("SCL", None)
    finest = _reference(grids)
    for band, grid in grids.items():
        if misfit := _misfit(band, grid, finest, grids[finest]):
            aside[band] = SceneError(misfit)
            del found[band]
    if strict and aside:
        raise next(iter(aside.values()))
    refs = {band: ref for band, (ref, _) in found.items()}
    first = Path(shown(next(iter(refs.values())).path))
    told = Assumption(" ".join(refs), "option", option="band")
    notes = (
        *outside([ref.path for ref in refs.values()]),
        *([_left_aside(aside)] if aside else []),
    )
    return Scene(
        name or first.resolve().parent.name or first.stem,
        refs,
        grids[finest],
        _stated(found),
        classes=classes,
        notes=notes,
        order=told,
        aside=aside,
    )


def _check_apart(paths: Mapping[str, str]) -> None:
    """Check that no file is given for two bands."""
    bands: dict[str, str] = {}
    for band, path in paths.items():
        place = path if "://" in path or path.startswith("/vsi") else os.path.realpath(path)
        if (other := bands.setdefault(place, band)) != band:
            raise BandError(f"The file {shown(path)} is given for {other} and for {band}; give each band its own file.")


def _reference(grids: Mapping[str, Grid]) -> str:
    """Return the band whose grid is the scene's: of the finest ones the first that most bands fit."""
    sizes = {band: abs(grid.transform.a) for band, grid in grids.items()}
    finest = [band for band, size in sizes.items() if math.isclose(size, min(sizes.values()), rel_tol=1e-6)]
    return max(finest, key=lambda one: sum(_misfit(band, grids[band], one, grids[one]) == "" for band in grids))


def _left_aside(aside: Mapping[str, SceneError]) -> str:
    """Say which bands are left aside, and what is wrong with the first."""
    first, *others = aside
    why = str(aside[first]).rstrip(".")
    if not others:
        return f"{first} is left aside ({why})"
    return f"{', '.join(aside)} are left aside, since their files do not fit the others (of {first}: {why})"


def _band_file(band: str, path: str) -> tuple[Grid, tuple[BandRef, Units | None]]:
    """Describe the file of one band."""
    with opened(path, f"band {band}") as dataset:
        if dataset.count != 1:
            raise BandError(
                f"The file {path} given for {band} has {dataset.count} bands; expected a single-band "
                "raster, so take the band out (gdal_translate -b 1 FILE band1.tif)."
            )
        return grid_of(dataset, f"band {band}"), tagged(dataset, path, band)


def _is_classification(name: str) -> bool:
    """Whether a band's name is that of the scene classification: "SCL", "scl (classes)"."""
    return bool(re.match(r"SCL(?![A-Z0-9])", name.strip(), re.IGNORECASE))


def _by_order(path: str, count: int) -> tuple[list[str], Assumption]:
    """Tell unnamed bands by their number, and by where B10 stands among them.

    Raises:
        BandError: no order fits, or 14 bands are those of Sentinel-2 and another one.
    """
    orders = {
        14: [(BANDS, "the 14 of Landslide4Sense")],
        13: [(SENSED, "Sentinel-2's 13")],
        12: [(SPECTRAL, "the 12 of Landslide4Sense, no B8A"), (_LEVEL_2A, "Level-2A's 12, no B10")],
    }
    # Slopes are small numbers, too.
    cirrus = _cirrus(path, len(SPECTRAL) if count == len(BANDS) else count) if count in orders else None
    for order, text in orders.get(count, []):
        # In Landslide4Sense's own units B10 is as bright as the others.
        if cirrus is not None and order[cirrus] == "B10":
            return list(order), Assumption("", "values", f"{count} bands without names fit {text}", "bands")
        if cirrus is None and (count == len(BANDS) or "B10" not in order):
            origin: Origin = "default" if count == len(BANDS) else "values"
            return list(order), Assumption("", origin, f"{count} bands without names may be {text}", "bands")
    if count == len(BANDS) and cirrus == SENSED.index("B10"):
        raise BandError(
            f"The scene {path} has 14 bands without names, of which the 11th is far darker than the others, as B10 is "
            "among Sentinel-2's 13 and not among the 14 of Landslide4Sense; name them: --bands "
            f"{','.join((*SENSED, '-'))}, with DEM or slope in place of the last if it is that."
        )
    raise BandError(
        f"The scene {path} has {count} bands without names, which no known order fits; expected band descriptions "
        f"(B1…B12, slope, DEM) or exactly the {len(BANDS)} Landslide4Sense bands in order, so name them (--bands "
        "B2,B3,B4,…; - leaves one aside) or give single-band files (--band B4=red.tif)."
    )


def _cirrus(path: str, count: int) -> int | None:
    """Return the place of a band that is far darker than all others, as B10 is, among the first so many."""
    medians = [float(np.nanmedian(sample(BandRef(path, i + 1), "scene"))) for i in range(count)]
    darkest = int(np.nanargmin(medians)) if np.isfinite(medians).any() else 0
    others = min((m for i, m in enumerate(medians) if i != darkest), default=0.0)
    return darkest if medians[darkest] < others / _B10_DARKER else None


def _misfit(band: str, grid: Grid, reference_band: str, reference: Grid) -> str:
    """Say why a band cannot be read with another; "" if it can."""
    if grid.crs != reference.crs:
        return (
            f"Band {band} is in {grid.crs_name} and band {reference_band} in {reference.crs_name}; expected one CRS "
            "for all bands, so warp them to one first (gdalwarp -t_srs EPSG:… FILE warped.tif)."
        )
    tolerance = abs(reference.transform.a) / 2
    if not np.allclose(grid.bounds, reference.bounds, rtol=0, atol=tolerance):
        return (
            f"Band {band} ({grid.height} × {grid.width} pixels) does not cover the same ground as band "
            f"{reference_band} ({reference.height} × {reference.width} pixels): bounds {_text(grid)} against "
            f"{_text(reference)}. Expected one extent for all bands, so crop them to one first "
            "(gdalwarp -te LEFT BOTTOM RIGHT TOP FILE cropped.tif)."
        )
    return ""


def _text(grid: Grid) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in grid.bounds) + ")"
