"""How a scene's stored values become digital numbers: units and offset, both checked against a sample of the values.

The same sample tells some wrong orders of the bands. Bright ground is soil, rock or scar, which is redder than the dark
ground of forest and water: in every scene that was tried, red gains on green and on blue with brightness (rank
correlations of 0.3 to 0.99). Green does not always gain on blue, so that these two cannot be told apart. And where
there is vegetation, the near infrared is brighter than red.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.address import is_network
from l4s_geo.assumptions import Assumption, Origin
from l4s_geo.bands import SENSED, SPECTRAL
from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.sources.loose import BASELINE_OFFSET
from l4s_geo.sources.rasters import sample
from l4s_geo.sources.scene import Scene
from l4s_geo.units import LONG_NAMES, Units, check_units, detect_units, evidence, raw_factors

__all__ = ["Radiometry", "settle"]

# An offset that is in the values lifts even the darkest of them: water and shade are not much under it. One that is not
# leaves a good part of the ground at 0 and below once it is taken off.
_FLOOR_PERCENTILE = 1
_FLOOR = 0.75
_LOST = 0.05
_REVERSED = -0.3
"""Rank correlation of brightness and redness under which bands have changed places."""
_NO_VEGETATION = -0.1
"""Normalised difference of near infrared and red over which a tenth of the pixels of every scene with land is."""
_FILLS = 8
"""Different negative values, at most, that fill voids."""
_COMMON = 0.01
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
    stated: Assumption
    """The units, and on what grounds they were taken for that."""
    added: Assumption
    """The offset, and on what grounds it was taken for that."""
    doubts: tuple[str, ...] = ()
    """The notes that bands seem to have changed places, by their values."""


@dataclass(frozen=True)
class _Sample:
    """Stored values of a few bands, which fit one another pixel by pixel: those that tell units and offset."""

    bands: tuple[str, ...]
    stored: NDArray[np.float32]
    """(bands, pixels) float32, without scale and offset; NaN where there is no data."""
    below: float
    """The share of the values that are negative, 0 to 1; 0 if these are but a few different ones, which fill voids."""


def settle(scene: Scene, units: Units | None = None, offset: float | None = None) -> Radiometry:
    """Settle the units and the offset of a scene.

    Args:
        scene: the scene.
        units: the units of its values; None takes those that the source states, or detects them.
        offset: digital numbers to add to the stored values of the spectral bands, in place of what the source states
            or lets expect; None takes that.

    Raises:
        SceneError: there is no valid value, the units cannot be told, cannot be those given or contradict the source's,
            or the offset that the source states is not in the values or cannot be told.
        BandError: the scene holds no band of Sentinel-2.
    """
    if offset is None and _is_settled(scene) and (units is None or units == scene.units):
        stated = scene.units or "dn"
        return Radiometry(scene, stated, _assumed(stated, "metadata"), _stated_offset(scene, stated))
    if offset is None:
        _check_readable(scene)
    found = _sample(scene)
    given = scene
    if offset is not None:
        scene = _with_offsets(scene, dict.fromkeys(SENSED, 0.0), "dn")
    settled, stated_units, notes = _units(scene, found, units)
    if offset is not None:
        scene = _with_offsets(scene, dict.fromkeys(SENSED, offset), settled)
        notes += _given_offset_notes(given, found, settled, offset)
        added = Assumption(_offset_words([offset]), "option", option="offset")
    else:
        _check_offset(scene, found, settled)
        scene, added = _presumed(scene, found, settled)
        notes += (*_floor_notes(scene, found, settled), *_negative_notes(scene, found))
        notes += _unlike_notes(scene, settled)
    doubts = _order_notes(scene, found, settled)
    notes = (*scene.notes, *notes, *_fill_notes(found), *doubts)
    return Radiometry(replace(scene, notes=notes, presumption=None), settled, stated_units, added, doubts)


def _check_readable(scene: Scene) -> None:
    """Refuse a scene whose offset damaged metadata would tell."""
    presumption = scene.presumption
    if presumption and presumption.obstacle:
        raise SceneError(
            f"The offset of the scene {scene.name} cannot be told, since {presumption.reason} cannot be used "
            f"({presumption.obstacle.rstrip('.')}); mend or remove the file, or give --offset, {BASELINE_OFFSET:g} for "
            "baselines from 04.00 on and 0 for earlier ones."
        )


def _assumed(units: Units, origin: Origin, because: str = "") -> Assumption:
    return Assumption(LONG_NAMES[units], origin, because, "" if origin == "metadata" else "units")


def _offset_words(offsets: Iterable[float]) -> str:
    """Word offsets in digital numbers."""
    shown = sorted({f"{offset:g}" for offset in offsets if offset})
    return f"{', '.join(shown)} applied" if shown else "none applied"


def _stated_offset(scene: Scene, units: Units) -> Assumption:
    """Return the offset that a scene's bands carry already."""
    offsets = [ref.offset * _factor(band, units) for band, ref in scene.bands.items() if band in SENSED]
    offsets = list(filter(None, offsets))
    if offsets or scene.units or scene.acquisition.baseline:
        return Assumption(_offset_words(offsets), "metadata", option="offset")
    return Assumption(_offset_words([]), "default", "nothing states one", "offset")


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
    # rasterio asks GDAL for masks while it holds Python's lock. Over a network that may wait for a lock of GDAL's whose
    # holder waits for Python's to log a warning, and both wait for ever: there, one file after the other is read.
    remote = any(is_network(scene.bands[band].path) for band in chosen)
    with ThreadPoolExecutor(1 if remote else len(chosen)) as threads:
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
    negative = pixels[pixels < 0]
    below = negative.size / np.isfinite(pixels).sum() if np.unique(negative).size > _FILLS else 0.0
    return _Sample(tuple(chosen), np.where(fill, np.nan, pixels), below)


def _values(scene: Scene, found: _Sample) -> NDArray[np.float32]:
    """Return the sample with scale and offset, in the scene's units."""
    refs = [scene.bands[band] for band in found.bands]
    scale = np.array([[ref.scale] for ref in refs], np.float32)
    return found.stored * scale + np.array([[ref.offset] for ref in refs], np.float32)


def _units(scene: Scene, found: _Sample, given: Units | None) -> tuple[Units, Assumption, tuple[str, ...]]:
    """Return the units of a scene's values, on what grounds they were taken for that, and what to say of them."""
    if scene.units is None:
        values = _values(scene, found)
        if given:
            doubt = check_units(values, found.bands, given)
            return given, _assumed(given, "option"), (doubt,) if doubt else ()
        units = detect_units(values, found.bands)
        return units, _assumed(units, "values", f"{evidence(values, found.bands)}"), ()
    # Digital numbers and reflectance are two words for values whose way to reflectance is known.
    if given in (None, scene.units) or (scene.units, given) == ("dn", "reflectance"):
        return scene.units, _assumed(scene.units, "option" if given else "metadata"), ()
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


def _presumed(scene: Scene, found: _Sample, units: Units) -> tuple[Scene, Assumption]:
    """Take off the offset that a scene's surroundings let expect, if the values have it; say what was done."""
    presumption = scene.presumption
    if presumption is None or units != "dn":
        return scene, _stated_offset(scene, units)
    offsets = dict(presumption.offsets)
    shown = ", ".join(sorted({f"{offset:g}" for offset in offsets.values()}))
    expected = f"{presumption.reason} lets expect the offset {shown}"
    lost = _lost(found, scene, units, offsets)
    if lost is None:
        words = _offset_words(offsets.values())
        return _with_offsets(scene, offsets, units), Assumption(words, presumption.origin, expected, "offset")
    why = f"{expected}, but {lost:.0%} of the values would be 0 or below, so it was taken for applied already"
    return scene, Assumption(_offset_words([]), "values", why, "offset")


def _given_offset_notes(scene: Scene, found: _Sample, units: Units, offset: float) -> tuple[str, ...]:
    """Return a note if the values do not agree with an offset that the user gives in place of the scene's own."""
    lost = _lost(found, scene, units, dict.fromkeys(found.bands, offset))
    if lost is not None:
        return (f"the offset {offset:g} (--offset) brings {lost:.0%} of the values to 0 or below",)
    own = {band: scene.bands[band].offset * _factor(band, units) for band in found.bands}
    own |= dict(scene.presumption.offsets) if scene.presumption else {}
    stated = min(own.values(), default=0.0)
    if offset == 0 and stated < 0 and _lost(found, scene, units, own) is None:
        return (f"the values seem to have the offset {stated:g} that --offset 0 switches off",)
    return ()


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


def _negative_notes(scene: Scene, found: _Sample) -> tuple[str, ...]:
    """Return a note if many values are negative, and no tag says that something is to be added to them."""
    if found.below < _LOST or any(scene.bands[band].offset > 0 for band in found.bands):
        return ()
    return (
        f"{found.below:.0%} of the values are negative, as where an offset was taken off that was not in them; if so, "
        f"--offset {-BASELINE_OFFSET:g} adds 1000 again",
    )


def _unlike_notes(scene: Scene, units: Units) -> tuple[str, ...]:
    """Return a note if some bands have another offset than others, as those of one product never have."""
    offsets = {band: ref.offset * _factor(band, units) for band, ref in scene.bands.items() if band in SENSED}
    if len({round(offset) for offset in offsets.values()}) < 2:
        return ()
    listed = ", ".join(f"{band} {offset:g}" for band, offset in offsets.items())
    return (f"the bands have different offsets ({listed}); if that is wrong, --offset gives one for all",)


def _fill_notes(found: _Sample) -> tuple[str, ...]:
    """Return a note if many pixels hold one value in all bands, higher than nearly all others: fill or clouds."""
    if len(found.bands) < 2:
        return ()
    same = found.stored[0][(found.stored == found.stored[0]).all(axis=0)]
    values, counts = np.unique(same, return_counts=True)
    known = np.isfinite(found.stored[0])
    if not counts.size or counts.max() < max(_COMMON * known.sum(), _FILLS):
        return ()
    value, others = values[counts.argmax()], found.stored[0][known & (found.stored[0] != values[counts.argmax()])]
    if others.size and np.percentile(others, 99) > value:
        return ()
    return (
        f"{counts.max() / known.sum():.0%} of the pixels hold {value:g} in all of {', '.join(found.bands)}; if that "
        f"fills what was not seen, declare it (gdal_edit.py -a_nodata {value:g})",
    )


def _order_notes(scene: Scene, found: _Sample, units: Units) -> tuple[str, ...]:
    """Return a note if bands seem to have changed places."""
    if not {"B2", "B4"} <= set(found.bands):
        return ()
    values = dict(zip(found.bands, _values(scene, found), strict=True))
    advice = "check the order of the bands (--bands, --band)"
    if _redness(values["B4"], values["B2"]) < _REVERSED:
        return (f"the brighter the ground, the bluer it is, so B2 and B4 seem to have changed places; {advice}",)
    if "B3" in values and _redness(values["B4"], values["B3"]) < _REVERSED:
        return (f"the brighter the ground, the greener it is, so B3 and B4 seem to have changed places; {advice}",)
    infrared = _beside(scene, found, units)
    if infrared is not None:
        red = values["B4"] * np.float32(_factor("B4", units))
        with np.errstate(invalid="ignore", divide="ignore"):
            index = (infrared - red) / (infrared + red)
        index = index[np.isfinite(index)]
        if index.size >= _ENOUGH and np.percentile(index, 90) < _NO_VEGETATION:
            return (
                "nearly everywhere the near infrared is darker than red, as no ground but water is, so the bands seem "
                f"to stand in another order; {advice}",
            )
    return ()


def _redness(red: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the rank correlation of brightness and of the ratio of red to another band; NaN of too few pixels."""
    valid = (red > 0) & (other > 0)
    if valid.sum() < _ENOUGH:
        return float("nan")
    brightness, redness = np.log(other[valid] * red[valid]), np.log(red[valid] / other[valid])
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (brightness, redness)]
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def _beside(scene: Scene, found: _Sample, units: Units) -> NDArray[np.float32] | None:
    """Read digital numbers of the near infrared at the pixels of the others; None if that tells nothing new.

    The order of a product's own images needs no check, and over a network each band costs time.
    """
    band = next((band for band in ("B8", "B8A") if band in scene.bands), None)
    if band is None or scene.order is None or is_network(scene.bands[band].path):
        return None
    ref = scene.bands[band]
    values = sample(ref, f"band {band}").ravel() * np.float32(ref.scale) + np.float32(ref.offset)
    return values * np.float32(_factor(band, units)) if values.size == found.stored.shape[1] else None
