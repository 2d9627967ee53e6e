"""A cloud mask for scenes that bring none, detected on a coarse grid.

Level-1C scenes with the ten bands that it wants go to s2cloudless (Zupanc 2017), which looks at single pixels of
top-of-atmosphere reflectance; it takes 5 s per megapixel, so it runs on pixels of 80 m. All others go to a small
detector that needs red, green and blue (`l4s_geo.stack.cloud_colours`), on pixels of 40 m. Pixels are averaged from
the bands; a mask is grown by one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from scipy import ndimage

from l4s_geo.bands import REFLECTANCE_TO_DN, RGB
from l4s_geo.errors import BandError, DeviceError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.cloud_colours import cloud_colours
from l4s_geo.stack.reader import Reader
from l4s_geo.units import Units, raw_factors

__all__ = ["CLOUDLESS_BANDS", "SURE", "CloudMask", "cloudless"]

CLOUDLESS_BANDS = ("B1", "B2", "B4", "B5", "B8", "B8A", "B9", "B10", "B11", "B12")
"""The bands that s2cloudless looks at."""

_STRIP = 128
SURE = 0.4
"""Probability from which s2cloudless sees a cloud, as its authors recommend."""
_AVERAGE_OVER = 1
_GROW = 1


@dataclass(frozen=True)
class _Detector:
    """Tells clouds from ground, pixel by pixel."""

    bands: tuple[str, ...]
    times: int
    """Side of its pixels, in those of the mapping grid."""
    probability: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """From (bands, rows, cols) float32 digital numbers to (rows, cols) float32."""
    mask: Callable[[NDArray[np.float32]], NDArray[np.bool_]]
    """From the probability of the whole scene to what is hidden."""
    remark: str = ""
    """What a user should know of it."""


class CloudMask:
    """A mask of the clouds that a detector sees in a scene."""

    def __init__(self, scene: Scene, grid: Grid, units: Units) -> None:
        """Detect clouds over the whole scene.

        Args:
            scene: a Level-1C scene with the ten bands of s2cloudless, or any with red, green and blue.
            grid: the mapping grid.
            units: the units of the scene's values.

        Raises:
            BandError: the scene lacks red, green or blue.
            DeviceError: s2cloudless could judge the scene and is not installed.
        """
        found = _detector(scene, units)
        self.remarks = [found.remark] if found.remark else []
        """What a user should know of the detector, one sentence each."""
        side = grid.transform.a * found.times
        corner = Affine(side, 0, grid.transform.c, 0, -side, grid.transform.f)
        coarse = Grid(grid.crs, corner, -(-grid.height // found.times), -(-grid.width // found.times))
        refs = [scene.bands[band] for band in found.bands]
        factors = raw_factors(found.bands, units)
        probability = np.zeros(coarse.shape, np.float32)
        reader = Reader(coarse, Resampling.average)
        try:
            for strip in coarse.rows(_STRIP):
                stored = reader.read(refs, strip)
                each = zip(stored, refs, factors, strict=True)
                values = np.stack([(v * r.scale + r.offset) * f for v, r, f in each]).astype(np.float32)
                known = np.isfinite(values).all(axis=0)
                probability[strip.slices] = np.where(known, found.probability(np.nan_to_num(values)), 0)
        finally:
            reader.close()
        self._mask, self._times = found.mask(probability), found.times

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window of the mapping grid: True where there is cloud."""
        rows = np.arange(window.row, window.row + window.height) // self._times
        cols = np.arange(window.col, window.col + window.width) // self._times
        return self._mask[np.ix_(rows, cols)]


def _detector(scene: Scene, units: Units) -> _Detector:
    """Choose the detector that a scene allows."""
    known = scene.acquisition.level in ("", "L1C") and units != "l4s"
    if known and all(band in scene.bands for band in CLOUDLESS_BANDS):
        return _cloudless()
    if missing := [band for band in RGB if band not in scene.bands]:
        raise BandError(
            f"Clouds cannot be detected, since the scene {scene.name} lacks {', '.join(missing)}; expected red, green "
            "and blue, so leave --clouds out or give a mask with --mask."
        )
    return _by_colours()


def _by_colours() -> _Detector:
    model = cloud_colours()
    around = np.ones((3, 3), bool)
    return _Detector(
        RGB,
        4,
        model,
        lambda p: ndimage.binary_dilation(p >= model.threshold, around, iterations=_GROW),
        "clouds are found by their colours: opaque ones, no thin ones and no shadows; snow passes for cloud",
    )


def cloudless(dn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how probable s2cloudless takes cloud to be.

    Args:
        dn: (bands, rows, cols) float32, `CLOUDLESS_BANDS` of Level-1C as digital numbers.

    Returns:
        (rows, cols) float32, 0 to 1.

    Raises:
        DeviceError: it is not installed.
    """
    pixels = (np.moveaxis(dn, 0, -1) / REFLECTANCE_TO_DN).astype(np.float32)
    out: NDArray[np.float32] = _s2cloudless().get_cloud_probability_maps(pixels[None])[0]
    return out


def _cloudless() -> _Detector:
    detector = _s2cloudless()

    def mask(p: NDArray[np.float32]) -> NDArray[np.bool_]:
        hidden: NDArray[np.bool_] = detector.get_mask_from_prob(p[None])[0] > 0
        return hidden

    return _Detector(CLOUDLESS_BANDS, 8, cloudless, mask)


@cache
def _s2cloudless() -> Any:
    try:
        from s2cloudless import S2PixelCloudDetector  # type: ignore[attr-defined,unused-ignore]
    except ImportError as error:
        raise DeviceError(
            "Clouds cannot be detected, since s2cloudless is not installed; install the extra: "
            "pip install 'l4s-geo[clouds]'."
        ) from error
    return S2PixelCloudDetector(threshold=SURE, average_over=_AVERAGE_OVER, dilation_size=_GROW)
