"""Which folder a stage gets, and so which stages are run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from l4s_training.config.recipe import Recipe
from l4s_training.config.recipe_parser import parse
from l4s_training.data.splits import SplitPlan
from l4s_training.runs.smoke import smoke_form
from l4s_training.runs.stage_folders import DataIdentity, stage_folders

RECIPE = """
bands: all
split: official
normalization: domain
target: [validation, test]
threshold: 0.4
defaults: {batch: 4, iterations: 4, ema_decay: 0.9}
stages:
  - {train: first, network: unet-resnet18}
  - {train: wide, network: segformer, scale: 2}
  - {pseudo-label: labels, teachers: [first, wide], select: most-confident, share: 0.9}
  - {train: first, network: unet-resnet18, labels: labels, target_share: null, init: first}
  - {ensemble: both, members: [first, wide], weights: fitted}
  - {crf: refined, of: both, bands: [B4, B3]}
"""
DIGESTS = {"train": "a", "validation": "b", "test": "c", "negatives": "d"}
IMAGES = {"validation": "e", "test": "f"}


def recipe(*changes: tuple[str, str]) -> Recipe:
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(yaml.safe_load(text), "small")


def folders(
    given: Recipe,
    digests: dict[str, str] = DIGESTS,
    images: dict[str, str] = IMAGES,
    target: str = "",
    smoke: bool = False,
) -> dict[str, str]:
    identity = DataIdentity(digests, images, target, smoke)
    return {name: folder.name for name, folder in stage_folders(given, identity, Path("stages")).items()}


def test_stages_that_were_run_before_are_found_again():
    """Where a new hyperparameter or another default changes these names, every run begins anew: tell the changelog."""
    assert folders(recipe()) == {
        "first": "first-4c9f12da",
        "wide": "wide-3e15d486",
        "labels": "labels-8ac82eeb",
        "first-2": "first-2-0181bf20",
        "both": "both-8f12de27",
        "refined": "refined-04df56ce",
    }


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ([("scale: 2", "scale: 3")], {"wide", "labels", "first-2", "both", "refined"}),
        ([("share: 0.9", "share: 0.8")], {"labels", "first-2", "both", "refined"}),
        ([("weights: fitted", "weights: mean")], {"both", "refined"}),
        ([("bands: [B4, B3]", "bands: [B4]")], {"refined"}),
        ([("target: [validation, test]", "target: test")], {"labels", "first-2", "both", "refined"}),
        ([("threshold: 0.4", "threshold: 0.6"), ("stages:", "description: other\nstages:")], set()),
        (
            [("normalization: domain", "normalization: fixed")],
            {"first", "wide", "labels", "first-2", "both", "refined"},
        ),
    ],
)
def test_what_depends_on_a_change_gets_a_new_folder_and_nothing_else(changes, anew):
    before, after = folders(recipe()), folders(recipe(*changes))
    assert before.keys() == after.keys()
    assert {name for name, folder in after.items() if folder != before[name]} == anew


def test_other_patches_another_split_and_the_smoke_form_begin_anew():
    before = folders(recipe())
    for after in (
        folders(recipe(), {**DIGESTS, "train": "other"}),
        folders(recipe(), {name: digest for name, digest in DIGESTS.items() if name != "negatives"}),
        folders(replace(recipe(), plan=SplitPlan(4, (1,), (3,)))),
        folders(smoke_form(recipe()), smoke=True),
    ):
        assert not set(before.values()) & set(after.values())
    for unlabelled in (folders(recipe(), target="other"), folders(recipe(), images={**IMAGES, "test": "other"})):
        assert {name for name, folder in unlabelled.items() if folder == before[name]} == {"first", "wide"}


def test_recipes_share_the_stages_that_they_have_in_common():
    shorter = recipe(("  - {crf: refined, of: both, bands: [B4, B3]}\n", ""), ("{ensemble: both,", "{ensemble: two,"))
    shared = {"first", "wide", "labels", "first-2"}
    assert {folders(shorter)[name] for name in shared} == {folders(recipe())[name] for name in shared}
