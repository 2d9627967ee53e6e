"""The model card of a bundle, in Markdown: what it is, how it was measured, where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l4s_geo.bundle import Bundle
from l4s_training.calibration import Calibration
from l4s_training.data import splits
from l4s_training.metrics import Scores
from l4s_training.run import Run

__all__ = ["Measurement", "model_card"]

_ROLES = {
    "validation": "validation blocks (chose epoch and threshold)",
    "test": "**test blocks** (chose nothing)",
    "l4s_14band_labelled": "`l4s_14band_labelled.npz`, 11 patches in their true values (chose nothing)",
}


@dataclass(frozen=True)
class Measurement:
    """Scores on one set of patches."""

    name: str
    """``validation``, ``test`` or the file's stem; with ``_flips`` where eight flips and rotations are averaged, with
    ``_crf`` where a DenseCRF refines, at its own threshold."""
    patches: int
    scores: Scores
    calibration_error: float
    """Expected calibration error of the probabilities, 15 bins."""

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {**self.scores.as_dict(), "calibration_error": self.calibration_error}

    @property
    def title(self) -> str:
        """What the card calls it."""
        for suffix, how in (("_flips", ", flips averaged"), ("_crf", ", DenseCRF")):
            if self.name.endswith(suffix):
                plain = self.name.removesuffix(suffix)
                return _ROLES.get(plain, f"`{plain}`") + how
        return _ROLES.get(self.name, f"`{self.name}`")


_RGB_PAIRS = """\
`l4s_rgb_pairs.npz`: 1,720 training patches of Landslide4Sense as 8-bit RGB with their masks, from the public
repository patschue/DLBS_landslides at commit 29c90be0. The repository states no licence; the terms of Landslide4Sense
(Institute of Advanced Research in Artificial Intelligence, 2022; complete set: Zenodo record 10463239) apply to
the data, none of which is in this bundle. Every patch was scaled by its own maximum, so the scale is lost; the
normalisation `window` makes the network independent of it."""

_NO_TERRAIN = """\
- **Bright ground that is no landslide**: river beds, gravel bars, tracks and roads, quarries, ploughed or bare fields,
  snow. In these bands they look like fresh scars, and the network sees no terrain. Flat ground is almost never a
  landslide: mask it by slope where a DEM is at hand.
"""

_NO_EMPTY_PATCHES = """\
- **Landslide-free scenes**: nearly every training patch holds a landslide (3 of 1,720 do not), so the network
  expects one. Its precision on whole scenes is lower than on the patches above; on ground without landslides,
  farmland above all, expect false detections.
- **Surface reflectance (Level-2A)**: all training patches are top-of-atmosphere (Level-1C), hazier in the blue.
"""

_LIMITS = """\
- **Old, overgrown landslides** and those smaller than a few pixels of 10 m are missed.
- **Clouds and cloud shadow** were rare in training: mask them first.
- The labels are noisy (their makers say so), which limits every figure above.

## Not to be used for

Warnings, decisions on safety or evacuation, statements that an area is free of landslides, or any count that nobody
has looked at. It proposes outlines for a person to check."""

_TWINS = """\
Nine of the eleven 14-band patches are also among the test blocks, as 8-bit RGB: the row shows that the network takes
values in L4S units too (the detections agree in more than 99 % of the pixels), not a second opinion. Eleven patches
are few: more than half of their landslide pixels lie in one of them.
"""


def model_card(
    bundle: Bundle, run: Run, measured: Sequence[Measurement], calibration: Calibration, parity: float, size: int
) -> str:
    """Write the card.

    Args:
        bundle: the description that goes into ``bundle.json``.
        run: the run that made the network.
        measured: scores at the bundle's threshold.
        calibration: what was done to the logits.
        parity: largest difference of a logit between the exported and the trained network.
        size: bytes of the network's file.
    """
    config, best = run.config, run.best
    data = " ".join(f"--data {path}" for path in config.data)
    rows = "\n".join(
        f"| {m.title} | {m.patches} | {m.scores.f1:.3f} | {m.scores.precision:.3f} | {m.scores.recall:.3f} "
        f"| {m.scores.iou:.3f} | {m.calibration_error:.3f} |"
        for m in measured
    )
    rgb_pairs = any(Path(path).name == "l4s_rgb_pairs.npz" for path in config.data)
    limits = "".join(
        [
            "" if {"slope", "DEM"} & set(config.bands) else _NO_TERRAIN,
            _NO_EMPTY_PATCHES if rgb_pairs else "",
            _LIMITS,
        ]
    )
    twins = f"\n{_TWINS}" if rgb_pairs and any(m.name == "l4s_14band_labelled" for m in measured) else ""
    named = [
        m.name for m in measured if not m.name.startswith(("validation", "test")) and not m.name.endswith("_flips")
    ]
    others = f"; for {', '.join(named)}, name that file with `--data` and `--split all`" if named else ""
    measure_on = " --measure-on FILE" if named else ""
    provenance = _RGB_PAIRS
    if not rgb_pairs:
        provenance = f"{', '.join(Path(p).name for p in config.data)}: labelled Landslide4Sense patches."
    return f"""\
# Bundle `{bundle.name}`, version {bundle.version}

A {config.network} that marks landslides in windows of {bundle.window} x {bundle.window} pixels of 10 m, from the
Sentinel-2 bands {", ".join(bundle.bands)}. One network, {size / 1e6:.1f} MB, trained from scratch
(no pretrained weights). Licence of the weights: {bundle.license}.

## Scores

Landslide class, pixel counts pooled over all pixels of the split as in the Landslide4Sense competition, at threshold
{bundle.threshold:.3f}, the F1 optimum on the validation blocks. Measured with the exported network in ONNX Runtime.

| on | patches | F1 | precision | recall | IoU | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

These are held-out *patches of the training set's regions*, and nearly all of them hold a landslide. They are no scores
on the competition's test set, and none on whole scenes.
{twins}{_crf(bundle)}
The probabilities are calibrated on the validation blocks (calibrated logit = {calibration.slope:.3f} · logit
{calibration.intercept:+.3f}); the calibration error is the mean distance of probability and frequency in 15 bins.
It holds where landslides are as frequent as in these patches; where they are rarer, the probabilities are too high.

Reproduce:

```
l4s-train evaluate {bundle.name} {data} --split test{_plan_options(config.plan)}
l4s-train evaluate {bundle.name} {data} --split validation{_plan_options(config.plan)}
```

(`--flips` averages the eight flips and rotations{others})

## Training data

{provenance}

Split by contiguous blocks of id, never at random: the sorted ids are cut into {config.plan.blocks} blocks,
counted from 0.

| role | blocks | patches |
| --- | --- | --- |
| train | all others | {run.patches["train"]} |
| validation | {_list(config.plan.validation)} | {run.patches["validation"]} |
| test | {_list(config.plan.test)} | {run.patches["test"]} |
| dropped | within {config.plan.guard} of a held-out patch, in id or official number | {run.patches["dropped"]} |

Kept out of training and validation as well: the neighbourhoods of the official numbers
{_list(config.plan.apart) or "(none)"}.

## Training

{_schedule(run)} The epoch of the best validation F1 was kept: epoch {best.epoch if best else "?"} of {config.epochs}
(counted from 0), {run.seconds / 60:.0f} minutes in all. The exported network differs from the trained one by at most
{parity:.2g} in a logit (weights are stored in half precision).

```
{_fit_command(run)}
l4s-train export RUN --out BUNDLE --name {bundle.name}{measure_on}{" --crf" if bundle.crf else ""}
```

## Known failures

{limits}
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


def _schedule(run: Run) -> str:
    config = run.config
    return (
        f"{config.epochs} epochs, batches of {config.batch}, AdamW with a one-cycle learning rate up to "
        f"{config.learning_rate:g}, seed {config.seed}.\nCross-entropy + Dice for the first "
        f"{config.warm_start:.0%} of the epochs, cross-entropy + Lovász hinge after them; moving average of the\n"
        f"weights (decay {config.ema_decay:g}). Augmentation: flips, rotations, mild zoom, ±5 % gain per band, "
        "rectangles\nwithout data."
    )


def _fit_command(run: Run) -> str:
    config = run.config
    parts = [
        "l4s-train fit",
        *(f"--data {path}" for path in config.data),
        f"--network {config.network} --bands {','.join(config.bands)} --normalization {config.normalization}",
        f"--epochs {config.epochs} --batch {config.batch} --lr {config.learning_rate:g}",
        f"--weight-decay {config.weight_decay:g} --warm-start {config.warm_start:g} --seed {config.seed}",
        "--out RUN" + _plan_options(config.plan),
    ]
    return " \\\n  ".join(parts)


def _plan_options(plan: splits.SplitPlan) -> str:
    """The options that rebuild a split; none for the default one."""
    if plan == splits.DEFAULT:
        return ""
    return (
        f" --blocks {plan.blocks} --validation-blocks {_list(plan.validation, ',')} "
        f"--test-blocks {_list(plan.test, ',')} --guard {plan.guard} --apart '{_list(plan.apart, ',')}'"
    )


def _list(numbers: tuple[int, ...], separator: str = ", ") -> str:
    return separator.join(map(str, numbers))
