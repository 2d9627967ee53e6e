"""The area's part of a scene or of elevations, copied to this machine.

A scene becomes a folder with a GeoTIFF a band and its STAC item, whose assets now are these files: what the item says
of offsets and baselines stays, so that the copy is read as the original is. Nothing but the windows that meet the area
is read from the network.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from l4s_geo.address import shown
from l4s_geo.errors import EventError, SceneError
from l4s_geo.events.apis import check_credentials
from l4s_geo.sources.rasters import grid_of, opened, reading
from l4s_geo.sources.stac import Json, band_assets, check_redirects, elevation_file, load_item

__all__ = ["download_elevation", "download_scene"]

_SNAP = 60.0
"""Metres: the coarsest pixel of Sentinel-2, at whose borders all bands are cut, so that they fit."""
_MARGIN = 1280.0
"""Metres around the area, a window of the networks, so that they see what is beside it."""
_DEGREE = 111_000.0
_BLOCK = 512
_NAME = re.compile(r"[^\w.-]+")


def download_scene(href: str, area: shapely.Geometry, folder: Path) -> Path:
    """Copy the area's part of a scene.

    Args:
        href: address of its STAC item.
        area: the ground, in degrees.
        folder: where to make a folder for it.

    Returns:
        The copy's STAC item. One that is there already is kept.

    Raises:
        EventError: it cannot be read or written, or does not meet the area.
    """
    place = folder / _safe(Path(shown(href)).name.removesuffix(".json"))
    target = place / f"{place.name}.json"
    if target.is_file():
        return target
    with _explained(href), _made(place) as part:
        item, base = load_item(href)
        assets: dict[str, Any] = {}
        found = band_assets(item, base)
        check_redirects(dict(found.values()), str(item.get("id")), base)
        for band, (key, path) in found.items():
            check_credentials(path)
            _copy(path, f"band {band}", area, part / f"{band}.tif")
            assets[key] = {**_plain(item["assets"][key]), "href": f"{band}.tif", "type": "image/tiff"}
        links = [{"rel": "derived_from", "href": shown(href), "type": "application/geo+json"}]
        copy = {**item, "assets": assets, "links": links}
        (part / target.name).write_text(json.dumps(copy, indent=1) + "\n", encoding="utf-8")
    return target


def download_elevation(href: str, area: shapely.Geometry, folder: Path) -> Path:
    """Copy the area's part of elevations.

    Args:
        href: address of their STAC item.
        area: the ground, in degrees.
        folder: where to write the GeoTIFF.

    Returns:
        The copy. One that is there already is kept.

    Raises:
        EventError: they cannot be read or written, or do not meet the area.
    """
    place = folder / f"dem-{_safe(Path(shown(href)).name.removesuffix('.json'))}"
    target = place / "dem.tif"
    if not target.is_file():
        with _explained(href), _made(place) as part:
            path = elevation_file(href)
            check_credentials(path)
            _copy(path, "DEM", area, part / "dem.tif")
    return target


def _copy(path: str, what: str, area: shapely.Geometry, target: Path) -> None:
    """Copy the part of a raster that meets an area, block by block."""
    with opened(path, what) as dataset:
        window = _window(dataset, what, area)
        profile = {
            "driver": "GTiff",
            "count": dataset.count,
            "dtype": dataset.dtypes[0],
            "crs": dataset.crs,
            "transform": dataset.window_transform(window),
            "width": window.width,
            "height": window.height,
            "nodata": dataset.nodata,
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
            "compress": "deflate",
        }
        with rasterio.open(target, "w", **profile) as copy:
            copy.scales, copy.offsets = dataset.scales, dataset.offsets
            copy.descriptions, copy.units = dataset.descriptions, dataset.units
            for top in range(0, window.height, _BLOCK):
                for left in range(0, window.width, _BLOCK):
                    width, height = min(_BLOCK, window.width - left), min(_BLOCK, window.height - top)
                    with reading(path, what):
                        values = dataset.read(window=Window(window.col_off + left, window.row_off + top, width, height))
                    copy.write(values, window=Window(left, top, width, height))


def _window(dataset: Any, what: str, area: shapely.Geometry) -> Window:
    """Return the pixels of a raster that meet an area, cut where pixels of all bands have a border."""
    grid = grid_of(dataset, what)
    west, south, east, north = transform_bounds(CRS.from_epsg(4326), grid.crs, *area.bounds, densify_pts=21)
    degrees = grid.crs.is_geographic
    # Elevations reach further than bands, whose edge wants a slope too.
    snap, up = (0.0, 2 * _MARGIN / _DEGREE) if degrees else (_SNAP, _MARGIN)
    across = up / max(math.cos(math.radians((south + north) / 2)), 0.01) if degrees else up
    left, top = grid.transform.c, grid.transform.f
    west, south, east, north = west - across, south - up, east + across, north + up
    if snap:
        west, east = left + math.floor((west - left) / snap) * snap, left + math.ceil((east - left) / snap) * snap
        north, south = top - math.floor((top - north) / snap) * snap, top - math.ceil((top - south) / snap) * snap
    asked = from_bounds(west, south, east, north, transform=grid.transform)
    first_row, first_col = max(0, math.floor(asked.row_off + 1e-6)), max(0, math.floor(asked.col_off + 1e-6))
    last_row = min(dataset.height, math.ceil(asked.row_off + asked.height - 1e-6))
    last_col = min(dataset.width, math.ceil(asked.col_off + asked.width - 1e-6))
    if first_row >= last_row or first_col >= last_col:
        raise SceneError(f"The {what} does not meet the area; expected a scene of it, so take it out of the list.")
    return Window(first_col, first_row, last_col - first_col, last_row - first_row)


@contextmanager
def _made(place: Path) -> Iterator[Path]:
    """Make a folder whole or not at all."""
    part = place.with_name(f".{place.name}.l4s-part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        shutil.rmtree(place, ignore_errors=True)  # without an item, it is what a stopped copy left
        part.replace(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _explained(href: str) -> Iterator[None]:
    """Turn what goes wrong with a copy into one error."""
    try:
        yield
    except EventError:
        raise
    except SceneError as cause:
        raise EventError(str(cause)) from cause
    except (OSError, rasterio.errors.RasterioError) as cause:
        raise EventError(
            f"The copy of {href} could not be written ({shown(str(cause))}); free some space or choose another folder "
            "(--download), and search again."
        ) from cause


def _plain(asset: Any) -> Json:
    """Return what an asset says of its values, without other ways to reach it."""
    kept: Mapping[str, Any] = asset if isinstance(asset, dict) else {}
    return {key: value for key, value in kept.items() if key not in ("alternate", "auth:refs", "storage:refs")}


def _safe(name: str) -> str:
    """Return a name that a folder can have."""
    return _NAME.sub("-", name).lstrip(".-")[:100] or "scene"
