"""Turns one run, or several as an ensemble, into a bundle: ONNX files, description, model card.

The probabilities are calibrated on the validation blocks, the threshold is their F1 optimum (without such blocks, both
stay as they were trained), and every figure on the card is measured with the exported networks in ONNX Runtime. They
must agree with the trained ones, or there is no bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from l4s_geo.bands import scale_of
from l4s_geo.bundles.bundle import Bundle, Confidence, Member, Refinement
from l4s_geo.bundles.item import write_bundle
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError
from l4s_training.adaptation import ensemble
from l4s_training.data import splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import read as sources
from l4s_training.export.card import ExportedNetwork, Measurement, model_card
from l4s_training.export.onnx_file import TOLERANCE, Storage, check_parity, onnx_logits, to_onnx
from l4s_training.export.terrain_prior import coarse_slope, learn_prior, leave_one_out
from l4s_training.runs import recipe_run as stages
from l4s_training.runs.prediction import (
    Predict,
    load_network,
    mean_predictor,
    predict_all,
    refined_predictor,
    run_predictor,
    with_flips,
)
from l4s_training.scoring.calibration import (
    IDENTITY,
    Calibrated,
    Calibration,
    fit_calibration,
    fit_ensemble,
    logits_of,
)
from l4s_training.scoring.metrics import Scores, ThresholdCurve
from l4s_training.scoring.objects import confidence, detections, recall_by_size, references
from l4s_training.scoring.reliability import calibration_error
from l4s_training.training.network_run import Run, read_run

__all__ = ["Exported", "export"]

_WORTH = 0.005
"""F1 that the DenseCRF must gain on validation and on test to run by default, less is within the noise; and that
storing the weights as 8-bit integers may cost on validation."""
_LEAST_WEIGHT = 0.001
"""A bundle's networks all have a weight above zero."""


@dataclass(frozen=True)
class Exported:
    """What an export produced."""

    bundle: Bundle
    parity: float
    """Largest difference of a logit between an exported and the trained network on random windows."""


@dataclass
class _Member:
    """A run on its way into the bundle."""

    run: Run
    network: nn.Module
    weight: float
    calibration: Calibration = IDENTITY
    data: bytes = b""
    parity: float = 0.0

    @property
    def calibrated(self) -> nn.Module:
        return Calibrated(self.network, self.calibration).eval()

    @property
    def side(self) -> int:
        return round(self.run.window * self.run.config.scale)


def export(
    folders: Path | Sequence[Path],
    out: Path,
    name: str,
    version: str = "1",
    measure_on: Sequence[Path] = (),
    flips: bool = True,
    crf: bool = False,
    fit_weights: bool = False,
    storage: Storage = "half",
    terrain_prior: Path | None = None,
) -> Exported:
    """Write the bundle of a run or of several, scored on their validation and test blocks.

    Args:
        folders: of runs or of recipes' runs; several make an ensemble, and must have the same bands, data and split.
        out: the bundle's folder.
        name: the bundle's name.
        version: the bundle's version.
        measure_on: other labelled data, none of it trained on, to be scored whole.
        flips: also score with the eight flips and rotations averaged.
        crf: also score with a DenseCRF (as does a recipe that has one), and keep its parameters with the threshold that
            is best for it on the validation blocks; it runs by default if it pays on validation and test alike.
        fit_weights: weigh the networks so that the cross-entropy on the validation blocks is lowest, not all alike
            (or as their recipe says).
        storage: how weights are stored; "int8" halves the file again, and is refused if it costs 0.005 of F1.
        terrain_prior: labelled patches with elevations, none of them trained on, from which the terrain prior is
            learned; it runs by default if it pays when each patch is left out in turn.

    Raises:
        DataError: there is no finished epoch, the data is gone, or the runs do not fit together.
    """
    folders = [folders] if isinstance(folders, Path) else folders
    results = [stages.result_of(folder) for folder in folders]
    runs = _runs([folder for result in results for folder in result.folders])
    shares = [weight for result in results for weight in result.weights]
    members = [_Member(run, load_network(run), share) for run, share in zip(runs, shares, strict=True)]
    first = members[0].run.config
    sets = sources.read_all(first.data, first.bands)
    parts = splits.divide(sets, first.plan)
    patches = concatenate(sets)
    validation = patches.take(parts.validation)
    if len(validation):
        _calibrate(members, validation, fit_weights)
    for member in members:
        bands = len(first.bands)
        member.data = to_onnx(member.calibrated, bands, member.side, storage)
        tolerance = TOLERANCE if storage == "half" else float("inf")
        member.parity = check_parity(member.data, member.calibrated, bands, member.side, tolerance)
    together = _Ensemble(members)
    chosen = {
        "validation": validation,
        "test": patches.take(parts.test),
        **{path.stem: sources.read(path, first.bands) for path in measure_on},
    }
    plain = {key: predict_all(together.on(part), part) for key, part in chosen.items() if len(part)}
    threshold = results[0].threshold
    if len(validation):
        threshold, scores = _best(plain["validation"], validation.masks)
        if storage == "int8":
            _check_cost(members, validation, scores)
    measured = []
    for key, probabilities in plain.items():
        part = chosen[key]
        measured.append(_measurement(key, probabilities, part.masks, threshold))
        if flips and key != "validation":
            flipped = predict_all(with_flips(together.on(part)), part)
            measured.append(_measurement(f"{key}_flips", flipped, part.masks, threshold))
    objects = _objects(plain, chosen, threshold)
    refinement = prior = None
    if crf or results[0].crf:
        parameters = results[0].crf or CRFParameters(bands=first.bands)
        refinement, more = _refinement(together, parameters, chosen, measured)
        measured += more
    if terrain_prior:
        prior, more = _prior(together, terrain_prior, threshold)
        measured += more
    description = " + ".join(m.run.config.network for m in members)
    bundle = Bundle(
        name=name,
        version=version,
        description=f"{description} on {', '.join(first.bands)} for landslides at 10 m.",
        bands=first.bands,
        members=tuple(_description(member, file) for member, file in zip(members, _files(members), strict=True)),
        threshold=threshold,
        crf=refinement,
        prior=prior,
        confidence=objects.confidence,
        window=members[0].run.window,
        trained_on=(
            f"{members[0].run.patches['train']} labelled Landslide4Sense patches "
            f"({', '.join(Path(d).name for d in first.data)}), split by blocks of id"
        ),
        scores={
            **{f"{m.name}_{k}": round(v, 4) for m in measured for k, v in m.as_dict().items()},
            **{f"test_recall_from_{size}_m2": round(r, 4) for size, (_, r) in objects.recall.items() if r == r},
        },
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    files = {d.file: m.data for d, m in zip(bundle.members, members, strict=True)}
    networks = [ExportedNetwork(m.run, m.calibration, m.parity, len(m.data), m.weight) for m in members]
    card = model_card(bundle, folders, networks, measured, objects.recall, storage)
    write_bundle(bundle, files, out, card)
    return Exported(bundle, max(m.parity for m in members))


def _runs(folders: Sequence[Path]) -> list[Run]:
    """Read runs that can stand in one bundle."""
    if not folders:
        raise DataError("No run was named; name at least one folder that `l4s-train fit` wrote.")
    runs = [read_run(folder) for folder in folders]
    for folder, run in zip(folders, runs, strict=True):
        if run.best is None:
            raise DataError(f"{folder} has no checkpoint yet; export it after its first epoch.")
        for key in ("data", "bands", "plan"):
            if getattr(run.config, key) != getattr(runs[0].config, key):
                raise DataError(
                    f"{folder} has another {key} than {folders[0]}; the networks of an ensemble must be trained on the "
                    "same data, bands and split, or there is nothing left to measure it on."
                )
    return runs


def _calibrate(members: Sequence[_Member], validation: Patches, fit_weights: bool) -> None:
    """Calibrate each network, weigh them, and calibrate their mean."""
    logits = []
    for member in members:
        raw = logits_of(predict_all(run_predictor(member.run, member.network, validation), validation))
        member.calibration = fit_calibration(raw, validation.masks)
        logits.append(member.calibration(raw))
    if len(members) == 1:
        return
    if fit_weights:
        found = ensemble.fit_weights(np.stack([expit(x) for x in logits]), validation.masks)
        for member, weight in zip(members, np.maximum(found, _LEAST_WEIGHT), strict=True):
            member.weight = round(float(weight), 3)
    total = sum(m.weight for m in members)
    common = fit_ensemble(logits, [m.weight / total for m in members], validation.masks)
    for member in members:
        member.calibration = member.calibration.then(common)


@dataclass(frozen=True)
class _Ensemble:
    """The exported networks together, as the mapper runs them."""

    members: Sequence[_Member]

    def on(self, patches: Patches) -> Predict:
        """Return what predicts patches; see `run_predictor`."""
        voters = [run_predictor(m.run, _InONNX(m.data), patches) for m in self.members]
        return mean_predictor(voters, [m.weight for m in self.members])

    def refined(self, patches: Patches, parameters: CRFParameters) -> Predict:
        """Likewise, with a DenseCRF."""
        scaled = any(m.run.config.normalization == "window" for m in self.members)
        return refined_predictor(self.on(patches), patches, parameters, scaled)


class _InONNX(nn.Module):
    """An exported network in the place of the trained one."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._logits = onnx_logits(data)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._logits(x.numpy()))


def _check_cost(members: Sequence[_Member], validation: Patches, scores: Scores) -> None:
    """Check that 8-bit weights cost next to nothing."""
    voters = [run_predictor(m.run, m.calibrated, validation) for m in members]
    trained = mean_predictor(voters, [m.weight for m in members])
    _, before = _best(predict_all(trained, validation), validation.masks)
    if before.f1 - scores.f1 > _WORTH:
        raise DataError(
            f"With 8-bit weights the F1 on the validation blocks falls from {before.f1:.4f} to {scores.f1:.4f}; "
            "export with --storage half."
        )


def _measurement(
    name: str, probabilities: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float
) -> Measurement:
    scores = Scores.of(probabilities >= threshold, masks)
    return Measurement(name, len(masks), scores, calibration_error(probabilities, masks))


@dataclass(frozen=True)
class _OfObjects:
    """What was measured on whole landslides."""

    confidence: Confidence | None
    recall: Mapping[int, tuple[int, float]]
    """By least area, m²: objects of the test blocks and the share found."""


def _objects(plain: Mapping[str, NDArray[np.float32]], chosen: Mapping[str, Patches], threshold: float) -> _OfObjects:
    if not {"validation", "test"} <= plain.keys():
        return _OfObjects(None, {})
    on = {role: detections(plain[role], chosen[role].masks, threshold) for role in ("validation", "test")}
    there = references(plain["test"], chosen["test"].masks, threshold)
    return _OfObjects(confidence(on["validation"], on["test"]), recall_by_size(there))


def _refinement(
    together: _Ensemble, parameters: CRFParameters, chosen: Mapping[str, Patches], measured: Sequence[Measurement]
) -> tuple[Refinement, list[Measurement]]:
    """Score the exported networks with the DenseCRF, at the threshold that is best with it on the validation blocks."""
    held = {name: part for name in ("validation", "test") if len(part := chosen[name])}
    refined = {name: predict_all(together.refined(part, parameters), part) for name, part in held.items()}
    threshold = 0.5
    if "validation" in held:
        threshold, _ = _best(refined["validation"], held["validation"].masks)
    with_crf = [_measurement(f"{name}_crf", p, held[name].masks, threshold) for name, p in refined.items()]
    plain = {m.name: m.scores.f1 for m in measured}
    pays = len(held) == 2 and all(m.scores.f1 - plain[m.name.removesuffix("_crf")] >= _WORTH for m in with_crf)
    return Refinement(parameters, threshold, pays), with_crf


def _prior(together: _Ensemble, path: Path, threshold: float) -> tuple[TerrainPrior, list[Measurement]]:
    """Learn the terrain prior, and score it on each patch with what was learned on the others."""
    patches = sources.read(path, together.members[0].run.config.bands)
    elevation = sources.read(path, ("DEM",)).windows(np.arange(len(patches)))[:, 0] * scale_of(("DEM",))[0]
    slope = coarse_slope(elevation.astype(np.float32))
    probabilities = predict_all(together.on(patches), patches)
    left_out = leave_one_out(probabilities, patches.masks, slope)
    before = _measurement("terrain_prior_without", probabilities, patches.masks, threshold)
    after = _measurement("terrain_prior_left_out", left_out, patches.masks, threshold)
    learned = learn_prior(probabilities, patches.masks, slope)
    return replace(learned, on=after.scores.f1 > before.scores.f1), [before, after]


def _best(probabilities: NDArray[np.float32], masks: NDArray[np.uint8]) -> tuple[float, Scores]:
    curve = ThresholdCurve()
    curve.add(probabilities, masks)
    return curve.best()


def _files(members: Sequence[_Member]) -> list[str]:
    """Name the networks' files, with a number where an architecture comes twice."""
    names = [m.run.config.network.replace("+", "-") for m in members]
    return [
        f"{name}-{names[: i + 1].count(name)}.onnx" if names.count(name) > 1 else f"{name}.onnx"
        for i, name in enumerate(names)
    ]


def _description(member: _Member, file: str) -> Member:
    config = member.run.config
    return Member(
        file,
        hashlib.sha256(member.data).hexdigest(),
        config.network,
        config.bands,
        config.normalization,
        member.run.statistics,
        member.weight,
        config.scale,
    )
