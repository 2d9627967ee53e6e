"""How a scene's stored values become digital numbers: units and offset, both checked against a sample of the values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import SENSED, SPECTRAL
from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.sources.http import is_network
from l4s_geo.sources.loose import BASELINE_OFFSET
from l4s_geo.sources.rasters import sample
from l4s_geo.sources.scene import Scene
from l4s_geo.units import LONG_NAMES, Units, detect_units, evidence, raw_factors

__all__ = ["Radiometry", "settle"]

# An offset that is in the values lifts even the darkest of them: water and shade are not much under it. One that is not
# leaves a good part of the ground at 0 and below once it is taken off.
_FLOOR_PERCENTILE = 1
_FLOOR = 0.75
_LOST = 0.05
# Dark ground is bluish (haze, water, shade, forest), bright ground reddish (soil, rock) or white (clouds).
_REVERSED = -0.3
_ENOUGH = 1000
_MOST = 1e6
"""More than any spectral value in any units: what lies beyond is fill."""


@dataclass(frozen=True)
class Radiometry:
    """A scene whose values are understood."""

    scene: Scene
    """The scene, with the offset that holds and with notes of what was assumed."""
    units: Units
    """The units of its spectral values, after scale and offset."""
    reason: str
    """Why they were taken for that, in a few words."""


@dataclass(frozen=True)
class _Sample:
    """Stored values of a few bands, which fit one another pixel by pixel."""

    bands: tuple[str, ...]
    stored: NDArray[np.float32]
    """(bands, pixels) float32, without scale and offset; NaN where there is no data."""


def settle(scene: Scene, units: Units | None = None, offset: float | None = None) -> Radiometry:
    """Settle the units and the offset of a scene.

    Args:
        scene: the scene.
        units: the units of its values; None takes those that the source states, or detects them.
        offset: digital numbers to add to the stored values of the spectral bands, in place of what the source states
            or lets expect; None takes that.

    Raises:
        SceneError: there is no valid value, the units cannot be told or contradict the source's, or the offset that
            the source states is not in the values.
        BandError: the scene holds no band of Sentinel-2.
    """
    if offset is None and _is_settled(scene) and (units is None or units == scene.units):
        return Radiometry(scene, scene.units or "dn", "as stated")
    found = _sample(scene)
    if offset is not None:
        scene = _with_offsets(scene, dict.fromkeys(SENSED, 0.0), "dn")
    units, reason = _units(scene, found, units)
    if offset is not None:
        scene = _with_offsets(scene, dict.fromkeys(SENSED, offset), units)
    else:
        _check_offset(scene, found, units)
        scene = _presumed(scene, found, units)
        scene = replace(scene, notes=(*scene.notes, *_floor_notes(scene, found, units)))
    notes = (*scene.notes, *_order_notes(scene, found))
    return Radiometry(replace(scene, notes=notes, presumption=None), units, reason)


def _is_settled(scene: Scene) -> bool:
    """Whether a remote source states all there is to know, so that nothing need be read over the network."""
    refs = scene.bands.values()
    offset = scene.presumption is not None or any(ref.offset for ref in refs)
    return scene.units is not None and not offset and any(is_network(ref.path) for ref in refs)


def _sample(scene: Scene) -> _Sample:
    """Read a coarse sample of B4, B3 and B2, or of all spectral bands if a scene has none of these."""
    names = [band for band in scene.bands if band in SPECTRAL]
    if not names:
        raise BandError(
            f"The scene {scene.name} holds no band of Sentinel-2 (its bands: {', '.join(scene.bands)}); expected "
            "some of B1…B12."
        )
    chosen = [band for band in ("B4", "B3", "B2") if band in names] or names
    read = with_these_settings(lambda band: sample(scene.bands[band], f"band {band}").ravel())
    with ThreadPoolExecutor(len(chosen)) as threads:
        values = list(threads.map(read, chosen))
    size = min(v.size for v in values)
    pixels = np.stack([v[:size] for v in values])
    pixels[:, (np.nan_to_num(pixels) == 0).all(axis=0)] = np.nan
    if not np.isfinite(pixels).any() or not np.nanmax(pixels) > 0:
        raise SceneError(
            f"The scene {scene.name} holds no valid pixel: all of {', '.join(chosen)} is nodata; check the file and "
            "its nodata value."
        )
    fill = (pixels == 0) | (pixels <= -1) | (pixels > _MOST)
    return _Sample(tuple(chosen), np.where(fill, np.nan, pixels))


def _values(scene: Scene, found: _Sample) -> NDArray[np.float32]:
    """Return the sample with scale and offset, in the scene's units."""
    refs = [scene.bands[band] for band in found.bands]
    scale = np.array([[ref.scale] for ref in refs], np.float32)
    return found.stored * scale + np.array([[ref.offset] for ref in refs], np.float32)


def _units(scene: Scene, found: _Sample, given: Units | None) -> tuple[Units, str]:
    """Return the units of a scene's values, and why they were taken for that."""
    if scene.units is None:
        if given:
            return given, "as stated"
        values = _values(scene, found)
        reason = f"as the values suggest ({evidence(values, found.bands)}); --units overrules"
        return detect_units(values, found.bands), reason
    # Digital numbers and reflectance are two words for values whose way to reflectance is known.
    if given in (None, scene.units) or (scene.units, given) == ("dn", "reflectance"):
        return scene.units, "as stated"
    raise SceneError(
        f"The scene {scene.name} says itself that its values are {LONG_NAMES[scene.units]}, and --units says "
        f"{given}; leave --units out."
    )


def _with_offsets(scene: Scene, offsets: dict[str, float], units: Units) -> Scene:
    """Return a scene with other offsets, given in digital numbers by band."""
    bands = dict(scene.bands)
    for band, offset in offsets.items():
        if band in bands:
            bands[band] = replace(bands[band], offset=offset / _factor(band, units))
    return replace(scene, bands=bands)


def _factor(band: str, units: Units) -> float:
    # B8A has no divisor of its own; its neighbour B8 stands for it.
    return float(raw_factors(["B8" if band == "B8A" else band], units)[0])


def _lost(found: _Sample, scene: Scene, units: Units, offsets: dict[str, float]) -> float | None:
    """Return the share of valid values that offsets bring to 0 or below, if they do not seem to be in the values.

    Args:
        found: a sample of the stored values.
        scene: the scene.
        units: its units.
        offsets: digital numbers by band.

    Returns:
        The share, 0 to 1; None if the offsets seem to be in the values.
    """
    rows = [i for i, band in enumerate(found.bands) if offsets.get(band, 0.0) < 0]
    if not rows:
        return None
    names = [found.bands[i] for i in rows]
    scale = np.array([[scene.bands[band].scale * _factor(band, units)] for band in names])
    raw, added = found.stored[rows] * scale, np.array([[offsets[band]] for band in names])
    floors = np.nanpercentile(raw, _FLOOR_PERCENTILE, axis=1, keepdims=True)
    lost = float((raw + added <= 0).sum() / np.isfinite(raw).sum())
    return lost if lost > _LOST and bool((floors < -_FLOOR * added).any()) else None


def _check_offset(scene: Scene, found: _Sample, units: Units) -> None:
    """Refuse a stated offset that the values do not have."""
    offsets = {band: scene.bands[band].offset * _factor(band, units) for band in found.bands}
    lost = _lost(found, scene, units, offsets)
    if lost is not None:
        offset = min(offsets.values())
        raise SceneError(
            f"The offset {offset:g} that the source of {scene.name} states would bring {lost:.0%} of the values of "
            f"{', '.join(found.bands)} to 0 or below, so it seems to be taken off already; give --offset 0 to map them "
            f"as they are, or --offset {offset:g} to have it taken off all the same."
        )


def _presumed(scene: Scene, found: _Sample, units: Units) -> Scene:
    """Take off the offset that a scene's surroundings let expect, if the values have it; say what was done."""
    presumption = scene.presumption
    if presumption is None or units != "dn":
        return scene
    offsets = dict(presumption.offsets)
    shown = ", ".join(sorted({f"{offset:g}" for offset in offsets.values()}))
    lost = _lost(found, scene, units, offsets)
    if lost is None:
        note = f"{presumption.reason} lets expect the offset {shown}, which was applied; --offset 0 switches it off"
        return replace(_with_offsets(scene, offsets, units), notes=(*scene.notes, note))
    note = (
        f"{presumption.reason} lets expect the offset {shown}, but {lost:.0%} of the values would be 0 or below, so it "
        f"was taken for applied already; --offset {min(offsets.values()):g} applies it all the same"
    )
    return replace(scene, notes=(*scene.notes, note))


def _floor_notes(scene: Scene, found: _Sample, units: Units) -> tuple[str, ...]:
    """Return a note if an offset may be in digital numbers of which nothing tells whether they have one."""
    unknown = units == "dn" and scene.units is None and scene.presumption is None and not scene.acquisition.baseline
    if not unknown or any(ref.offset for ref in scene.bands.values()):
        return ()
    floor = float(np.nanpercentile(found.stored, _FLOOR_PERCENTILE, axis=1).min())
    if not -BASELINE_OFFSET <= floor < -2 * BASELINE_OFFSET:
        return ()
    return (
        f"even the darkest values are {floor:.0f} and more, as where 1000 is added (baselines from 04.00 on); if so, "
        f"--offset {BASELINE_OFFSET:g} takes it off",
    )


def _order_notes(scene: Scene, found: _Sample) -> tuple[str, ...]:
    """Return a note if red and blue seem to have changed places: if bright ground is bluer than dark ground."""
    if not {"B2", "B4"} <= set(found.bands):
        return ()
    values = _values(scene, found)
    blue, red = (values[found.bands.index(band)] for band in ("B2", "B4"))
    valid = (blue > 0) & (red > 0)
    if valid.sum() < _ENOUGH:
        return ()
    brightness, redness = np.log(blue[valid] * red[valid]), np.log(red[valid] / blue[valid])
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (brightness, redness)]
    if np.asarray(np.corrcoef(ranks))[0, 1] > _REVERSED:
        return ()
    return (
        "the brighter the ground, the bluer it is, so B2 and B4 seem to have changed places; check the order of the "
        "bands (--bands, --band)",
    )
