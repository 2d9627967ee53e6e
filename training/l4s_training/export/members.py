"""Networks on their way into a bundle: as they were trained, and as the ONNX files that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError
from l4s_training.export.onnx_file import TOLERANCE, Storage, check_parity, parity, stored, traced
from l4s_training.runs.prediction import load_network
from l4s_training.runs.record import result_of
from l4s_training.scoring.calibration import IDENTITY, Calibrated, Calibration
from l4s_training.training.network_run import NetworkRun, read_network_run

__all__ = ["ExportedMember", "TrainedEnsemble", "TrainedMember", "export_member", "load_trained"]


@dataclass(frozen=True)
class TrainedMember:
    """A network as its training left it, with the weight and the calibration that it gets in the bundle."""

    run: NetworkRun
    network: nn.Module
    weight: float
    """Share in the ensemble's mean, relative to the other members'."""
    calibration: Calibration = IDENTITY

    @property
    def calibrated(self) -> nn.Module:
        """The network that returns calibrated logits, in eval mode."""
        return Calibrated(self.network, self.calibration).eval()


@dataclass(frozen=True)
class TrainedEnsemble:
    """The networks that one bundle is made of, and what the first run decided for all of them."""

    members: tuple[TrainedMember, ...]
    crf: CRFParameters | None
    """Parameters of the recipe's DenseCRF; None if it has none."""
    threshold: float
    """Probability from which a pixel counts as landslide where no validation block says better."""

    @property
    def run(self) -> NetworkRun:
        """The first member's run; data, bands and split are those of all."""
        return self.members[0].run


@dataclass(frozen=True)
class ExportedMember:
    """A network as it stands in the bundle, and how it came about."""

    run: NetworkRun
    calibration: Calibration
    weight: float
    """Share in the ensemble's mean, relative to the other members'."""
    data: bytes
    """The ONNX file."""
    parity: float
    """Largest difference of a logit between the exported and the trained network on random windows."""
    storage: Storage = "half"
    """How its weights are stored: in full where half precision, though asked for, changes what it computes."""

    @property
    def size(self) -> int:
        """Bytes of the ONNX file."""
        return len(self.data)


def load_trained(folders: Sequence[Path]) -> TrainedEnsemble:
    """Read the networks of one or more runs, of ``l4s-train run`` or ``l4s-train fit``.

    Raises:
        DataError: no folder was named, a run has no finished epoch, or the runs do not fit together.
    """
    if not folders:
        raise DataError("No run was named; name at least one folder that `l4s-train fit` wrote.")
    results = [result_of(folder) for folder in folders]
    runs = _fitting_runs([folder for result in results for folder in result.folders])
    weights = [weight for result in results for weight in result.weights]
    members = [TrainedMember(run, load_network(run), weight) for run, weight in zip(runs, weights, strict=True)]
    return TrainedEnsemble(tuple(members), results[0].crf, results[0].threshold)


def export_member(member: TrainedMember, storage: Storage) -> ExportedMember:
    """Write a network as ONNX and check that it computes what the trained one does.

    With 8-bit weights the two differ by design; what that costs is measured in F1 instead. A network that half
    precision changes by more than `TOLERANCE` in a logit is stored in full.

    Raises:
        RuntimeError: they differ, although the weights are stored in full.
    """
    network, bands = member.calibrated.cpu(), len(member.run.config.bands)
    side = round(member.run.window * member.run.config.scale)
    model = traced(network, bands, side)
    data = stored(model, storage)
    worst = parity(data, network, bands, side)
    if storage == "half" and not worst <= TOLERANCE:
        storage, data = "full", stored(model, "full")
    if storage == "full":
        worst = check_parity(data, network, bands, side)
    return ExportedMember(member.run, member.calibration, member.weight, data, worst, storage)


def _fitting_runs(folders: Sequence[Path]) -> list[NetworkRun]:
    """Read runs that can stand in one bundle."""
    runs = [read_network_run(folder) for folder in folders]
    for folder, run in zip(folders, runs, strict=True):
        if run.best is None:
            raise DataError(f"{folder} has no checkpoint yet; export it after its first epoch.")
        before, now = (r.learned_from.fingerprints for r in (runs[0], run))
        same = before == now if before and now else run.config.data == runs[0].config.data
        for key in ["data"] * (not same) + ["bands", "plan"]:
            if key == "data" or getattr(run.config, key) != getattr(runs[0].config, key):
                raise DataError(
                    f"{folder} has another {key} than {folders[0]}; the networks of an ensemble must be trained on the "
                    "same data, bands and split, or there is nothing left to measure it on."
                )
    return runs
