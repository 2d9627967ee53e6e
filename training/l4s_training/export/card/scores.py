"""What a model card says of scores: on each set of patches, by size, with CRF and terrain prior, by confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from l4s_geo.bundles.bundle import CLASSES, Bundle
from l4s_training.export.card import prose
from l4s_training.export.measure import Measured, PatchScores

__all__ = ["LABELLED", "files_measured", "scores_section"]

LABELLED = "l4s_14band_labelled"
"""Name of the public patches with all 14 bands."""

_ROLES = {
    "validation": "validation blocks (chose epoch and threshold)",
    "test": "**test blocks** (chose nothing)",
    LABELLED: "`l4s_14band_labelled.npz`, 11 patches in their true values (chose nothing)",
    "terrain_prior": "patches that the terrain prior is learned from",
}
_VARIANTS = (
    ("_flips", ", flips averaged"),
    ("_crf", ", DenseCRF"),
    ("_without", ", without the prior"),
    ("_left_out", ", with the prior learned on the others"),
)


def scores_section(bundle: Bundle, measured: Measured, twins: bool) -> str:
    """Write the scores: the table, what it does not say, and what belongs to the bundle's options.

    Args:
        bundle: the description that goes into ``bundle.json``.
        measured: what was measured, at the bundle's threshold.
        twins: whether the labelled 14-band patches among the sets are also among the test blocks.
    """
    rows = "\n".join(_row(scores) for scores in measured.scores)
    return f"""\
Landslide class, pixel counts pooled over all pixels of the split as in the Landslide4Sense competition, at threshold
{bundle.threshold:.3f}, the F1 optimum on the validation patches. Measured with the exported networks in ONNX Runtime.

| on | patches | F1 | precision | recall | IoU | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

These are held-out *patches of the training set's regions*, and nearly all of them hold a landslide. They are no scores
on the competition's test set, and none on whole scenes.
{_twins(twins)}{_by_size(measured.recall)}{_crf(bundle)}{_prior(bundle)}{_confidence(bundle)}
The probabilities are calibrated on the validation patches; the calibration error is the mean distance of probability
and frequency in 15 bins. It holds where landslides are as frequent as in these patches; where they are rarer, the
probabilities are too high.
"""


def files_measured(scores: Sequence[PatchScores], twins: bool) -> list[str]:
    """Return the names of the files that the scores can be reproduced on by naming them; see `scores_section`."""
    names = [s.name for s in scores if not s.name.startswith(("validation", "test", "terrain"))]
    return [name for name in names if _title(name) == f"`{name}`"] + ([LABELLED] if twins else [])


def _title(name: str) -> str:
    """What the card calls a set of patches."""
    for suffix, how in _VARIANTS:
        if name.endswith(suffix):
            plain = name.removesuffix(suffix)
            return _ROLES.get(plain, f"`{plain}`") + how
    return _ROLES.get(name, f"`{name}`")


def _row(scores: PatchScores) -> str:
    s = scores.scores
    return (
        f"| {_title(scores.name)} | {scores.patches} | {s.f1:.3f} | {s.precision:.3f} | {s.recall:.3f} "
        f"| {s.iou:.3f} | {scores.calibration_error:.3f} |"
    )


def _twins(twins: bool) -> str:
    return f"\n{prose.TWINS}" if twins else ""


def _by_size(recall: Mapping[int, tuple[int, float]]) -> str:
    rows = "\n".join(f"| ≥ {size:,} m² | {n} | {share:.3f} |" for size, (n, share) in recall.items() if n)
    if not rows:
        return ""
    return f"""
Landslides of the test patches that were found, at least half of their pixels (pixels that touch along an edge are one
landslide):

| size | landslides | found |
| --- | --- | --- |
{rows}
"""


def _crf(bundle: Bundle) -> str:
    if bundle.crf is None:
        return ""
    p, threshold, state = bundle.crf.parameters, bundle.crf.threshold, "on" if bundle.crf.default else "off"
    return f"""
The DenseCRF (`--crf`; bilateral kernel of {p.bilateral_sigma_xy:g} pixels and {p.bilateral_sigma_value:g} in value,
weight {p.bilateral_weight:g}, {p.iterations} iterations, a threshold of its own, {threshold:.3f}) is **{state} by
default**: it runs by itself only where it gains 0.005 in F1 on validation and test alike.
"""


def _prior(bundle: Bundle) -> str:
    if bundle.prior is None:
        return ""
    factors = ", ".join(
        f"{np.exp(r):.2g} at {s:g}°" for s, r in zip(bundle.prior.slope, bundle.prior.log_ratio, strict=True)
    )
    state = "on" if bundle.prior.on else "off"
    return f"""
With a DEM, the terrain prior multiplies the odds of landslide by a factor of the slope: {factors}.
It takes detections away from flat ground and is **{state} by default**. It was learned on few patches of steep
mountains: landslides on gentle ground (lateral spreads, earth flows, run-out on valley floors) are lost to it.
"""


def _confidence(bundle: Bundle) -> str:
    if bundle.confidence is None:
        return ""
    c = bundle.confidence
    share = ", ".join(f"{name} {c.precision[name]:.0%}" for name in CLASSES if name in c.precision)
    return f"""
Confidence of a landslide, by the mean probability of its pixels: high from {c.high:.3f}, medium from {c.medium:.3f},
else low. Cut on the validation patches; on the test patches, so many detections of 500 m² and more were right, at least
half of their pixels: {share}.
"""
