"""Runs a recipe: its stages in order, each in a folder of its own, so that a killed run goes on where it stopped.

A stage's folder is named after it and a digest of all that it depends on: its own settings, the stages before it and
the data. Recipes that share stages, run into the same folder of stages, share their training.

::

    RUN/run.json                     data, environment, and the result: networks, weights, CRF, threshold, scores
    RUN/recipe.yaml                  the recipe, what it extends included
    RUN/stages/swin-1a2b3c4d/        a training, see `l4s_training.training.network_run`
    RUN/stages/labels-5e6f7a8b/      labels.npz, stage.json
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError, L4SError
from l4s_training.adaptation import ensemble, pseudo_labels
from l4s_training.scoring.calibration import fit_calibration, logits_of
from l4s_training.scoring.metrics import ThresholdCurve
from l4s_training.data import splits
from l4s_training.data.readers import read as sources
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.roles import ROLES
from l4s_training.runs.prediction import (
    Predict,
    load_network,
    mean_predictor,
    predict_all,
    refined_predictor,
    run_predictor,
    sample_run,
)
from l4s_training.files import atomic_write, write_text
from l4s_training.training.fit import Hardware, Material, is_first_process, train
from l4s_training.config.recipe import CRF, Ensemble, PseudoLabel, Recipe, Stage, Train
from l4s_training.training.network_run import CONFIG, Config, Run, read_run
from l4s_training.config.hyperparameters import Training

__all__ = ["RUN", "Result", "predictors_of", "result_of", "run_recipe", "scores_of", "smoke_form"]

RUN, _STAGE, _LABELS = "run.json", "stage.json", "labels.npz"
_SMOKE_PATCHES = 4
_LEAST = 1e-3
"""Networks of an ensemble that weigh less are left out."""


@dataclass(frozen=True)
class Result:
    """What a run predicts with."""

    folders: tuple[Path, ...]
    """Trainings of the networks."""
    weights: tuple[float, ...]
    """Of their probabilities."""
    crf: CRFParameters | None
    threshold: float
    """Probability from which a pixel counts as landslide."""


def run_recipe(
    recipe: Recipe,
    data: Sequence[str | Path],
    out: Path,
    *,
    hardware: Hardware = Hardware(),  # noqa: B008
    smoke: bool = False,
    quiet: bool = False,
    target: Sequence[str | Path] = (),
    negatives: Sequence[str | Path] = (),
    stages: Path | None = None,
) -> Result:
    """Run a recipe's stages, those that are done left out, and record the result with its scores.

    Args:
        recipe: what to do.
        data: folders, zips or ``.npz`` files.
        out: the run's folder; created if need be.
        hardware: what trains.
        smoke: run the smoke form (`smoke_form`) on four patches of each role.
        quiet: print nothing.
        target: images that serve, without labels, as the target domain in place of the recipe's.
        negatives: windows without landslides, all of them for training.
        stages: folder of the stages; ``out/stages`` by default.

    Raises:
        DataError: the data cannot be read or does not suit the recipe, or ``out`` holds the run of another one.
        OutputError: the disk is full.
    """
    recipe = smoke_form(recipe) if smoke else recipe
    _check_folder(recipe, out)
    sets = sources.read_all(data, recipe.bands)
    parts = splits.divide(sets, recipe.plan)
    patches = concatenate(sets)
    roles: dict[str, Patches] = {role: patches.take(parts.of(role)) for role in ROLES}
    if smoke:
        roles = {role: part.take(np.arange(min(len(part), _SMOKE_PATCHES))) for role, part in roles.items()}
    counts = {**{role: len(part) for role, part in roles.items()}, "dropped": len(parts.dropped)}
    if negatives:
        roles["train"] = concatenate([roles["train"], *sources.read_all(negatives, recipe.bands)])
    domain = [sources.read_unlabelled(Path(path), recipe.bands) for path in target]
    if not domain:
        domain = [roles[role].unlabelled() for role in recipe.target]
        if missing := [role for role in recipe.target if not len(roles[role])]:
            raise DataError(
                f"Recipe {recipe.name} adapts to the {missing[0]} images, but the data has none that are labelled; "
                "give data that holds them, or name unlabelled images with --target."
            )
    elif smoke:
        domain = [part.take(np.arange(min(len(part), _SMOKE_PATCHES))) for part in domain]
    out.mkdir(parents=True, exist_ok=True)
    record = {
        "recipe": recipe.name,
        "description": recipe.description,
        "data": [str(path) for path in data],
        "target": [str(path) for path in target],
        "negatives": [str(path) for path in negatives],
        "smoke": smoke,
        "environment": _environment(),
    }
    if is_first_process():
        write_text(out / "recipe.yaml", recipe.text)
        write_text(out / RUN, json.dumps(record, indent=1) + "\n")
    runner = _Runner(
        recipe,
        tuple(map(str, data)),
        roles,
        counts,
        domain,
        tuple(map(str, target)),
        tuple(map(str, negatives)),
        stages or out / "stages",
        hardware,
        smoke,
        quiet,
    )
    for stage in recipe.stages:
        runner.run(stage)
    result, scores = runner.result()
    if is_first_process():
        record |= {
            "stages": {name: os.path.relpath(folder, out) for name, folder in runner.folders.items()},
            "result": {
                "folders": [os.path.relpath(folder, out) for folder in result.folders],
                "weights": list(result.weights),
                "crf": asdict(result.crf) if result.crf else None,
                "threshold": result.threshold,
            },
            "scores": scores,
        }
        write_text(out / RUN, json.dumps(record, indent=1) + "\n")
    return result


def result_of(folder: Path) -> Result:
    """Return what a folder predicts with: of ``l4s-train run``, or of a single training.

    Raises:
        DataError: the folder holds no run, or one that is not finished.
    """
    if (folder / CONFIG).is_file():
        best = read_run(folder).best
        return Result((folder,), (1.0,), None, best.threshold if best else 0.5)
    try:
        entries = json.loads((folder / RUN).read_text(encoding="utf-8"))
        if "result" not in entries:
            raise DataError(f"The run in {folder} is not finished; start it again with the same command, it goes on.")
        result = entries["result"]
        return Result(
            tuple(Path(os.path.normpath(folder / f)) for f in result["folders"]),
            tuple(result["weights"]),
            CRFParameters(**result["crf"]) if result["crf"] else None,
            result["threshold"],
        )
    except OSError as error:
        raise DataError(
            f"{folder} is no run ({error}); name a folder that `l4s-train run` or `l4s-train fit` wrote."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, L4SError):
            raise
        raise DataError(
            f"{folder / RUN} is damaged ({type(error).__name__}: {error}); run the recipe again."
        ) from error


def scores_of(folder: Path) -> dict[str, dict[str, float]]:
    """Return the scores of a finished run: of each role F1, precision, recall and IoU."""
    scores: dict[str, dict[str, float]] = json.loads((folder / RUN).read_text(encoding="utf-8"))["scores"]
    return scores


def predictors_of(result: Result) -> Callable[[Patches], Predict]:
    """Load a run's networks.

    Returns:
        Makes the function that predicts windows of patches; for separated normalisation, with the statistics of these
        patches.
    """
    runs = [read_run(folder) for folder in result.folders]
    networks = [load_network(run).to(_device()) for run in runs]

    def predictor(patches: Patches) -> Predict:
        own = [run_predictor(run, network, patches) for run, network in zip(runs, networks, strict=True)]
        predict = mean_predictor(own, result.weights) if len(own) > 1 else own[0]
        if result.crf is None:
            return predict
        return refined_predictor(predict, patches, result.crf, runs[0].config.normalization == "window")

    return predictor


def smoke_form(recipe: Recipe) -> Recipe:
    """Return a recipe whose trainings take two steps of four patches, enlarged twice at most."""
    changes: dict[str, Any] = {"iterations": 2, "batch": 4, "evaluate_every": 2, "patience": None}
    stages = tuple(
        replace(s, training=replace(s.training, scale=min(s.training.scale, 2.0), **changes))
        if isinstance(s, Train)
        else s
        for s in recipe.stages
    )
    return replace(recipe, stages=stages)


class _Runner:
    """The stages of one recipe on one set of data."""

    def __init__(
        self,
        recipe: Recipe,
        data: tuple[str, ...],
        roles: Mapping[str, Patches],
        counts: Mapping[str, int],
        target: Sequence[Patches],
        targets: tuple[str, ...],
        negatives: tuple[str, ...],
        root: Path,
        hardware: Hardware,
        smoke: bool,
        quiet: bool,
    ) -> None:
        self.recipe, self.data, self.roles, self.counts = recipe, data, roles, counts
        self.root, self.hardware, self.smoke, self.quiet = root, hardware, smoke, quiet
        self.negatives = negatives
        self.folders: dict[str, Path] = {}
        self._digests: dict[str, str] = {}
        self.targets = targets or recipe.target
        self.target = concatenate(target) if target else None
        """The images of the target domain, without labels."""

    def run(self, stage: Stage) -> None:
        """Run one stage, if it is not done."""
        digest = self._digests[stage.name] = self._digest(stage)
        folder = self.folders[stage.name] = self.root / f"{stage.name}-{digest[:8]}"
        if isinstance(stage, Train):
            self._say(f"{stage.name}: {stage.training.network}")
            self._train(stage, folder)
            return
        if (folder / _STAGE).is_file():
            return
        if not is_first_process():
            _wait_for(folder / _STAGE)
            return
        folder.mkdir(parents=True, exist_ok=True)
        facts: dict[str, Any] = {"stage": _plain(stage)}
        if isinstance(stage, PseudoLabel):
            facts |= self._label(stage, folder)
            self._say(f"{stage.name}: {facts['landslide']:.2%} landslide, {facts['used']:.1%} of the pixels used")
        elif isinstance(stage, Ensemble):
            facts["weights"] = self._weights(stage)
            shares = (f"{w:.3f} {m}" for w, m in zip(facts["weights"], stage.members, strict=True))
            self._say(f"{stage.name}: {', '.join(shares)}")
        write_text(folder / _STAGE, json.dumps(facts, indent=1) + "\n")

    def result(self) -> tuple[Result, dict[str, dict[str, float]]]:
        """Return the last stage's result, and its scores on the validation and test patches that there are."""
        result = self._result_of(self.recipe.result)
        predictor = predictors_of(result)
        probabilities = {
            role: predict_all(predictor(part), part)
            for role, part in self.roles.items()
            if role != "train" and len(part) and part.labelled
        }
        threshold = self.recipe.threshold
        curves = {role: ThresholdCurve.of(p, self.roles[role].masks) for role, p in probabilities.items()}
        if threshold is None:
            threshold = curves["validation"].best()[0] if "validation" in curves else 0.5
        scores = {}
        for role, curve in curves.items():
            scores[role] = {k: round(v, 5) for k, v in curve.at(threshold).as_dict().items()}
            self._say(
                f"{role}: F1 {scores[role]['f1']:.4f}  precision {scores[role]['precision']:.4f}  recall "
                f"{scores[role]['recall']:.4f}  at {threshold:.3f}"
            )
        return replace(result, threshold=threshold), scores

    def _train(self, stage: Train, folder: Path) -> None:
        config = Config(
            **{f.name: getattr(stage.training, f.name) for f in fields(Training)},
            data=self.data,
            negatives=self.negatives,
            bands=self.recipe.bands,
            components=self.recipe.components,
            normalization=self.recipe.normalization,
            plan=self.recipe.plan,
            init=self.folders[stage.init].name if stage.init else None,
            labels=self.folders[stage.labels].name if stage.labels else None,
        )
        target = None
        if stage.labels:
            target = self._target.relabelled(*_read_labels(self.folders[stage.labels] / _LABELS))
        given = Material(
            self.roles["train"],
            self.roles["validation"],
            target,
            tuple(self.counts.items()),
            tuple((role, tuple(part.ids.tolist())) for role, part in self.roles.items()),
        )
        train(config, given, folder, hardware=self.hardware, quiet=self.quiet)

    @property
    def _target(self) -> Patches:
        assert self.target is not None  # noqa: S101 - the recipe is checked
        return self.target

    def _label(self, stage: PseudoLabel, folder: Path) -> dict[str, float]:
        options: dict[str, Any] = dict(stage.options)
        runs = [read_run(self.folders[teacher]) for teacher in stage.teachers]
        if stage.select == "most-certain":
            sampled = [sample_run(run, load_network(run).to(_device()), self._target) for run in runs]
            mean, variance = (np.mean(values, axis=0) for values in zip(*sampled, strict=True))
            labels, weights = pseudo_labels.most_certain(mean, variance, **options)
        else:
            predicted = [_predicted(run, self._target) for run in runs]
            choose: dict[str, Callable[..., pseudo_labels.PseudoLabels]] = {
                "threshold": pseudo_labels.by_threshold,
                "most-confident": pseudo_labels.most_confident,
            }
            labels, weights = choose[stage.select](ensemble.mean(np.stack(predicted)), **options)
        _write_labels(folder / _LABELS, labels, weights)
        return {"landslide": float(labels[weights > 0].mean()), "used": float((weights > 0).mean())}

    def _weights(self, stage: Ensemble) -> list[float]:
        if stage.weights == "mean":
            return [1 / len(stage.members)] * len(stage.members)
        held = self.roles["validation"]
        if not len(held):
            raise DataError(f"{stage.name} fits its weights on validation patches, but the split has none.")
        runs = [read_run(self.folders[member]) for member in stage.members]
        calibrated = []  # else the cross-entropy would prefer the most timid or the boldest, not the best
        for run in runs:
            raw = logits_of(_predicted(run, held))
            calibrated.append(expit(fit_calibration(raw, held.masks)(raw)))
        return [float(w) for w in ensemble.fit_weights(np.stack(calibrated), held.masks)]

    def _result_of(self, stage: Stage) -> Result:
        if isinstance(stage, CRF):
            of = next(s for s in self.recipe.stages if s.name == stage.of)
            return replace(self._result_of(of), crf=stage.parameters)
        if isinstance(stage, Ensemble):
            facts = json.loads((self.folders[stage.name] / _STAGE).read_text(encoding="utf-8"))
            used = [(self.folders[m], w) for m, w in zip(stage.members, facts["weights"], strict=True) if w > _LEAST]
            return Result(tuple(folder for folder, _ in used), tuple(weight for _, weight in used), None, 0.5)
        return Result((self.folders[stage.name],), (1.0,), None, 0.5)

    def _digest(self, stage: Stage) -> str:
        entries = _plain(stage)
        entries.pop("name")
        before = [v for k in ("teachers", "members", "init", "labels", "of") if (v := entries.pop(k, None))]
        names = [name for value in before for name in ([value] if isinstance(value, str) else value)]
        entries["from"] = [self._digests[name] for name in names]
        entries["kind"] = type(stage).__name__
        entries["data"] = [str(Path(path).resolve()) for path in (*self.data, *self.negatives)]
        entries["plan"] = splits.as_dict(self.recipe.plan)
        keys = ("bands", "components", "normalization", "seed")
        entries |= {k: getattr(self.recipe, k) for k in keys} | {"smoke": self.smoke}
        entries["target"] = self.targets if isinstance(stage, PseudoLabel) else ()
        return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()

    def _say(self, text: str) -> None:
        if not self.quiet and is_first_process():
            print(text, flush=True)


def _check_folder(recipe: Recipe, out: Path) -> None:
    path = out / "recipe.yaml"
    if path.is_file() and path.read_text(encoding="utf-8") != recipe.text:
        raise DataError(f"{out} holds the run of another recipe; choose another --out, or delete that folder.")


def _plain(stage: Stage) -> dict[str, Any]:
    """A stage as JSON holds it."""
    entries: dict[str, Any] = json.loads(json.dumps(asdict(stage)))
    return entries


def _write_labels(path: Path, labels: NDArray[np.uint8], weights: NDArray[np.float32]) -> None:
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, labels=labels, weights=weights)


def _read_labels(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["labels"], file["weights"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); delete its folder to make the labels again.") from error


def _wait_for(path: Path) -> None:
    """Wait for what the first process writes; ends when that process does."""
    parent = os.getppid()
    while not path.is_file():
        if os.getppid() != parent:
            raise DataError(f"The first process ended before it wrote {path.name}; start the command again.")
        time.sleep(0.2)


def _predicted(run: Run, patches: Patches) -> NDArray[np.float32]:
    return predict_all(run_predictor(run, load_network(run).to(_device()), patches), patches)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _environment() -> dict[str, str]:
    packages = ("l4s-geo", "torch", "lightning", "segmentation-models-pytorch", "timm", "numpy", "safetensors")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {"python": platform.python_version(), "system": platform.platform(), "device": device} | {
        name: version(name) for name in packages
    }
