"""The files of this machine that a run reads: those given, what lies around them, and what they refer to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from l4s_geo.output.identity import Files, local_files
from l4s_geo.sources.drivers import drivers_for
from l4s_geo.sources.patch import is_patch
from l4s_geo.sources.safe import is_safe
from l4s_geo.sources.vectors import vector_file
from l4s_geo.stack.open import Inputs
from l4s_geo.stack.stack import Stack

__all__ = ["files_of", "input_files", "stamps"]

_SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def input_files(inputs: Inputs, stack: Stack) -> Files:
    """Find the files that a run reads.

    Args:
        inputs: what was given.
        stack: what became of it.

    Returns:
        Files and folders by what they are; a folder stands for all that is in it. The folder of single-band files is
        not among them, but the files.
    """
    found: dict[str, list[Path]] = {}
    scene = [] if isinstance(inputs.scene, Mapping) else local_files(inputs.scene)
    found["scene"] = [path for path in scene if not path.is_dir() or is_safe(path)]
    refs = [*stack.scene.bands.values(), *([stack.scene.classes] if stack.scene.classes else [])]
    found["scene"] += (images := _rasters(ref.path for ref in refs))
    found["scene"] += [f for f in dict.fromkeys(f for i in images for f in i.resolve().parents) if f.suffix == ".SAFE"]
    found["DEM"] = _rasters(stack.dem.paths) if stack.dem else []
    found["slope"] = _rasters([os.fspath(inputs.slope)] if inputs.slope is not None else [])
    found["mask"] = files_of(inputs.mask)
    found["area of interest"] = files_of(inputs.aoi)
    return found


def stamps(files: Files) -> list[tuple[str, int, int, int]]:
    """Return what tells whether files have changed: place, size, and when content and anything at all last changed.

    The second time is the system's own, so that a program that sets the first one back does not hide a change.

    Args:
        files: as `input_files` finds them; folders are left aside.
    """
    found = {path.resolve() for paths in files.values() for path in paths if path.is_file()}
    stats = [(path, path.stat()) for path in sorted(found)]
    return [(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]


def files_of(given: str | os.PathLike[str] | None) -> list[Path]:
    """Find the files of a vector file or a raster: itself, the parts of a Shapefile, what a virtual raster is made of.

    Args:
        given: its name, perhaps with a layer; None for no file.
    """
    if given is None:
        return []
    found = local_files(vector_file(given))
    parts = [path.with_suffix(s) for path in found if path.suffix.lower() in _SHAPEFILE for s in _SHAPEFILE]
    return [*found, *(part for part in parts if part.exists()), *_rasters(map(str, found))]


def _rasters(names: Iterable[str]) -> list[Path]:
    """Return rasters with what lies beside them and, of virtual ones, what they are made of, however deep."""
    found: dict[Path, None] = {}
    todo = list(dict.fromkeys(names))
    while todo:
        name = todo.pop()
        new = [path for path in (*local_files(name), *_referred(name)) if path not in found]
        found |= dict.fromkeys(new)
        todo += [str(path) for path in new if path.suffix.lower() == ".vrt" and str(path) != name]
    return list(found)


def _referred(name: str) -> list[Path]:
    """Return the files that GDAL says a raster of this machine consists of."""
    if not local_files(name) or is_patch(name):
        return []
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="FALSE", GDAL_VRT_ENABLE_PYTHON="NO"),
            DatasetReader(name, driver=list(drivers_for(name))) as dataset,
        ):
            return [path for file in dataset.files for path in local_files(file)]
    except RasterioError:
        return []  # a vector file, or one whose fault has its own message
