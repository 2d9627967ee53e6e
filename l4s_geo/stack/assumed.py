"""What is taken for granted of an open scene, collected in one place, and what its user should know besides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from l4s_geo.address import is_network, shown
from l4s_geo.assumptions import Assumption, Assumptions
from l4s_geo.bands import SPECTRAL
from l4s_geo.sources.rasters import opened
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.stack import Stack

__all__ = ["assumptions_of", "remarks_of"]


def assumptions_of(stack: Stack) -> Assumptions:
    """Collect what is taken for granted of a scene, and on what grounds.

    Raises:
        SceneError: a file of the scene cannot be opened.
    """
    scene = stack.scene
    return Assumptions(
        units=stack.radiometry.stated,
        offset=stack.radiometry.added,
        order=scene.order or Assumption(" ".join(scene.bands), "metadata"),
        sensor=_sensor(scene),
        nodata=_nodata(stack),
        terrain=_terrain(stack),
        date=_date(scene),
    )


def remarks_of(stack: Stack) -> list[str]:
    """Return what a user should know of how scene, terrain, masks and area were understood, one sentence each."""
    remarks = [*stack.scene.notes, *(stack.dem.remarks if stack.dem else ()), *stack.remarks]
    return [shown(remark) for remark in remarks]


def _sensor(scene: Scene) -> Assumption:
    known = scene.acquisition
    if known.product or known.level:
        return Assumption(" ".join(filter(None, ("Sentinel-2", known.level))), "metadata", known.product)
    return scene.sensor or Assumption("Sentinel-2", "default", "nothing says otherwise", "sensor")


def _date(scene: Scene) -> Assumption:
    if scene.acquisition.acquired:
        return Assumption(scene.acquisition.acquired, "metadata")
    return scene.dated or Assumption("unknown", "none", "neither metadata nor names of files tell it")


def _nodata(stack: Stack) -> Assumption:
    before, now = stack.radiometry.scene.bands, stack.scene.bands
    fills = {band: ref.nodata for band, ref in now.items() if ref.nodata is not None and before[band].nodata is None}
    if fills:
        listed = ", ".join(sorted({f"{value:g}" for value in fills.values()}))
        return Assumption(listed, "values", f"it is the lowest value of {', '.join(fills)}, and repeated")
    if declared := sorted(set(_declared(stack.scene)), key=str):
        return Assumption(", ".join("NaN" if np.isnan(value) else f"{value:g}" for value in declared), "metadata")
    if any(is_network(ref.path) for ref in now.values()):
        return Assumption("what each file declares, and 0 in every band", "default", "the files have not been read yet")
    return Assumption("0 in every band", "default", "the files declare none")


def _declared(scene: Scene) -> Iterator[float]:
    """Yield the values that sources and files declare as no data."""
    files: dict[str, int] = {}
    for band, ref in scene.bands.items():
        if ref.nodata is not None:
            yield float(ref.nodata)
        elif band in SPECTRAL and not is_network(ref.path):
            files.setdefault(ref.path, ref.index)
    for path, index in files.items():
        with opened(path, "scene") as dataset:
            if (value := dataset.nodatavals[index - 1]) is not None:
                yield float(value)


def _terrain(stack: Stack) -> Assumption:
    if stack.dem:
        paths = ", ".join(stack.dem.paths)
        slope = f", slopes of {stack.dem.slope_path}" if stack.dem.slope_path else ""
        return Assumption(f"{paths}{slope}, known for {stack.dem.covered:.0%} of the scene", "option", option="dem")
    own = [band for band in ("DEM", "slope") if band in stack.scene.bands]
    if stack.has_terrain:
        return Assumption(f"the scene's own {' and '.join(own)} band", "names", option="dem")
    return Assumption("none, so the terrain attributes stay empty", "none", "no DEM was given", "dem")
