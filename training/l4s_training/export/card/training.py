"""What a model card says of the data, the split and the training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l4s_training.data import splits
from l4s_training.export.card import prose
from l4s_training.export.card.commands import join
from l4s_training.export.members import ExportedMember
from l4s_training.export.onnx_file import Storage
from l4s_training.training.network_run import NetworkConfig, NetworkRun

__all__ = ["data_section", "is_rgb_pairs", "training_section"]


def is_rgb_pairs(config: NetworkConfig) -> bool:
    """Whether a network was trained on the public 8-bit RGB patches."""
    return any(Path(path).name == "l4s_rgb_pairs.npz" for path in config.data)


def data_section(run: NetworkRun) -> str:
    """Write where the data come from and how they were split."""
    provenance = prose.RGB_PAIRS
    if not is_rgb_pairs(run.config):
        provenance = f"{', '.join(Path(p).name for p in run.config.data)}: labelled Landslide4Sense patches."
    return f"{provenance}\n{_negatives(run.config)}\n{_split(run)}"


def training_section(members: Sequence[ExportedMember], storage: Storage) -> str:
    """Write how each network was trained, what its calibration is, and how the weights are stored."""
    text = ""
    for m in members:
        config, best = m.run.config, m.run.best
        start = ", from the weights of an earlier run" if config.init else ""
        text += (
            f"- **{config.network}**: {config.epochs} epochs, batches of {config.batch}, peak learning rate "
            f"{config.learning_rate:g}, seed {config.seed}{start}. Kept: epoch {best.epoch if best else '?'} (counted\n"
            f"  from 0), {m.run.seconds / 60:.0f} minutes in all. Calibrated logit = "
            f"{m.calibration.slope:.3f} · logit {m.calibration.intercept:+.3f}. "
            f"{m.size / 1e6:.1f} MB; differs\n  from the trained one by at most {m.parity:.2g} in a logit.\n"
        )
    stored = {
        "half": "half precision",
        "int8": "8-bit integers with a scale for each output channel (the validation F1 falls by less than 0.005)",
    }
    return f"{text}\nWeights are stored in {stored[storage]};\nthe arithmetic is that of float32."


def _negatives(config: NetworkConfig) -> str:
    if not config.negatives:
        return ""
    names = ", ".join(f"`{Path(p).name}`" for p in config.negatives)
    what = f": {prose.NEGATIVES}" if names == "`negatives.npz`" else " (`l4s-train negatives`)."
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
| validation | {join(plan.validation)} | {run.patches["validation"]} |
| test | {join(plan.test)} | {run.patches["test"]} |
| dropped | within {plan.guard} of a held-out patch, in id or official number | {run.patches["dropped"]} |

Kept out of training and validation as well: the neighbourhoods of the official numbers
{join(plan.apart) or "(none)"}.
"""
