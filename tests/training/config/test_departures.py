"""Where a recipe departs from its paper, or reads what the paper leaves open, a reader of the table sees it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from l4s_training.config import recipe_files
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import PseudoLabel, Recipe, Train
from l4s_training.runs.published import tables
from l4s_training.runs.stage_folders import DataIdentity, stage_folders

ASPECTS = (
    *("initialisation", "network", "optimiser", "schedule", "length", "batch"),
    *("loss", "augmentation", "normalisation", "split"),
)
"""What a reader asks of any training."""

_SEEK = {"loss", "split"}
STATED = {
    "benchmark": {"initialisation", "optimiser", "length", "batch"},
    "baseline": {"network", "augmentation", "split"},
    "kingdrone": {"length", "normalisation", "split"},
    "kingdrone-test": {"length", "normalisation", "split"},
    **dict.fromkeys(("seek-3", "seek-4", "seek-5", "seek-6"), _SEEK),
    "tanmlh": {"loss", "split"},
    "sklgp": {"initialisation", "optimiser", "length", "batch", "loss"},
    "study": {"optimiser", "schedule", "length", "batch", "loss", "augmentation"},
}
"""What the paper of each table states, in full, so that nothing of it is the recipe's own choice."""

ELSEWHERE = {
    "baseline": {"schedule", "loss", "normalisation"},
    "sklgp": {"network"},
}
"""Aspects that a note of another aspect covers, or, of Sklgp, that the recipe makes as the paper draws it."""

TABLES = tables()
PAPERS = [name for name in TABLES if name in STATED]
RECIPES = {name: recipe_files.load(name) for name in recipe_files.names()}


def test_every_paper_is_asked():
    own = {"methods", "rgb-losses"}  # comparisons of this project, on other data or networks
    assert set(TABLES) - own == set(STATED)


@pytest.mark.parametrize("table", PAPERS)
def test_what_a_paper_does_not_state_is_listed_as_ours(table):
    for row in TABLES[table]:
        listed = {aspect for aspect, _ in row.recipe.ours}
        missing = set(ASPECTS) - STATED[table] - ELSEWHERE.get(table, set()) - listed
        assert not missing, f"{row.recipe.name} does not say what is its own: {missing}"
        assert all(text and text == text.strip() for _, text in row.recipe.ours)


def trained(recipe: Recipe) -> list[Hyperparameters]:
    return [stage.hyperparameters for stage in recipe.stages if isinstance(stage, Train)]


@pytest.mark.parametrize("table", PAPERS)
def test_nothing_that_no_paper_has_is_done_unsaid(table):
    """Clipping, averages of weights, zoom, gains, missing data: defaults of this project's own networks."""
    for row in TABLES[table]:
        for given in trained(row.recipe):
            assert given.clip == 0
            assert given.ema_decay == 0
            assert given.warm_start == 0
            assert given.pretrained is None
            assert not given.imagenet
            varied = given.augmentation
            if varied is not None:
                assert (varied.gain, varied.invalid_share, varied.band_dropout) == (0, 0, 0)
                assert varied.zoom == 1 or varied.zoom_share == 0


def ways_of(recipe: Recipe) -> set[str]:
    """What a recipe does of which no paper states how, by the aspect that has to say it."""
    found = set()
    for given in trained(recipe):
        found |= {"scale"} if given.scale > 1 else set()
        found |= {"cross-sensor"} if "+cross-sensor" in given.network else set()
        found |= {"class-weights"} if any(term.loss == "weighted-ce" for term in given.objective) else set()
    for stage in recipe.stages:
        if isinstance(stage, PseudoLabel) and stage.select == "most-confident":
            found.add("self-training")
        if isinstance(stage, PseudoLabel) and stage.select == "threshold":
            found.add("second-training" if recipe.name == "sklgp" else "pseudo-labels")
    return found


@pytest.mark.parametrize("table", PAPERS)
def test_how_a_thing_is_done_that_papers_only_name_is_listed(table):
    """Enlarging and coming back, cross-sensor normalisation, class weights, the choice of pseudo-labels."""
    for row in TABLES[table]:
        missing = ways_of(row.recipe) - dict(row.recipe.ours).keys()
        assert not missing, f"{row.recipe.name} does not say how it does {missing}"


def test_every_way_of_doing_is_met_in_some_recipe():
    met = set().union(*(ways_of(row.recipe) for table in PAPERS for row in TABLES[table]))
    assert met == {"scale", "cross-sensor", "class-weights", "self-training", "second-training", "pseudo-labels"}


@pytest.mark.parametrize("name", RECIPES)
def test_training_is_stopped_and_chosen_by_the_threshold_that_is_reported(name):
    recipe = RECIPES[name]
    if not any(row.table in STATED for row in recipe.published):
        return
    for given in trained(recipe):
        if given.keep == "best" or given.patience:
            assert given.evaluate_at == recipe.threshold


def test_rows_that_are_one_recipe_with_two_published_values_say_so():
    """Seek's Tables III and IV give what reads as the same training different values."""
    same = defaultdict(list)
    for recipe in RECIPES.values():
        for row in recipe.published:
            if row.table in STATED:
                folder = stage_folders(recipe, DataIdentity(), Path())[recipe.result.name]
                same[folder.name, row.split].append((row, recipe))
    contradicting = [rows for rows in same.values() if len({row.f1 for row, _ in rows}) > 1]
    assert {recipe.name for rows in contradicting for _, recipe in rows} == {
        *("seek-3-rgb-swin", "seek-4-normal-swin", "seek-3-rgb-unet", "seek-4-normal-unet")
    }
    for rows in contradicting:
        for _, recipe in rows:
            assert "does not say what differs" in dict(recipe.ours)["table"]


def test_the_networks_are_those_that_the_papers_name():
    networks = {name: [given.network for given in trained(recipe)] for name, recipe in RECIPES.items()}
    assert {networks[f"seek-3-{bands}-deeplabv3"][0] for bands in ("rgb", "swir", "all")} == {"deeplab_v3"}
    comparison = [networks[f"sklgp-comparison-{name}"] for name in ("unet", "deeplab-v3", "deeplab-v3plus")]
    assert comparison == [["unet"], ["deeplab_v3"], ["deeplab_v3plus"]]
    published = {row.published.row: row.published.f1 for row in TABLES["sklgp"]}
    assert published == {"Test": 71.29, "U-Net": 65, "DeepLabv3": 66, "DeepLabv3+": 67}
    assert type(RECIPES["benchmark-deeplab-v2"].result).__name__ == "CRF"
    assert RECIPES["study-rgb-height-nir"].bands == ("B4", "B3", "B2", "slope", "DEM", "B5")


@pytest.mark.parametrize("name", ["tanmlh", "methods-k-mix-up"])
def test_only_teachers_have_dropout(name):
    """Tanmlh's dropout serves the teachers' uncertainty; mix-up, which comes with the labels, is the students'."""
    recipe = RECIPES[name]
    teachers = {t for stage in recipe.stages if isinstance(stage, PseudoLabel) for t in stage.teachers}
    for stage in recipe.stages:
        if isinstance(stage, Train):
            dropout = "mc-dropout" in stage.hyperparameters.network
            assert dropout == (stage.name in teachers) == (stage.labels is None)
            assert (stage.hyperparameters.mix_up is not None) == (stage.labels is not None)


def test_the_winner_turns_by_any_angle_and_the_study_by_quarters():
    free = trained(RECIPES["kingdrone-c-losses"])[0].augmentation
    assert free is not None
    assert (free.zoom, free.rotation) == (1, 180)
    assert free.zoom_share > 0
    quarters = trained(RECIPES["study-lovasz"])[0].augmentation
    assert quarters is not None
    assert quarters.flips
    assert quarters.zoom_share == 0


def test_the_winners_chain_runs_from_the_source_to_the_third_round_on_test():
    """outcome-2022, section IV-C: the best of the validation phase is the baseline of the test phase."""
    validation, chain = RECIPES["kingdrone-q-round4-ensemble"], RECIPES["kingdrone-test-3"]
    rounds = [chain.target_of(stage) for stage in chain.stages if isinstance(stage, PseudoLabel)]
    assert rounds == [("validation",)] * 4 + [("test",)] * 3
    nothing = DataIdentity()
    shared = stage_folders(validation, nothing, Path())
    assert shared.items() <= stage_folders(chain, nothing, Path()).items()
    baseline = RECIPES["kingdrone-test-0"]
    assert baseline.stages == validation.stages
    first = next(s for s in chain.stages if isinstance(s, PseudoLabel) and chain.target_of(s) == ("test",))
    assert first.teachers == validation.result.members  # type: ignore[union-attr]
    for earlier, later in zip(range(3), range(1, 4), strict=True):
        before, after = (recipe_files.load(f"kingdrone-test-{number}") for number in (earlier, later))
        assert stage_folders(before, nothing, Path()).items() <= (stage_folders(after, nothing, Path()).items())
    own_images = DataIdentity(given="images")
    there = stage_folders(chain, own_images, Path())
    assert shared.items() <= there.items()  # other images are the test rounds' alone
    assert there["labels-5"] != stage_folders(chain, nothing, Path())["labels-5"]
