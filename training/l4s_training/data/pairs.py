"""Pairs of dates made of labelled patches: a *before* in which some of the landslides have not happened yet.

A patch is the later date. For the earlier one, landslides are covered with ground from beside them, copied whole from
where slope and aspect are alike (if elevations are known) and no landslide lies; others stay, as old scars do. So do
most places that only look like landslides; some are covered too, as fields that were green. Then come another date's
colours, fields that have grown or been cut, haze, noise, what is left of a shift after co-registration, and clouds on
either date.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bands import BANDS
from l4s_geo.stack.terrain import horn, slope_of

__all__ = ["THICK", "Pair", "cloud_opacity", "other_date", "simulate_pair", "under_clouds"]

_NEW = 0.65
"""Share of the landslides that are new."""
_CUT = 0.7
"""Share of the places that look like landslides which were green before."""
_CLOUDED = 0.25
"""Share of the pairs that have clouds on a date, for each date."""
_TRIES = 40
_REACH = 48
THICK = 0.4
"""Opacity from which a cloud hides the ground."""
_BLUE = 900.0
"""Digital number that the median of the blue is brought to in patches without a common scale: that of hills at the top
of the atmosphere."""

_PIXEL = 10.0


@dataclass(frozen=True)
class Pair:
    """Two dates of one patch."""

    before: NDArray[np.float32]
    """(bands, rows, cols) float32, digital numbers."""
    after: NDArray[np.float32]
    """The same of the later date."""
    new: NDArray[np.bool_]
    """(rows, cols): landslides that are there on the later date only."""
    old: NDArray[np.bool_]
    """(rows, cols): landslides of both dates."""
    judged: NDArray[np.bool_]
    """(rows, cols): where both dates show the ground, or the later one a cloud, so that something is true."""


def simulate_pair(
    dn: NDArray[np.float32],
    bands: tuple[str, ...],
    mask: NDArray[np.bool_],
    suspects: NDArray[np.bool_],
    rng: np.random.Generator,
    scaled: bool = True,
    clouds: bool = True,
) -> Pair:
    """Make an earlier date for a patch.

    Args:
        dn: (bands, rows, cols) float32, digital numbers; metres and degrees of terrain, if it is there.
        bands: their names.
        mask: (rows, cols), the landslides.
        suspects: (rows, cols), what a network takes for landslides.
        rng: draws everything.
        scaled: whether the values have a common scale; otherwise they are brought to a usual one first.
        clouds: whether there may be clouds.
    """
    spectral = [i for i, band in enumerate(bands) if band not in ("slope", "DEM")]
    after = dn.copy()
    if not scaled:
        after[spectral] *= np.float32(_BLUE / max(float(np.median(after[bands.index("B2")])), 1))
    ground = _ground_classes(dn, bands)
    new = _drawn(mask, _NEW, rng)
    fields = _drawn(suspects & ~ndimage.binary_dilation(mask, iterations=3), _CUT, rng)
    before = after.copy()
    before[spectral] = _covered(after[spectral], mask | suspects, new | fields, ground, rng)
    before[spectral] = other_date(before[spectral], [bands[i] for i in spectral], rng)
    judged = np.ones(mask.shape, bool)
    cloud = np.zeros(mask.shape, np.float32)
    if clouds and rng.random() < _CLOUDED:
        opacity = cloud_opacity(mask.shape, rng)
        before[spectral] = under_clouds(before[spectral], opacity, rng)
        judged &= opacity < THICK
    if clouds and rng.random() < _CLOUDED:
        cloud = cloud_opacity(mask.shape, rng)
        after[spectral] = under_clouds(after[spectral], cloud, rng)
    hidden = cloud >= THICK
    return Pair(before, after, new & ~hidden, mask & ~new & ~hidden, judged)


def _drawn(mask: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw a share of the connected parts of a mask."""
    labels, count = ndimage.label(mask)
    chosen = np.concatenate([[False], rng.random(count) < share])
    out: NDArray[np.bool_] = chosen[labels]
    return out


def _ground_classes(dn: NDArray[np.float32], bands: tuple[str, ...]) -> NDArray[np.int64]:
    """Return classes of slope (10°) and aspect (quarters): (rows, cols); all 0 without elevations."""
    if "DEM" not in bands:
        return np.zeros(dn.shape[1:], np.int64)
    east, north = horn(ndimage.gaussian_filter(dn[bands.index("DEM")], 1.5), _PIXEL)
    slope = np.nan_to_num(slope_of(east, north))
    aspect = np.nan_to_num(np.arctan2(east, north))
    return (slope // 10).astype(np.int64) * 4 + np.floor((aspect + np.pi) / (np.pi / 2)).astype(np.int64) % 4


def _covered(
    values: NDArray[np.float32],
    avoided: NDArray[np.bool_],
    covered: NDArray[np.bool_],
    ground: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Cover places with ground from beside them: each part with one piece, from where it is most alike."""
    out = values.copy()
    avoided = ndimage.binary_dilation(avoided, iterations=1)
    labels, count = ndimage.label(ndimage.binary_dilation(covered, iterations=1))
    nearest = ndimage.distance_transform_edt(avoided, return_distances=False, return_indices=True)
    for part in range(1, count + 1):
        rows, cols = np.nonzero(labels == part)
        source = _piece(rows, cols, avoided, ground, rng)
        clear = ~avoided[source]
        # What of the piece is landslide itself is taken from the nearest ground.
        from_rows = np.where(clear, source[0], nearest[0][rows, cols])
        from_cols = np.where(clear, source[1], nearest[1][rows, cols])
        out[:, rows, cols] = values[:, from_rows, from_cols]
    return out


def _piece(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    avoided: NDArray[np.bool_],
    ground: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels of the piece of ground that is most like a part, by slope and aspect, and least avoided."""
    height, width = avoided.shape
    best, lowest = (rows, cols), np.inf
    for down, right in rng.integers(-_REACH, _REACH + 1, (_TRIES, 2)):
        there = np.clip(rows + down, 0, height - 1), np.clip(cols + right, 0, width - 1)
        cost = avoided[there].mean() * 3 + (ground[there] != ground[rows, cols]).mean() + np.hypot(down, right) / 200
        if cost < lowest:
            best, lowest = there, cost
    return best


def other_date(values: NDArray[np.float32], bands: list[str], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (bands, rows, cols) digital numbers with the colours, haze, growth, noise and shift of another date."""
    _, height, width = values.shape
    growth = _smooth((height, width), rng.choice([3.0, 8.0, 20.0]), rng) * rng.uniform(0.02, 0.12)
    haze = rng.uniform(0, 150)
    out = np.empty_like(values)
    shift = rng.normal(0, 0.25, 2)
    for i, band in enumerate(bands):
        # Growing plants darken the red and brighten the near infrared; blue and green hardly change.
        share = {"B4": -1.0, "B8": 1.0, "B7": 1.0, "B6": 0.7, "B9": 1.0}.get(band, -0.4)
        blue = max(0.0, 1 - BANDS.index(band) / 6)
        moved = ndimage.shift(values[i], shift, order=1, mode="nearest")
        gain = np.exp(rng.normal(0, 0.06))
        out[i] = moved * gain * np.exp(share * growth) + haze * blue
        out[i] *= 1 + rng.normal(0, 0.015, (height, width))
    lit: NDArray[np.float32] = np.maximum(out * np.float32(np.exp(rng.normal(0, 0.12))), 1)
    return lit


def cloud_opacity(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the opacity of clouds, (rows, cols) 0 to 1: smooth noise above a level; some cover most of a patch."""
    noise = _smooth(shape, rng.uniform(4, 14), rng) + 0.3 * _smooth(shape, 2.0, rng)
    opacity: NDArray[np.float32] = np.clip((noise - rng.uniform(0.3, 1.6)) * rng.uniform(0.5, 2), 0, 1)
    return opacity


def under_clouds(
    values: NDArray[np.float32], opacity: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return (bands, rows, cols) with clouds of an opacity before the ground: white, and as bright as clouds are."""
    white = rng.uniform(3500, 8000) * (1 + 0.1 * _smooth(opacity.shape, 3.0, rng))
    out: NDArray[np.float32] = values * (1 - opacity) + white * opacity
    return out


def _smooth(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw smooth noise of deviation 1."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma)
    out: NDArray[np.float32] = (noise / noise.std()).astype(np.float32)
    return out
