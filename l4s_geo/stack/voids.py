"""Elevations that are none: what fills the holes and collars of a DEM without being declared as nodata.

Two things give a fill value away. It lies where no ground does, under −500 m or above 9000 m (−32768, −9999, −3.4e38);
or it is one constant value beside which the ground falls off as no ground does (0 around mountains). A sea or a lake
is constant too, but its shores are gentle, save for a few dams and cliffs. On low ground no cliff is high; there, 0 is
a fill value if the ground breaks off to it everywhere, and by far more than it rises and falls elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.io import MemoryFile

__all__ = ["HIGHEST", "LOWEST", "Voids", "find_voids", "impossible", "in_metres", "is_scaled", "without_voids"]

LOWEST, HIGHEST = -500.0, 9000.0
"""Elevations between which all ground lies, in metres."""

_STEEP = 3.7
"""Rise over run, 75°, from which a step beside a constant value is no slope of the ground."""
_STEP = 50.0
"""Metres from which such a step is none of a wall, of a house or of rounded elevations."""
_CLIFFS = 0.2
"""Share of the steps around a constant value that are such cliffs, if it is a fill value."""
_BREAK = 5.0
"""Metres by which low ground breaks off at nine tenths of its border with a fill value, at least."""
_TIMES_ROUGHER = 8.0
"""How many times the usual step between pixels that differ such a break is, at least."""
_PIXELS = 8
"""Pixels, most of them side by side, that make a value constant."""
_CANDIDATES = 8
_EVERY = 16
_TOLD = 3
_FILL = -32768.0


@dataclass(frozen=True)
class Voids:
    """The pixels of a raster whose value is no elevation."""

    constants: tuple[float, ...]
    """Values between `LOWEST` and `HIGHEST` that fill voids."""
    beyond: tuple[float, ...]
    """The commonest values beyond those two, commonest first."""
    share: float
    """The share of all pixels that are such voids, 0 to 1; those declared as nodata are not counted."""
    scaled: bool
    """Whether most values lie beyond, and differ, so that they are elevations in another unit than metres."""


def impossible(elevation: NDArray[np.float32], constants: Sequence[float] = ()) -> NDArray[np.bool_]:
    """Tell which elevations are none: beyond those of all ground, or one of the constants that fill voids.

    Args:
        elevation: metres, of any shape; NaN where unknown.
        constants: see `Voids`.
    """
    with np.errstate(invalid="ignore"):
        out: NDArray[np.bool_] = (elevation < LOWEST) | (elevation > HIGHEST)
    for value in constants:
        out |= elevation == np.float32(value)
    return out


def find_voids(blocks: Iterable[NDArray[np.float32]], pixel: float) -> Voids:
    """Find the values of a DEM that are no elevations.

    Args:
        blocks: parts of the DEM at full resolution, each (rows, cols) float32, metres; NaN for declared nodata. They
            are gone through more than once.
        pixel: side of a pixel, metres.
    """
    step = max(_STEP, _STEEP * pixel)
    size, outside = 0, 0
    beyond: Counter[float] = Counter()
    beside_cliffs: Counter[float] = Counter()
    for block in blocks:
        size += block.size
        no_ground = impossible(block)
        outside += int(no_ground.sum())
        beyond.update(_commonest(block[no_ground]))
        ground = np.where(no_ground, np.float32(np.nan), block)
        for near, far in _pairs(ground):
            cliff = np.abs(near - far) > step
            beside_cliffs.update(_commonest(np.concatenate([near[cliff], far[cliff]])))
    constants, filled = [], 0
    for value, seen in beside_cliffs.most_common(_CANDIDATES):
        if seen >= _PIXELS and (pixels := _pixels_of_fill(blocks, value, step)):
            constants.append(value)
            filled += pixels
    if 0.0 not in constants and (pixels := _pixels_of_collar(blocks)):
        constants.append(0.0)
        filled += pixels
    common = beyond.most_common(_CANDIDATES)
    scaled = outside > size / 2 and sum(count for _, count in common) < outside / 2
    return Voids(tuple(constants), tuple(v for v, _ in common[:_TOLD]), (outside + filled) / max(size, 1), scaled)


def is_scaled(dataset: Any) -> bool:
    """Whether the tags of a DEM state a scale or an offset that makes metres of what it stores."""
    return (dataset.scales[0], dataset.offsets[0]) != (1.0, 0.0)


def in_metres(dataset: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Return floats that a DEM, or a slope, stores, with the scale and the offset of its tags."""
    if not is_scaled(dataset):
        return stored
    scaled: NDArray[Any] = stored * stored.dtype.type(dataset.scales[0]) + stored.dtype.type(dataset.offsets[0])
    return scaled


@contextmanager
def without_voids(dataset: Any, constants: Sequence[float]) -> Iterator[Any]:
    """Look at a DEM through a view in which all that is no elevation is nodata, so that no resampling mixes it in.

    What its tags state of scale and offset is applied.

    Args:
        dataset: an open rasterio dataset of one band.
        constants: see `Voids`.

    Yields:
        The view, a rasterio dataset of float32.
    """
    with MemoryFile(_view(dataset, constants).encode(), ext=".vrt") as file, file.open() as view:
        yield view


def _commonest(values: NDArray[np.float32]) -> dict[float, int]:
    distinct, counts = np.unique(values, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_CANDIDATES]
    return dict(zip(distinct[most].tolist(), counts[most].tolist(), strict=True))


def _pairs(values: NDArray[Any]) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
    """Return the pixels that have a neighbour to the right and below, each with those neighbours."""
    return (values[:, :-1], values[:, 1:]), (values[:-1], values[1:])


def _pixels_of_fill(blocks: Iterable[NDArray[np.float32]], value: float, step: float) -> int:
    """Return how many pixels have a value, if that value fills voids; 0 if it is ground."""
    pixels = together = borders = cliffs = 0
    for block in blocks:
        here = block == np.float32(value)
        pixels += int(here.sum())
        for (near, far), (left, right) in zip(_pairs(here), _pairs(block), strict=True):
            together += int((near & far).sum())
            border = near != far
            with np.errstate(invalid="ignore", over="ignore"):
                jumps = np.abs(left[border] - right[border])
            jumps = jumps[jumps < HIGHEST - LOWEST]
            borders += jumps.size
            cliffs += int((jumps > step).sum())
    constant = pixels >= _PIXELS and together >= pixels / 4
    return pixels if constant and cliffs > _CLIFFS * borders else 0


def _pixels_of_collar(blocks: Iterable[NDArray[np.float32]]) -> int:
    """Return how many pixels are exactly 0, if the ground, low as it may be, breaks off to them; 0 if it does not."""
    pixels = together = 0
    breaks, steps = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    for block in blocks:
        here = block == 0
        pixels += int(here.sum())
        for (near, far), (left, right) in zip(_pairs(here), _pairs(block), strict=True):
            together += int((near & far).sum())
            with np.errstate(invalid="ignore", over="ignore"):
                rise = np.abs(left - right)
            known = rise < HIGHEST - LOWEST
            breaks.append(rise[known & (near != far)])
            steps.append(rise[known & (rise > 0) & ~near & ~far][::_EVERY])
    found, usual = np.concatenate(breaks), np.concatenate(steps)
    if pixels < _PIXELS or together < pixels / 4 or found.size < _PIXELS or not usual.size:
        return 0
    return pixels if np.percentile(found, 10) > max(_BREAK, _TIMES_ROUGHER * float(np.median(usual))) else 0


def _view(dataset: Any, constants: Sequence[float]) -> str:
    """Describe the view as a VRT with a table that leads every value that is no elevation to nodata."""
    table = {LOWEST - 0.01: _FILL, LOWEST: LOWEST, HIGHEST: HIGHEST, HIGHEST + 0.01: _FILL}
    for value in np.asarray(constants, np.float32):
        # The neighbours among the numbers of 32 bits: every other value stays itself.
        for near in (np.nextafter(value, np.float32(-np.inf)), np.nextafter(value, np.float32(np.inf))):
            table.setdefault(float(near), float(near))
        table[float(value)] = _FILL
    pairs = ",".join(f"{value!r}:{table[value]!r}" for value in sorted(table))
    nodata = "" if dataset.nodata is None else f"<NODATA>{dataset.nodata!r}</NODATA>"
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    scaling = f"<ScaleOffset>{offset!r}</ScaleOffset><ScaleRatio>{scale!r}</ScaleRatio>" if is_scaled(dataset) else ""
    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    local = Path(dataset.name)
    name = str(local.resolve()) if local.exists() else dataset.files[0] if "://" in dataset.name else dataset.name
    return (
        f'<VRTDataset rasterXSize="{dataset.width}" rasterYSize="{dataset.height}">'
        f"<SRS>{escape(dataset.crs.to_wkt())}</SRS>"
        f"<GeoTransform>{', '.join(map(repr, dataset.transform.to_gdal()))}</GeoTransform>"
        f'<VRTRasterBand dataType="Float32" band="1"><NoDataValue>{_FILL!r}</NoDataValue><ComplexSource>'
        f'<SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename><SourceBand>1</SourceBand>{nodata}'
        f"{'<UseMaskBand>true</UseMaskBand>' if masked else ''}{scaling}<LUT>{pairs}</LUT>"
        "</ComplexSource></VRTRasterBand></VRTDataset>"
    )
