"""Writes the model card: the order of its sections, what the bundle is, and where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_training.export.card import prose
from l4s_training.export.card.commands import commands, reproduction
from l4s_training.export.card.scores import LABELLED, scores_section
from l4s_training.export.card.training import data_section, is_rgb_pairs, training_section
from l4s_training.export.measure import Measured
from l4s_training.export.members import ExportedMember
from l4s_training.export.onnx_file import Storage

__all__ = ["model_card"]


def model_card(
    bundle: Bundle, folders: Sequence[Path], members: Sequence[ExportedMember], measured: Measured, storage: Storage
) -> str:
    """Write the card.

    Args:
        bundle: the description that goes into ``bundle.json``.
        folders: the runs that were exported, of `l4s-train run` or `l4s-train fit`.
        members: its networks, in order.
        measured: what was measured, at the bundle's threshold.
        storage: how the weights are stored.
    """
    run = members[0].run
    twins = is_rgb_pairs(run.config) and any(scores.name == LABELLED for scores in measured.scores)
    return f"""\
# Bundle `{bundle.name}`, version {bundle.version}

{_introduction(bundle, members)} Licence of the weights: {bundle.license}.

## Scores

{scores_section(bundle, measured, twins)}
{reproduction(bundle.name, run.config, measured, twins)}
## Training data

{data_section(run)}
## Training

{training_section(members, storage)}

```
{commands(bundle, folders, measured, storage)}
```

## Known failures

{_limits(bundle, members)}
"""


def _introduction(bundle: Bundle, members: Sequence[ExportedMember]) -> str:
    size = sum(m.size for m in members) / 1e6
    bands = ", ".join(bundle.bands)
    window = f"windows of {bundle.window} x {bundle.window} pixels of 10 m"
    if len(members) == 1:
        one = members[0].run.config.network
        return (
            f"A {one} that marks landslides in {window}, from the\nSentinel-2 bands {bands}. {size:.1f} MB, "
            f"{_start(members)}"
        )
    total = sum(m.weight for m in members)
    names = ", ".join(f"{m.run.config.network} ({m.weight / total:.0%})" for m in members)
    return (
        f"{len(members)} networks that mark landslides in {window}, from the\nSentinel-2 bands {bands}: {names}, of "
        f"whose\nprobabilities the mean is taken. {size:.1f} MB, {_start(members)}"
    )


def _start(members: Sequence[ExportedMember]) -> str:
    pretrained = sum(m.run.config.imagenet for m in members)
    if not pretrained:
        return prose.SCRATCH
    which = "an encoder" if len(members) == 1 else f"{pretrained} encoders"
    which += f" of {len(members)}" if pretrained < len(members) else ""
    return prose.IMAGENET.format(which=which)


def _limits(bundle: Bundle, members: Sequence[ExportedMember]) -> str:
    config = members[0].run.config
    limits = prose.LIMITS
    if is_rgb_pairs(config):
        limits = (prose.FEW_EMPTY_PATCHES if config.negatives else prose.NO_EMPTY_PATCHES) + prose.LEVEL + limits
    if not {"slope", "DEM"} & set(config.bands):
        limits = prose.NO_TERRAIN.format(terrain=prose.PRIOR if bundle.prior else prose.BY_HAND) + limits
    return limits
