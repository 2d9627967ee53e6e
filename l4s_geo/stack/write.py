"""A stack on disk: all bands of Landslide4Sense that a scene has, on its mapping grid, in one GeoTIFF.

The strips of a stack are written one by one into a folder beside the output and put together at the end. A strip
that is there is complete, so a run that was stopped goes on after the last one.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from l4s_geo.address import shown_all
from l4s_geo.bands import BANDS, TERRAIN
from l4s_geo.grid import Grid, Window
from l4s_geo.output.claim import claimed
from l4s_geo.output.cog import add_source, vrt, write_cog
from l4s_geo.output.geotiff import create
from l4s_geo.output.identity import check_apart
from l4s_geo.output.probability_raster import SUFFIXES
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.staging import check_output, destination, staged
from l4s_geo.progress import Reporter, heard
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.input_files import input_files, stamps
from l4s_geo.stack.open import Inputs, fingerprint, gdal_settings, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.units import STACK_UNITS

__all__ = ["write_stack"]

_STRIP = 256


def write_stack(inputs: Inputs, out: str | os.PathLike[str], *, resume: bool = False, reporter: Reporter) -> None:
    """Write a stack as a Cloud Optimized GeoTIFF, strip by strip.

    Bands are float32 with their names as descriptions, NaN as nodata: digital numbers without offset, slope in
    degrees, DEM in metres. Mapping the file gives what mapping the scene gives.

    Args:
        inputs: the scene and what belongs to it.
        out: the file, .tif.
        resume: keep the strips that a stopped run of the same command has written.
        reporter: hears how the run goes, its progress in strips.

    Raises:
        L4SError: an input cannot be used or the output cannot be written.
    """
    path = Path(out)
    check_output(path, SUFFIXES, "stack", styled=False)
    with claimed(path):
        _write(inputs, path, resume, reporter)
    reporter.say(f"Written: {path}")


def _write(inputs: Inputs, path: Path, resume: bool, reporter: Reporter) -> None:
    with heard(reporter), open_stack(inputs) as stack:
        read = input_files(inputs, stack)
        check_apart([destination(path)], read)
        window = stack.area.window() if stack.area else stack.grid.whole
        grid = stack.grid.part(window)
        bands = [b for b in BANDS if b in stack.bands]
        strips = grid.rows(_STRIP)
        reporter.say(f"Stack: {', '.join(bands)}, {grid.height} × {grid.width} pixels of 10 m in {grid.crs_name}")
        reporter.assumes(assumptions_of(stack))
        for remark in remarks_of(stack):
            reporter.say(f"Note: {remark}")
        parts = ResumeStore(path, fingerprint(inputs, stack, "stack", bands, stamps(read)), resume)
        done = {name for name in parts.names() if _is_whole(parts.path(name))}
        if parts.resumed:
            reporter.say(f"Resuming: {len(done)} of {len(strips)} strips are there")
        for number, strip in enumerate(strips):
            name = f"{number:05d}.tif"
            if name not in done:
                source = Window(strip.row + window.row, window.col, strip.height, strip.width)
                write = partial(_write_strip, array=values(stack, bands, source), grid=grid.part(strip))
                parts.write(name, write)
            reporter.progress(number + 1, len(strips))
        facts = {"units": STACK_UNITS, "scene": stack.scene.name, **asdict(stack.scene.acquisition)}
        facts = shown_all(facts)
    mosaic = parts.folder / "stack.vrt"
    with parts.writing():
        mosaic.write_text(_mosaic(grid, bands, strips, facts), encoding="utf-8")
    with parts.done_with(), gdal_settings(), staged(path) as (staging,):
        if staging:
            write_cog(mosaic, staging, compress="ZSTD", level=9, predictor="FLOATING_POINT")


def values(stack: Stack, bands: list[str], window: Window) -> NDArray[np.float32]:
    """Read a window as raw values: (bands, rows, cols) float32, digital numbers, degrees and metres.

    Masks hide the spectral bands only: terrain is known under a cloud too.
    """
    out = stack.read_raw(bands, window)
    if stack.masks and (terrain := stack.terrain(window)) is not None:
        for band, known in (("slope", terrain.slope), ("DEM", terrain.elevation)):
            if band in bands:
                out[bands.index(band)] = known
    return out


def _is_whole(path: Path) -> bool:
    """Whether a strip of an earlier run can be read to its end; a power failure may have left it empty or cut off."""
    try:
        with rasterio.open(path) as dataset:
            for _, window in dataset.block_windows(1):
                dataset.read(window=window)
    except (RasterioError, SystemError):  # the latter where GDAL fails and another thread has cleared its reason
        return False
    return True


def _write_strip(path: Path, array: NDArray[np.float32], grid: Grid) -> None:
    layout: dict[str, Any] = {"nodata": np.nan, "tiled": True, "blockxsize": 512, "blockysize": 512}
    layout |= {"compress": "ZSTD", "zstd_level": 1, "predictor": 3, "num_threads": "ALL_CPUS"}
    with create(path, grid, "float32", count=len(array), interleave="band", **layout) as dataset:
        dataset.write(array)


def _mosaic(grid: Grid, bands: list[str], strips: list[Window], facts: dict[str, str]) -> str:
    """Return the text of a VRT that puts the strips together."""
    root = vrt(grid, facts)
    for index, name in enumerate(bands, start=1):
        band = ET.SubElement(root, "VRTRasterBand", dataType="Float32", band=str(index))
        ET.SubElement(band, "Description").text = name
        ET.SubElement(band, "NoDataValue").text = "nan"
        if name in TERRAIN:
            ET.SubElement(band, "UnitType").text = "degree" if name == "slope" else "metre"
        for number, strip in enumerate(strips):
            source = add_source(band, "SimpleSource", f"{number:05d}.tif", index)
            size: dict[str, Any] = {"xSize": str(strip.width), "ySize": str(strip.height)}
            ET.SubElement(source, "SrcRect", xOff="0", yOff="0", **size)
            ET.SubElement(source, "DstRect", xOff="0", yOff=str(strip.row), **size)
    return ET.tostring(root, encoding="unicode")
