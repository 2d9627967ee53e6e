"""Model cards say what the record of a run says, and their commands score what was never trained on."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from l4s_geo.bands import RGB
from l4s_geo.bundles.item import read_bundle
from l4s_training import models
from l4s_training.cli import evaluate as evaluate_command
from l4s_training.cli import main
from l4s_training.data.fingerprint import image_digests
from l4s_training.data.make.write import PatchWriter
from l4s_training.data.provenance import as_text
from l4s_training.data.readers import digital_numbers
from l4s_training.data.readers.read import read
from l4s_training.export import members as exporting
from l4s_training.export import onnx_file
from l4s_training.runs import evaluation, prediction
from l4s_training.training import network_run
from small_training import SIDE, build_small, patches, write_official

RECIPE = """
bands: RGB
split: official
normalization: domain
target: test
defaults: {precision: 32, batch: 4, iterations: 3, evaluate_every: 1, ema_decay: 0.9, keep: last}
stages:
  - {train: first, network: unet-resnet18}
  - {pseudo-label: labels, teachers: [first], threshold: 0.4}
  - {train: second, network: unet-resnet18, labels: labels, init: first}
"""


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result


def card_of(bundle: Path) -> str:
    return (bundle / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr(models, "build", build_small)


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> Path:
    return write_official(tmp_path_factory.mktemp("data") / "L4S", {"TrainData": 8, "ValidData": 4, "TestData": 5})


@pytest.fixture(scope="module")
def numbered(tmp_path_factory) -> Path:
    """Forty patches in one file, which says where it comes from."""
    found = patches(40)
    path = tmp_path_factory.mktemp("data") / "forty.npz"
    raw = 500 + 100 * np.asarray(found.values)
    digital_numbers.write(path, raw, found.masks, np.arange(1, 41), RGB, note="Drawn by a test.")
    return path


def fit(data: Path, out: Path, *options: object) -> Path:
    given = ("--epochs", 1, "--batch", 4, "--precision", "32", "--normalization", "fixed", *options)
    call("fit", "--data", data, "--out", out, *given)
    return out


def export(out: Path, run: Path, *options: object) -> str:
    call("export", run, "--out", out, "--name", "tiny", "--no-flips", *options)
    return card_of(out)


def check_commands(card: str, bundle: Path, data: Path) -> list[list[str]]:
    """The card's commands that measure the bundle, as they are run in the folder of the data."""
    lines = [line for line in card.splitlines() if line.startswith("l4s-train evaluate tiny")]
    return [
        [str(bundle) if w == "tiny" else str(data) if w == data.name else w for w in shlex.split(line)[1:]]
        for line in lines
    ]


def write_images(folder: Path, count: int) -> Path:
    """Write patches of no landslide, to adapt to."""
    writer = PatchWriter(folder)
    rng = np.random.default_rng(0)
    for _ in range(count):
        writer.add(rng.integers(5, 60, (14, SIDE, SIDE)).astype(np.uint16), np.zeros((SIDE, SIDE), bool))
    return folder


@pytest.mark.parametrize(
    "line",
    [
        None,  # by the folders
        "official",
        "blocks:blocks=4,validation=1,test=3,guard=0,apart=",
        "blocks:blocks=5,validation=1,test=0+3,guard=1,apart=9+30",
        "benchmark",
        "benchmark:areas=9+21,validation=0.3",
        "study",
        "study:share=0.8,train=0.5,validation=0.3,seed=7",
    ],
)
def test_what_a_card_lets_one_check_was_not_trained_on(line, official, numbered, tmp_path, monkeypatch):
    """For every kind of split, the command on the card scores the patches of its role, none of them trained on."""
    data = official if line in (None, "official") else numbered
    run = fit(data, tmp_path / "run", *(["--split-plan", line] if line else []))
    card = export(tmp_path / "bundle", run)
    scored = []
    original = evaluation.evaluate

    def spy(*arguments, **options):
        scored.append(original(*arguments, **options))
        return scored[-1]

    monkeypatch.setattr(evaluation, "evaluate", spy)
    commands = check_commands(card, tmp_path / "bundle", data)
    assert [command[command.index("--split") + 1] for command in commands] == ["test", "validation"]
    stated = read_bundle(tmp_path / "bundle").scores
    record = network_run.read_network_run(run)
    trained = {(record.learned_from.fingerprints["train"], n) for n in record.ids["train"]}
    assert trained
    for command, role in zip(commands, ("test", "validation"), strict=True):
        said = call(*command)
        (found,) = scored[-1:]
        assert found.patches.ids.tolist() == record.ids[role]
        assert f"{stated[f'{role}_f1']:.4f}" in said.output
        if data == numbered:  # the official folders count from 1 each
            assert not set(found.patches.ids.tolist()) & set(record.ids["train"])
        else:
            assert {found.sources[i].split()[-1] for i in found.origin} == {role}
    assert evaluate_command.command.name == "evaluate"


def test_a_card_holds_what_travels_with_the_data_and_no_more(numbered, tmp_path):
    plan = ["--blocks", 4, "--validation-blocks", 1, "--test-blocks", 3, "--guard", 0, "--apart", ""]
    card = export(tmp_path / "told", fit(numbered, tmp_path / "run", *plan))
    assert "- `forty.npz`, labelled patches. Drawn by a test." in card
    silent = tmp_path / "negatives.npz"  # a name means nothing
    shutil.copy(numbered, silent)
    with np.load(numbered) as file:
        np.savez(silent, **{key: file[key] for key in file.files if key != "provenance"})
    card = export(tmp_path / "silent", fit(silent, tmp_path / "other", *plan))
    assert "- `negatives.npz`, labelled patches. It says nothing of where it comes from." in card
    (tmp_path / "negatives.npz.provenance.json").write_text(as_text("From a file beside it.", simulated=True))
    card = export(tmp_path / "beside", fit(silent, tmp_path / "third", *plan))
    assert "- `negatives.npz`, labelled patches, simulated. From a file beside it." in card
    assert "**Trained or measured on simulated patches (negatives.npz)" in card
    for name in ("Mekong", "Punjab", "DLBS", "rico", "rgb_pairs"):
        assert name not in card


def test_a_card_states_iterations_and_images_that_were_adapted_to(official, tmp_path):
    (tmp_path / "small.yaml").write_text(RECIPE)
    call("run", tmp_path / "small.yaml", "--data", official, "--out", tmp_path / "run")
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "**unet-resnet18**: 3 iterations, batches of 4" in card
    assert "epochs" not in card
    assert "Kept: the last weights" in card
    assert "| **TestData** (transductive: its images were adapted to) | 5 |" in card
    assert "were shown 5 images (TestData) without their labels" in card
    assert "5 of the 5 of test. Scores there are *transductive*" in card
    assert "chose nothing" not in card
    assert "| ValidData (chose calibration and threshold) | 4 |" in card  # the last weights were kept
    assert "l4s-train run runs/run/recipe.yaml \\\n  --data L4S \\\n  --out runs/run\n" in card
    assert "Every set is normalised by its own mean and deviation" in card
    stage = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]["first"]
    before = export(tmp_path / "teacher", tmp_path / "run" / stage)
    assert "| **TestData** (chose nothing) | 5 |" in before
    assert "transductive" not in before


def test_images_that_teachers_were_adapted_to_are_the_students_too(official, tmp_path):
    """Whole chains: the last network never saw the validation images, but learned from labels of one that did."""
    (tmp_path / "chain.yaml").write_text(
        RECIPE.replace("target: test", "target: validation").replace(", init: first", "")
        + "  - {pseudo-label: labels, teachers: [second], threshold: 0.4, target: test}\n"
        + "  - {train: third, network: unet-resnet18, labels: labels}\n"
    )
    call("run", tmp_path / "chain.yaml", "--data", official, "--out", tmp_path / "run")
    stages = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]
    runs = [network_run.read_network_run(tmp_path / "run" / stages[name]) for name in ("first", "second", "third")]
    validation, test = (tuple(image_digests(read(official / name, RGB))) for name in ("ValidData", "TestData"))
    assert [run.learned_from.adapted_to for run in runs] == [(), validation, validation + test]
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "| ValidData (chose calibration and threshold; transductive: its images were adapted to) | 4 |" in card
    assert "were shown 9 images (ValidData, TestData) without their labels" in card
    assert "4 of the 4 of validation, 5 of the 5 of test" in card


CHAIN = (
    RECIPE.replace(", init: first", "").replace("threshold: 0.4}", "threshold: 0.4, target: validation}")
    + "  - {pseudo-label: labels, teachers: [second], threshold: 0.4}\n"
    + "  - {train: third, network: unet-resnet18, labels: labels}\n"
)
"""A student of the validation images, and one of the test images that learns from it."""


@pytest.mark.parametrize(
    ("recipe", "given", "adapted_to"),
    [
        (RECIPE, False, [{}, {"TestData": 5}]),
        (RECIPE, True, [{}, {"images": 2}]),
        (RECIPE.replace("target: test", "target: validation"), False, [{}, {"ValidData": 4}]),
        (RECIPE.replace("target: test", "target: [validation, test]"), False, [{}, {"ValidData": 4, "TestData": 5}]),
        (RECIPE.replace("target: test", "target: [validation, test]"), True, [{}, {"images": 2}]),
        (CHAIN, False, [{}, {"ValidData": 4}, {"ValidData": 4, "TestData": 5}]),
        (CHAIN, True, [{}, {"ValidData": 4}, {"ValidData": 4, "images": 2}]),
        (
            CHAIN.replace(
                "third, network: unet-resnet18, labels: labels", "third, network: unet-resnet18, init: second"
            ),
            False,
            [{}, {"ValidData": 4}, {"ValidData": 4}],
        ),
    ],
)
def test_a_card_names_the_sources_of_the_images_that_its_own_networks_adapted_to(
    official, tmp_path, recipe, given, adapted_to
):
    """Those of the network that is exported, not all that the recipe run was given."""
    (tmp_path / "small.yaml").write_text(recipe)
    target = write_images(tmp_path / "images", 2)
    options = ["--target", target] if given else []
    call("run", tmp_path / "small.yaml", "--data", official, "--out", tmp_path / "run", *options)
    stages = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]
    trained = [name for name in ("first", "second", "third") if name in stages]
    for name, expected in zip(trained, adapted_to, strict=True):
        run = tmp_path / "run" / stages[name]
        record = network_run.read_network_run(run).learned_from
        assert [origin.source for origin in record.targets] == list(expected)
        assert len(record.adapted_to) == sum(expected.values())
        lines = [
            line for line in export(tmp_path / name, run).splitlines() if "adapted to without their labels" in line
        ]
        count = sum(expected.values())
        assert [line.split(". ")[0] for line in lines] == [
            f"- `{source}`, images adapted to without their labels ({count} in all)" for source in expected
        ]


def test_images_of_patches_that_are_split_are_named_by_their_role(numbered, tmp_path):
    (tmp_path / "small.yaml").write_text(
        RECIPE.replace("split: official", "split: {plan: study, share: 1, train: 0.5, validation: 0.2}")
    )
    call("run", tmp_path / "small.yaml", "--data", numbered, "--out", tmp_path / "run")
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "- `test patches of forty.npz`, images adapted to without their labels (12 in all). Drawn by a test." in card
    assert "were shown 12 images (test patches of forty.npz) without their labels" in card


def test_a_target_that_no_stage_adapts_to_is_said_and_not_on_the_card(official, tmp_path):
    (tmp_path / "small.yaml").write_text(RECIPE.replace("threshold: 0.4}", "threshold: 0.4, target: validation}"))
    target = write_images(tmp_path / "images", 2)
    said = call("run", tmp_path / "small.yaml", "--data", official, "--target", target, "--out", tmp_path / "run")
    assert "The images given with --target serve nothing: no stage of small adapts to its target." in said.output
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "- `images`" not in card
    assert "were shown 4 images (ValidData) without their labels" in card


def test_a_target_within_the_data_is_named_with_its_place_there(official, tmp_path):
    (tmp_path / "small.yaml").write_text(RECIPE)
    options = ["--data", official, "--target", official / "TestData", "--smoke"]
    call("run", tmp_path / "small.yaml", *options, "--out", tmp_path / "run")
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert f"--data {official.name} \\\n  --target {official.name}/TestData" in card


def test_images_given_as_a_target_are_known_where_they_are_measured_on(official, tmp_path):
    (tmp_path / "small.yaml").write_text(RECIPE)
    target = tmp_path / "images"
    write_images(target, 2)
    for name in ("image", "mask"):
        folder = "img" if name == "image" else name
        shutil.copy(official / "TestData" / folder / f"{name}_2.h5", target / folder / f"{name}_3.h5")
    call("run", tmp_path / "small.yaml", "--data", official, "--target", target, "--out", tmp_path / "run", "--smoke")
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "(transductive: 1 of its images were adapted to) | 4 |" in card
    assert "were shown 3 images (images) without their labels" in card
    assert "--target images" in card
    assert "--smoke" in card
    assert card.split("\n\n")[1].startswith("**From a smoke run")
    assert "l4s-train evaluate" not in card  # four patches of each role were measured on
    assert read_bundle(tmp_path / "bundle").trained_on.startswith("Smoke run, not for use: 4 labelled patches (L4S)")


@pytest.mark.parametrize("option", ["--at-once", "--batch"])
def test_a_card_names_what_changed_its_recipe(official, tmp_path, option):
    (tmp_path / "small.yaml").write_text(RECIPE)
    call("run", tmp_path / "small.yaml", "--data", official, "--out", tmp_path / "run", option, 2)
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "--out runs/run --at-once 2\n" in card
    assert "each batch in 2 parts" in card


def test_a_batch_that_students_cannot_divide_is_refused_before_their_teachers_are_trained(official, tmp_path):
    (tmp_path / "small.yaml").write_text(RECIPE)
    given = [str(tmp_path / "small.yaml"), "--data", str(official), "--out", str(tmp_path / "run"), "--at-once", "1"]
    refused = CliRunner().invoke(main, ["run", *given])
    assert refused.exit_code == 2
    assert "A batch of 2 + 2 patches cannot be divided into 4 passes of 1 processes" in refused.stderr
    assert not (tmp_path / "run" / "stages").exists()
    call("run", *given[1:3], given[0], *given[3:], "--smoke")  # four patches at once


def test_without_validation_patches_nothing_is_said_to_be_chosen_on_them(numbered, tmp_path):
    (tmp_path / "small.yaml").write_text(
        "bands: RGB\nnormalization: fixed\nsplit: {plan: blocks, blocks: 4, validation: [], test: [3], guard: 0, "
        "apart: []}\ndefaults: {precision: 32, batch: 4, iterations: 2, keep: last}\nstages:\n  - {train: first}\n"
    )
    call("run", tmp_path / "small.yaml", "--data", numbered, "--out", tmp_path / "run")
    card = export(tmp_path / "bundle", tmp_path / "run")
    assert "there are no validation patches to choose it on" in card
    assert "optimum" not in card
    assert "The probabilities are not calibrated" in card
    assert "--split validation" not in card
    refused = CliRunner().invoke(
        main, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "b"), "--name", "b", "--storage", "int8"]
    )
    assert refused.exit_code == 2
    assert "What 8-bit weights cost is measured on validation patches" in refused.stderr
    assert not (tmp_path / "b").exists()


def test_a_card_names_the_options_of_the_export(numbered, tmp_path):
    plan = ["--blocks", 4, "--validation-blocks", 1, "--test-blocks", 3, "--guard", 0, "--apart", ""]
    run = fit(numbered, tmp_path / "run", *plan)
    given = ["--storage", "full", "--fit-weights", "--measure-on", numbered.parent / "forty.npz"]
    card = export(tmp_path / "bundle", run, *given)
    command = next(line for line in card.splitlines() if line.startswith("l4s-train export"))
    assert shlex.split(command)[2:] == shlex.split(
        "runs/run --out BUNDLE --name tiny --version 1 --measure-on forty.npz --no-flips --fit-weights --storage full"
    )
    assert "l4s-train evaluate tiny --data forty.npz --split all" in card
    # The further set is the data itself, and the card says so.
    assert "Of the 40 patches of `forty`, 20 that of a train patch and 10 that of a validation patch" in card
    assert str(tmp_path) not in card


def test_a_network_that_half_precision_changes_is_exported_in_full_and_said(numbered, tmp_path, monkeypatch):
    plan = ["--blocks", 4, "--validation-blocks", 1, "--test-blocks", 3, "--guard", 0, "--apart", ""]
    run = fit(numbered, tmp_path / "run", *plan)
    path = run / "best.safetensors"
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    weights = {k: v * 1e6 if k == "decoder.0.weight" else v for k, v in weights.items()}  # above what half can hold
    weights["segmentation_head.weight"] = weights["segmentation_head.weight"] * 1e-6
    save_file({k: v.contiguous() for k, v in weights.items()}, path)
    monkeypatch.setattr(onnx_file, "_SMALLEST", 64)
    result = call("export", run, "--out", tmp_path / "bundle", "--name", "tiny", "--no-flips")
    assert "stored in full, because half precision changes a logit by more than 0.05" in result.output
    assert "Weights of unet-resnet18 are stored in full" in card_of(tmp_path / "bundle")


def test_data_that_was_moved_is_found_again_and_other_data_is_not_taken_for_it(numbered, tmp_path):
    plan = ["--blocks", 4, "--validation-blocks", 1, "--test-blocks", 3, "--guard", 0, "--apart", ""]
    here = tmp_path / "here.npz"
    shutil.copy(numbered, here)
    run = fit(here, tmp_path / "run", *plan)
    before = export(tmp_path / "before", run)
    there = tmp_path / "elsewhere" / "there.npz"
    there.parent.mkdir()
    here.rename(there)
    gone = CliRunner().invoke(main, ["export", str(run), "--out", str(tmp_path / "x"), "--name", "x"])
    assert gone.exit_code == 2
    assert "here.npz does not exist" in gone.stderr
    after = export(tmp_path / "after", run, "--data", there)
    rows = [[line for line in card.splitlines() if line.startswith("| **test")] for card in (before, after)]
    assert rows[0] == rows[1]
    with np.load(there) as file:
        np.savez(tmp_path / "other.npz", **{**file, "mask": 1 - file["mask"]})
    other = CliRunner().invoke(
        main, ["export", str(run), "--out", str(tmp_path / "x"), "--name", "x", "--data", str(tmp_path / "other.npz")]
    )
    assert other.exit_code == 2
    assert "holds other patches for train than" in other.stderr


def test_trained_networks_run_on_the_gpu_and_are_exported_from_the_processor(numbered, tmp_path, monkeypatch):
    """With a device that stands for a GPU: what is calibrated was moved there, what is exported was moved back."""
    plan = ["--blocks", 4, "--validation-blocks", 1, "--test-blocks", 3, "--guard", 0, "--apart", ""]
    run = fit(numbered, tmp_path / "run", *plan)
    gpu = torch.device("cpu", 0)
    monkeypatch.setattr(prediction, "best_device", lambda: gpu)
    moves: list[object] = []
    original = torch.nn.Module.to

    def to(self, *arguments, **options):
        if arguments and isinstance(arguments[0], torch.device | str):
            moves.append(arguments[0])
        return original(self, *arguments, **options)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    traced = exporting.traced

    def spy(network, *arguments):
        assert moves[-1] == "cpu"
        return traced(network, *arguments)

    monkeypatch.setattr(exporting, "traced", spy)
    export(tmp_path / "bundle", run)
    assert moves[:2] == [gpu, "cpu"]


def test_a_split_by_blocks_states_its_blocks(numbered, tmp_path):
    run = fit(numbered, tmp_path / "run", "--split-plan", "blocks:blocks=4,validation=1,test=3,guard=0,apart=7")
    card = export(tmp_path / "bundle", run)
    assert "Split: `--split-plan blocks:blocks=4,validation=1,test=3,guard=0,apart=7`." in card
    assert "| validation | 1 | 10 |" in card
    assert "| test | 3 | 10 |" in card
    assert "the neighbourhoods of the official numbers 7." in card
    assert "chose the weights kept, calibration and threshold" in card
    record = network_run.read_network_run(run)
    assert replace(record, folder=Path()) == replace(network_run.read_network_run(run), folder=Path())


def test_others_words_cannot_forge_a_card(tmp_path):
    found = patches(40)
    data = tmp_path / "real `x`.npz"
    note = "Mine.\n\n## Scores\n\n- `good.npz`, labelled. <script>alert(1)</script> ![x](http://y) *so*"
    raw = 500 + 100 * np.asarray(found.values)
    digital_numbers.write(data, raw, found.masks, np.arange(1, 41), RGB, note=note)
    card = export(tmp_path / "b", fit(data, tmp_path / "run", "--split-plan", "study:share=1"))
    assert card.count("\n## Scores\n") == card.count("\n## Training data\n") == 1
    assert "- `` real `x`.npz ``, labelled patches. Mine. ## Scores - `good.npz`, labelled. \\<script\\>" in card
    assert "<script>" not in card
    assert "![x](" not in card
    for name in ("../b", "a\n\n## Scores"):
        told = CliRunner().invoke(
            main, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "c"), "--name", name, "--no-flips"]
        )
        assert told.exit_code == 2
        assert "is not a plain name" in told.stderr
        assert not (tmp_path / "c").exists()


def test_sets_that_were_trained_on_or_have_names_of_scores_are_told(numbered, tmp_path):
    run = fit(numbered, tmp_path / "run", "--split-plan", "study:share=1")
    copy, none = tmp_path / "ab.npz", tmp_path / "a.npz"
    shutil.copy(numbered, copy)
    other = patches(5, seed=3)
    raw = 500 + 100 * np.asarray(other.values)
    digital_numbers.write(none, raw, np.zeros_like(other.masks), np.arange(101, 106), RGB)
    card = export(tmp_path / "b", run, "--measure-on", copy, "--measure-on", none)
    rows = {line.split("|")[1].strip(): line.split("|") for line in card.splitlines() if line.startswith("| `a")}
    trained = len(json.loads((run / "config.json").read_text())["ids"]["train"])
    assert f"`ab` (no measure: {trained} of its images were trained on)" in rows
    assert rows["`a` (chose nothing)"][-2].strip() == "0"
    for name in ("mine_flips", "mine_crf", "terrain_prior"):
        shutil.copy(copy, tmp_path / f"{name}.npz")
        given = ["--measure-on", str(tmp_path / f"{name}.npz"), "--out", str(tmp_path / "c"), "--name", "c"]
        told = CliRunner().invoke(main, ["export", str(run), *given])
        assert told.exit_code == 2
        assert "rename it" in told.stderr
