"""Turns one run, or several as an ensemble, into a bundle: ONNX files, description, model card.

The probabilities are calibrated on the validation patches, the threshold is their F1 optimum (without such patches,
both stay as they were trained), and every figure on the card is measured with the exported networks in ONNX Runtime.
They must agree with the trained ones, or there is no bundle. Trained networks run on the GPU if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.install import check_place, is_bundle
from l4s_geo.bundles.item import read_bundle
from l4s_geo.bundles.registry import check_name
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import BundleError, DataError
from l4s_training.export.calibrate import calibrate
from l4s_training.export.ensemble import ExportedEnsemble
from l4s_training.export.held_out import HeldOut, read_held_out
from l4s_training.export.measure import WORTH, HeldOutPrediction, measure, predict_held_out
from l4s_training.export.members import TrainedEnsemble, export_member, load_trained
from l4s_training.export.record import record
from l4s_training.export.settings import ExportSettings
from l4s_training.runs.prediction import mean_predictor, on_best_device, predict_all, run_predictor
from l4s_training.scoring.metrics import ThresholdCurve

__all__ = ["ExportedBundle", "export"]


@dataclass(frozen=True)
class ExportedBundle:
    """A bundle that was written, and how well its networks agree with those that were trained."""

    bundle: Bundle
    parity: float
    """Largest difference of a logit between an exported and the trained network on random windows."""
    left_out: tuple[Path, ...] = ()
    """Network runs that weigh too little to count, see `l4s_training.adaptation.ensemble`."""
    in_full: tuple[Path, ...] = ()
    """Network runs whose weights are stored in full, because half precision changes what they compute."""
    newness_lost: bool = False
    """Whether the bundle took the place of one with models of newness, which were fitted to that one's networks."""


def export(
    folders: Sequence[Path], out: Path, settings: ExportSettings, say: Callable[[str], None] = lambda text: None
) -> ExportedBundle:
    """Write the bundle of a run or of several, scored on their validation and test blocks.

    Args:
        folders: of runs or of recipes' runs; several make an ensemble, and must have the same bands, data and split.
        out: the bundle's folder.
        settings: what is asked for.
        say: is told, in a line, what is under way; large networks take hours on a processor.

    Raises:
        DataError: there is no finished epoch, the data is gone, the runs do not fit together, or 8-bit weights cost too
            much, or what they cost cannot be measured.
        BundleError: something else than a bundle stands in the place of the bundle's folder, or its name is not a
            plain one.
        OutputError: it cannot be written.
    """
    check_place(out)
    check_name(settings.name)
    trained = given = load_trained(folders)
    config = trained.run.config
    runs = [member.run for member in trained.members]
    held = read_held_out(runs, settings.data or config.data, settings.measure_on)
    if settings.storage == "int8" and not len(held.validation):
        raise DataError(
            "What 8-bit weights cost is measured on validation patches, and the split has none; export with --storage "
            "half, or train with a split that has some."
        )
    if len(held.validation):
        trained = calibrate(trained, held.validation, settings.fit_weights)
    members = []
    for number, member in enumerate(trained.members, start=1):
        say(f"[{number}/{len(trained.members)}] {member.run.config.network}: written as ONNX and compared")
        members.append(export_member(member, settings.storage))
    say(_measuring(held, settings.flips))
    prediction = predict_held_out(ExportedEnsemble.of(members), held, trained.threshold)
    cost = _check_cost(trained, prediction) if settings.storage == "int8" else None
    crf = trained.crf or (CRFParameters(bands=config.bands) if settings.crf else None)
    measured = measure(prediction, settings.flips, crf, settings.terrain_prior)
    newness_lost = _has_newness(out)
    bundle = record(out, settings, folders, members, measured, cost)
    kept = {member.run.folder for member in members}
    left_out = tuple(member.run.folder for member in given.members if member.run.folder not in kept)
    in_full = tuple(member.run.folder for member in members if settings.storage == "half" != member.storage)
    return ExportedBundle(bundle, max(member.parity for member in members), left_out, in_full, newness_lost)


def _measuring(held: HeldOut, flips: bool) -> str:
    """Say how many windows are predicted to measure a bundle."""
    count = sum(map(len, held.sets.values()))
    again = count - len(held.validation)
    return f"Measuring on {count} patches" + (f", {again} of them in eight views as well (--no-flips)" if flips else "")


def _has_newness(out: Path) -> bool:
    """Whether a bundle stands in this place that has models of newness."""
    try:
        return is_bundle(out) and bool(read_bundle(out).newness)
    except BundleError:
        return False  # a damaged one is replaced


def _check_cost(trained: TrainedEnsemble, prediction: HeldOutPrediction) -> float:
    """Return what 8-bit weights cost: by how much the F1 on the validation patches falls.

    Raises:
        DataError: they cost more than `WORTH`.
    """
    patches = prediction.held.validation
    with ExitStack() as stack:
        voters = [
            run_predictor(member.run, stack.enter_context(on_best_device(member.calibrated)), patches)
            for member in trained.members
        ]
        before = predict_all(mean_predictor(voters, [member.weight for member in trained.members]), patches)
    _, whole = ThresholdCurve.of(before, patches.masks).best()
    _, stored = ThresholdCurve.of(prediction.probabilities["validation"], patches.masks).best()
    if whole.f1 - stored.f1 > WORTH:
        raise DataError(
            f"With 8-bit weights the F1 on the validation blocks falls from {whole.f1:.4f} to {stored.f1:.4f}; "
            "export with --storage half."
        )
    return whole.f1 - stored.f1
