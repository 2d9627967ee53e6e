"""Turns one run, or several as an ensemble, into a bundle: ONNX files, description, model card.

The probabilities are calibrated on the validation blocks, the threshold is their F1 optimum (without such blocks, both
stay as they were trained), and every figure on the card is measured with the exported networks in ONNX Runtime. They
must agree with the trained ones, or there is no bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.install import check_place
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError
from l4s_training.export.calibrate import calibrate
from l4s_training.export.ensemble import ExportedEnsemble
from l4s_training.export.held_out import read_held_out
from l4s_training.export.measure import WORTH, HeldOutPrediction, measure, predict_held_out
from l4s_training.export.members import TrainedEnsemble, export_member, load_trained
from l4s_training.export.record import record
from l4s_training.export.settings import ExportSettings
from l4s_training.runs.prediction import mean_predictor, predict_all, run_predictor
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


def export(folders: Sequence[Path], out: Path, settings: ExportSettings) -> ExportedBundle:
    """Write the bundle of a run or of several, scored on their validation and test blocks.

    Args:
        folders: of runs or of recipes' runs; several make an ensemble, and must have the same bands, data and split.
        out: the bundle's folder.
        settings: what is asked for.

    Raises:
        DataError: there is no finished epoch, the data is gone, the runs do not fit together, or 8-bit weights cost too
            much.
        BundleError: something else than a bundle stands in the place of the bundle's folder.
        OutputError: it cannot be written.
    """
    check_place(out)
    trained = given = load_trained(folders)
    config = trained.run.config
    held = read_held_out(config.data, config.bands, config.plan, settings.measure_on)
    if len(held.validation):
        trained = calibrate(trained, held.validation, settings.fit_weights)
    members = [export_member(member, settings.storage) for member in trained.members]
    prediction = predict_held_out(ExportedEnsemble.of(members), held, trained.threshold)
    if settings.storage == "int8":
        _check_cost(trained, prediction)
    crf = trained.crf or (CRFParameters(bands=config.bands) if settings.crf else None)
    measured = measure(prediction, settings.flips, crf, settings.terrain_prior)
    bundle = record(out, settings, folders, members, measured)
    kept = {member.run.folder for member in members}
    left_out = tuple(member.run.folder for member in given.members if member.run.folder not in kept)
    return ExportedBundle(bundle, max(member.parity for member in members), left_out)


def _check_cost(trained: TrainedEnsemble, prediction: HeldOutPrediction) -> None:
    """Check that 8-bit weights cost next to nothing on the validation patches, if there are some.

    Raises:
        DataError: they cost more than `WORTH` of F1.
    """
    patches = prediction.held.validation
    if not len(patches):
        return
    voters = [run_predictor(member.run, member.calibrated, patches) for member in trained.members]
    before = predict_all(mean_predictor(voters, [member.weight for member in trained.members]), patches)
    _, whole = ThresholdCurve.of(before, patches.masks).best()
    _, stored = ThresholdCurve.of(prediction.probabilities["validation"], patches.masks).best()
    if whole.f1 - stored.f1 > WORTH:
        raise DataError(
            f"With 8-bit weights the F1 on the validation blocks falls from {whole.f1:.4f} to {stored.f1:.4f}; "
            "export with --storage half."
        )
