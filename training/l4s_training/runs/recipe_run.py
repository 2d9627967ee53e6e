"""A recipe run: the stages of a recipe in order, each in a folder of its own, so that a killed run goes on.

::

    RUN/run.json                 data, environment, and the result: networks, weights, CRF, threshold, scores
    RUN/recipe.yaml              the recipe, what it extends included
    RUN/stages/                  a folder for each stage, see `l4s_training.runs.stages`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from l4s_geo.crf.mean_field import require_backend
from l4s_training import models
from l4s_training.config.recipe import CRF, PseudoLabel, Recipe, Train
from l4s_training.data.patches import Patches
from l4s_training.data.roles import Role
from l4s_training.files import check_apart, claimed_folder
from l4s_training.models.pretrained import read_weights
from l4s_training.runs.context import RunContext
from l4s_training.runs.recipe_data import Sources, read_recipe_data, target_is_unused
from l4s_training.runs.record import begin_record, check_folder, finish_record
from l4s_training.runs.result import Result, result_of_stage, scored
from l4s_training.runs.smoke import smoke_form
from l4s_training.runs.stage_folders import stage_folders
from l4s_training.runs.stages import network_config, run_stage
from l4s_training.scoring.metrics import Scores
from l4s_training.training.batches import Order
from l4s_training.training.hardware import ANY, Hardware, is_first_process, place
from l4s_training.training.network_run import CONFIG, WEIGHTS, NetworkConfig

__all__ = ["BeforeTraining", "run_recipe"]

BeforeTraining = Callable[[Sequence[NetworkConfig], Patches], None]
"""Is told, before the first step, which trainings have not begun yet and on which patches; raises to stop them."""


def run_recipe(
    recipe: Recipe,
    data: Sequence[str | Path],
    out: Path,
    *,
    hardware: Hardware = ANY,
    smoke: bool = False,
    quiet: bool = False,
    target: Sequence[str | Path] = (),
    negatives: Sequence[str | Path] = (),
    stages: Path | None = None,
    before_training: BeforeTraining | None = None,
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
        before_training: looks at what is to be trained before it is.

    Raises:
        DataError: the data cannot be read or does not suit the recipe, or ``out`` holds the run of another one.
        OutputError: the disk is full, another run has the folder, or it is one that is read.
        DeviceError: a stage refines with the DenseCRF, which cannot run here.
    """
    recipe = smoke_form(recipe) if smoke else recipe
    sources = Sources.of(data, target, negatives)
    check_apart(out, data, target, negatives)
    with claimed_folder(out) if is_first_process() else nullcontext():
        return _run(recipe, sources, out, stages or out / "stages", hardware, smoke, quiet, before_training)


def _run(
    recipe: Recipe,
    sources: Sources,
    out: Path,
    stages: Path,
    hardware: Hardware,
    smoke: bool,
    quiet: bool,
    before_training: BeforeTraining | None,
) -> Result:
    check_folder(recipe, out)
    patches = read_recipe_data(recipe, sources, smoke)
    folders = stage_folders(recipe, patches.identity, stages)
    context = RunContext(recipe, sources, patches, folders, hardware, quiet)

    if target_is_unused(recipe, sources):
        context.say(f"The images given with --target serve nothing: no stage of {recipe.name} adapts to its target.")
    _check_weights(recipe, folders)
    _check_batches(context)
    if any(isinstance(stage, CRF) for stage in recipe.stages):
        require_backend("cpu")
    if before_training and is_first_process():
        trainings = [s for s in recipe.stages if isinstance(s, Train) and not (folders[s.name] / CONFIG).is_file()]
        before_training([network_config(stage, context) for stage in trainings], patches.roles["train"])
    out.mkdir(parents=True, exist_ok=True)
    record = begin_record(recipe, sources, smoke, out) if is_first_process() else {}
    for stage in recipe.stages:
        run_stage(stage, context)
    result, scores = scored(result_of_stage(recipe.result, context), patches.roles, recipe.threshold)
    for role, found in scores.items():
        context.say(_line(role, found, result.threshold))
    if is_first_process():
        finish_record(record, folders, result, _rounded(scores), out)
    return result


def _check_weights(recipe: Recipe, folders: Mapping[str, Path]) -> None:
    """Check that published weights are there before the first of several trainings begins, not before the last."""
    wanted = {
        (models.parse(stage.hyperparameters.network)[0].name, stage.hyperparameters.pretrained)
        for stage in recipe.stages
        if isinstance(stage, Train) and not (folders[stage.name] / WEIGHTS).is_file()
    }
    for network, source in sorted((name, source) for name, source in wanted if source):
        read_weights(network, source)


def _check_batches(context: RunContext) -> None:
    """Check that every training can divide its batches, not only those before the first pseudo-labels."""
    labelling = {stage.name: stage for stage in context.recipe.stages if isinstance(stage, PseudoLabel)}
    for stage in context.recipe.stages:
        if not isinstance(stage, Train):
            continue
        sizes: tuple[int, ...] = (len(context.data.roles["train"]),)
        if stage.labels and (target := context.data.target_of(labelling[stage.labels], context.recipe)):
            sizes += (len(target),)
        given = stage.hyperparameters
        order = Order.of(sizes, given.batch, given.target_share, given.seed)
        order.check_divisible(given.passes, place(context.hardware, given.precision).processes)


def _line(role: str, found: Scores, threshold: float) -> str:
    return f"{role}: F1 {found.f1:.4f}  precision {found.precision:.4f}  recall {found.recall:.4f}  at {threshold:.3f}"


def _rounded(scores: Mapping[Role, Scores]) -> dict[str, dict[str, float]]:
    return {role: {name: round(v, 5) for name, v in found.as_dict().items()} for role, found in scores.items()}
