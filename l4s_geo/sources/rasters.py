"""Rasters opened and sampled, with one clear error for each way in which that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from l4s_geo.address import gdal_name, is_network, shown
from l4s_geo.bands import REFLECTANCE_TO_DN, TERRAIN
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.grid import Grid
from l4s_geo.sources import http
from l4s_geo.sources.drivers import drivers_for, is_vrt, stray_sidecar
from l4s_geo.sources.jp2 import is_complete
from l4s_geo.sources.mosaic import is_mosaic, mosaic_of, tiles_of
from l4s_geo.sources.names import file_of, lacking_driver
from l4s_geo.sources.patch import is_patch, patch_raster
from l4s_geo.sources.scene import BandRef
from l4s_geo.sources.signing import signed
from l4s_geo.sources.vrt import check_vrt
from l4s_geo.units import Units

__all__ = [
    "bare",
    "check_complete",
    "contained",
    "grid_of",
    "opened",
    "read_error",
    "reading",
    "sample",
    "scaled",
    "tagged",
]


_SAMPLE_SIDE = 512
_NAMES_SHOWN = 8
# Scales up to this turn digital numbers into reflectance, whose brightest values are under the second number.
_REFLECTANCE_SCALE = 1e-3
_ALREADY_REFLECTANCE = 2.0


@contextmanager
def opened(path: str, what: str, error: type[L4SError] = SceneError) -> Iterator[Any]:
    """Open a raster, turning every way in which that fails into one clear error.

    A JPEG 2000 file of this machine that is cut off fails as well, be it the raster itself or what a VRT refers to.
    `drivers_for` and `check_vrt` decide what is opened at all.

    Args:
        path: a path or an address that GDAL opens, or a patch of Landslide4Sense.
        what: the raster's part in the run, for the message ("scene", "DEM", "band B4").
        error: class to raise.

    Yields:
        The rasterio dataset, which has bands.
    """
    with _opened(path, what, error) as dataset:
        if not dataset.count:
            raise _several(dataset, path, what, error)
        if any(dtype.startswith("complex") for dtype in dataset.dtypes):
            raise error(
                f"The {what} {path} holds complex numbers, as raw radar images do; expected real ones, so take those "
                "out that are meant (gdal_translate -ot Float32 keeps the real part)."
            )
        yield dataset


def contained(path: str, what: str, error: type[L4SError] = SceneError) -> list[str]:
    """Return GDAL's names of the rasters in a container, such as a netCDF file of several variables.

    Args:
        path: anything GDAL opens.
        what: its part in the run, for messages.
        error: class to raise.

    Returns:
        The names; none if the file is a raster itself.
    """
    with _opened(path, what, error) as dataset:
        return [] if dataset.count else list(dataset.subdatasets)


@contextmanager
def _opened(path: str, what: str, error: type[L4SError]) -> Iterator[Any]:
    """Open a raster or a container of rasters."""
    if is_mosaic(path):
        with _mosaic(path, what, error) as dataset:
            yield dataset
        return
    file = file_of(path)
    if file is not None and not Path(file).exists():
        raise error(f"The {what} {file} does not exist; give the path of a raster file.")
    if file is not None and is_patch(path):
        with patch_raster(path, what, error) as dataset:
            yield dataset
        return
    with _dataset(path, what, error) as dataset:
        if names := dataset.tags(ns="OVERVIEWS").get("OVERVIEW_FILE"):
            raise error(
                f"The {what} {path} names another file as its overviews ({names}); expected overviews in the file or "
                "none, so copy it without them (gdal_translate)."
            )
        for part in map(Path, dataset.files if file is not None else ()):
            if part.is_file():
                with part.open("rb") as stream:
                    check_complete(stream, str(part), what, error)
        yield dataset


def _dataset(path: str, what: str, error: type[L4SError]) -> Any:
    """Open a raster with the drivers that it may be for, as often as its host asks to wait for it."""
    try:
        name, drivers = gdal_name(path), list(drivers_for(path))
    except ValueError as cause:
        raise error(
            f"The {what} {path.partition('://')[0]}://… cannot be read ({cause}); expected the path of a file, or an "
            "address that begins with http://, https:// or s3:// and holds no blanks."
        ) from None
    if is_vrt(path):
        check_vrt(path, what, error)
    if not is_network(path) and (stray := stray_sidecar(path)):
        raise error(f"The file {stray} beside the {what} is no TIFF; expected overviews or a mask, so move it away.")
    settings = http.http_options() if is_network(path) else {"GDAL_VRT_ENABLE_PYTHON": "NO"}
    beside = "EMPTY_DIR" if _is_alone(path) else "NO"
    for further in reversed(range(1 + http.HTTP.retries)):
        try:
            with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN=beside, **settings):
                return DatasetReader(signed(name, error), driver=drivers)
        except (RasterioError, SystemError) as cause:  # the latter where GDAL fails without a reason
            if is_network(path) and further and http.wait_as_asked(name):
                continue
            expected = f"a GeoTIFF, JPEG 2000, VRT or another plain raster{_hint(path)}"
            if is_network(path):
                expected = "a GeoTIFF or JPEG 2000 over a network, so download other formats first"
            raise error(
                f"The {what} {path} is not a raster that can be read ({cause}); expected {expected}."
            ) from bare(cause)
    raise AssertionError("the last attempt returns or raises")


def bare(cause: Exception) -> RasterioError:
    """Return a rasterio error for a traceback, without what its text may hold of an address's secrets."""
    return RasterioError(shown(str(cause.__cause__ or cause)))


@contextmanager
def reading(path: str, what: str, error: type[L4SError] = SceneError) -> Iterator[None]:
    """Turn rasterio's errors while pixels are read into `read_error`."""
    try:
        yield
    except RasterioError as cause:
        raise read_error(path, what, cause, error) from bare(cause)


@contextmanager
def _mosaic(path: str, what: str, error: type[L4SError]) -> Iterator[Any]:
    """Open the tiles that a pattern stands for as one raster."""
    tiles = tiles_of(path)
    if not tiles:
        raise error(f"The {what} {path} stands for no file; give a pattern of tiles, like scene-*.tif.")
    with ExitStack() as files:
        datasets = [files.enter_context(opened(tile, what, error)) for tile in tiles]
        for dataset in datasets:
            grid_of(dataset, what, error)
        document = mosaic_of(datasets, f"{what} {path}", error)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="NO"):
        dataset = rasterio.open(document)
    with dataset:
        yield dataset


def _hint(path: str) -> str:
    """Return what to do with a file that is no raster for GDAL, as the end of a sentence."""
    if driver := lacking_driver(path):
        return (
            f"; this GDAL has no driver for {driver}, so convert it to GeoTIFF with one that has (gdal_translate FILE "
            "converted.tif)"
        )
    return ", so " + ("unzip it first" if path.lower().endswith(".zip") else "make a GeoTIFF of it (gdal_translate)")


def _several(dataset: Any, path: str, what: str, error: type[L4SError]) -> L4SError:
    """Return the error for a container of rasters."""
    names = list(dataset.subdatasets)
    shown_ones = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    if not names:
        return error(f"The {what} {path} holds no raster; expected a file with bands, so choose another.")
    return error(
        f"The {what} {path} holds {len(names)} rasters ({shown_ones}); expected one, so give one by its name, in "
        "quotes, and a scene's bands one by one (--band 'B4=NAME')."
    )


def _is_alone(path: str) -> bool:
    """Whether the files beside a raster are none of its own: headers, statistics, masks, world files.

    Nobody looks for them over a network, where each look is a request. An image of a SAFE product has none: the
    product's metadata say all, and what else lies there is not to be trusted.
    """
    return is_network(path) or "GRANULE" in Path(path).parts


def check_complete(stream: IO[bytes], path: str, what: str, error: type[L4SError] = SceneError) -> None:
    """Refuse a JPEG 2000 file that ends early: GDAL would read what is missing without an error.

    Args:
        stream: the file's content.
        path: its path, for the message.
        what: its part in the run, for the message.
        error: class to raise.
    """
    if not is_complete(stream):
        raise read_error(path, what, EOFError("its JPEG 2000 codestream ends early"), error)


def read_error(path: str, what: str, cause: Exception, error: type[L4SError] = SceneError) -> L4SError:
    """Return the error for a raster that opened but whose pixels cannot be read."""
    detail = str(cause.__cause__ or cause)
    if is_network(path):
        return error(f"The {what} {path} cannot be read over the network ({detail}); try again later.")
    return error(
        f"The {what} {path} cannot be read to its end ({detail}); the file seems to be truncated or damaged, so "
        "copy or download it again."
    )


def grid_of(dataset: Any, what: str, error: type[L4SError] = SceneError) -> Grid:
    """Return a dataset's grid.

    Raises:
        L4SError: it has no CRS or no georeference.
    """
    placed = not dataset.transform.is_identity
    if not placed and (dataset.gcps[0] or dataset.rpcs):
        kind, option = ("ground control points", "") if dataset.gcps[0] else ("rational polynomials (RPC)", "-rpc ")
        option += "-s_srs EPSG:… " if dataset.gcps[0] and dataset.gcps[1] is None else ""
        raise error(
            f"The {what} {dataset.name} is placed by {kind} alone; expected a raster whose rows and columns lie in its "
            f"CRS, so warp it first (gdalwarp {option}FILE warped.tif)."
        )
    if dataset.crs is None:
        raise error(
            f"The {what} {dataset.name} has no coordinate reference system; expected a georeferenced raster, so "
            "assign its CRS first (gdal_translate -a_srs EPSG:… FILE placed.tif)."
        )
    if not placed:
        raise error(
            f"The {what} {dataset.name} has a CRS but no position (its transform is the identity); expected a "
            "georeferenced raster, so assign its corners first (gdal_translate -a_ullr WEST NORTH EAST SOUTH FILE "
            "placed.tif)."
        )
    return Grid(dataset.crs, dataset.transform, dataset.height, dataset.width)


def tagged(dataset: Any, path: str, band: str, index: int = 1) -> tuple[BandRef, Units | None]:
    """Describe a band of an open raster, with the scale and the offset that the raster's own tags state.

    Tags that turn digital numbers into reflectance are rewritten so that they take no more than the offset off. Those
    that a program left on values to which they have been applied already are left aside.

    Returns:
        The band, and its units, "dn", if the tags settle them.
    """
    own, first = dataset.nodatavals[index - 1], dataset.nodatavals[0]
    # A file is warped with the nodata of its first band, so that another one has to be said.
    differs = own is not None and not np.isnan(own) and own != first
    ref = BandRef(path, index, nodata=own if differs else None)
    return scaled(dataset, ref, band, dataset.scales[index - 1], dataset.offsets[index - 1])


def scaled(dataset: Any, plain: BandRef, band: str, scale: float, offset: float) -> tuple[BandRef, Units | None]:
    """Describe a band of an open raster whose scale and offset are known, see `tagged`."""
    if np.isfinite(scale) and scale < 0:
        raise SceneError(
            f"Band {band} of {plain.path} states the scale {scale:g}; expected a positive one, so apply it first "
            "(gdal_translate -unscale -ot Float32 FILE unscaled.tif)."
        )
    if (scale, offset) == (1.0, 0.0) or not (np.isfinite(scale) and np.isfinite(offset) and scale > 0):
        return plain, None
    if band in TERRAIN or scale > _REFLECTANCE_SCALE:
        return replace(plain, scale=scale, offset=offset), None
    if np.issubdtype(np.dtype(dataset.dtypes[plain.index - 1]), np.floating):
        values = sample(plain, f"band {band}")
        values = values[np.isfinite(values)]
        if values.size and np.percentile(values, 99) < _ALREADY_REFLECTANCE:
            return plain, None
    to_dn = (round(scale * REFLECTANCE_TO_DN, 9), round(offset * REFLECTANCE_TO_DN, 6))
    return replace(plain, scale=to_dn[0], offset=to_dn[1]), "dn"


def sample(ref: BandRef, what: str) -> NDArray[np.float32]:
    """Read a coarse sample of a band: every k-th pixel, at most 512 × 512.

    Returns:
        (rows, cols) float32, NaN where nodata or infinite.
    """
    with opened(ref.path, what) as dataset:
        step = max(1, -(-max(dataset.shape) // _SAMPLE_SIDE))
        shape = (-(-dataset.height // step), -(-dataset.width // step))
        with reading(ref.path, what):
            values = dataset.read(
                ref.index, out_shape=shape, masked=True, out_dtype="float32", resampling=Resampling.nearest
            )
    array: NDArray[np.float32] = values.filled(np.nan)
    array[~np.isfinite(array)] = np.nan
    if ref.nodata is not None:
        array[array == np.float32(ref.nodata)] = np.nan
    return array
