"""A cloud mask for Level-1C scenes that bring none: s2cloudless (Zupanc 2017), on a coarse grid.

The detector looks at single pixels of ten bands, top-of-atmosphere reflectance. It takes 5 s per megapixel, so it
runs on pixels of 80 m, averaged from the bands; its mask is grown by one such pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

from l4s_geo.bands import REFLECTANCE_TO_DN
from l4s_geo.errors import BandError, DeviceError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.reader import Reader
from l4s_geo.units import Units, raw_factors

__all__ = ["CloudMask"]

_BANDS = ("B1", "B2", "B4", "B5", "B8", "B8A", "B9", "B10", "B11", "B12")
_TIMES = 8
_STRIP = 128
_THRESHOLD = 0.4
_AVERAGE_OVER = 1
_GROW = 1


class CloudMask:
    """A mask of the clouds that s2cloudless sees in a scene."""

    def __init__(self, scene: Scene, grid: Grid, units: Units) -> None:
        """Detect clouds over the whole scene.

        Args:
            scene: a Level-1C scene with the detector's ten bands, B8A and B10 among them.
            grid: the mapping grid.
            units: the units of the scene's values, not L4S units.

        Raises:
            BandError: the scene is Level-2A or in L4S units, or lacks bands that the detector needs.
            DeviceError: s2cloudless is not installed.
        """
        _check(scene, units)
        detector = _detector()
        side = grid.transform.a * _TIMES
        corner = Affine(side, 0, grid.transform.c, 0, -side, grid.transform.f)
        coarse = Grid(grid.crs, corner, -(-grid.height // _TIMES), -(-grid.width // _TIMES))
        refs = [scene.bands[band] for band in _BANDS]
        per_value = raw_factors(["B2"], units)[0] / REFLECTANCE_TO_DN
        probability = np.zeros(coarse.shape, np.float32)
        reader = Reader(coarse, Resampling.average)
        try:
            for strip in coarse.rows(_STRIP):
                stored = reader.read(refs, strip)
                values = np.stack([(v * r.scale + r.offset) * per_value for v, r in zip(stored, refs, strict=True)])
                pixels = np.moveaxis(np.nan_to_num(values), 0, -1).astype(np.float32)
                found = detector.get_cloud_probability_maps(pixels[None])[0]
                probability[strip.slices] = np.where(np.isfinite(values).all(axis=0), found, 0)
        finally:
            reader.close()
        self._mask: NDArray[np.bool_] = detector.get_mask_from_prob(probability[None])[0] > 0

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window of the mapping grid: True where there is cloud."""
        rows = np.arange(window.row, window.row + window.height) // _TIMES
        cols = np.arange(window.col, window.col + window.width) // _TIMES
        return self._mask[np.ix_(rows, cols)]


def _check(scene: Scene, units: Units) -> None:
    if scene.acquisition.level not in ("", "L1C"):
        found = f"is {scene.acquisition.level}"
    elif missing := [band for band in _BANDS if band not in scene.bands]:
        found = f"lacks {', '.join(missing)}"
    elif units == "l4s":
        found = "is in L4S units"
    else:
        return
    raise BandError(
        f"Clouds cannot be detected, since the scene {scene.name} {found}; expected Level-1C with "
        f"{', '.join(_BANDS)}, so leave --clouds out or give a mask with --mask."
    )


def _detector() -> Any:
    try:
        from s2cloudless import S2PixelCloudDetector  # type: ignore[attr-defined,unused-ignore]
    except ImportError as error:
        raise DeviceError(
            "Clouds cannot be detected, since s2cloudless is not installed; install the extra: "
            "pip install 'l4s-geo[clouds]'."
        ) from error
    return S2PixelCloudDetector(threshold=_THRESHOLD, average_over=_AVERAGE_OVER, dilation_size=_GROW)
