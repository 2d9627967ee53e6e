"""`l4s-train run`, `evaluate`, `predict` and `reproduce` on a handful of patches."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from l4s_geo.bands import BANDS
from l4s_training import models
from l4s_training.adaptation import ensemble
from l4s_training.cli import main
from l4s_training.config import recipe_files
from l4s_training.data.readers import read as sources
from l4s_training.runs.prediction import load_network, predict_all, run_predictor
from l4s_training.runs.record import result_of
from l4s_training.runs.result import predictors_of
from l4s_training.scoring.calibration import fit_calibration, logits_of
from l4s_training.scoring.pictures import ranked
from l4s_training.training.network_run import read_network_run, write_network_run
from small_training import build_small, write_official

RECIPE = """
bands: all
split: official
normalization: domain
target: [validation, test]
threshold: 0.4
published: {table: small, row: both, split: test, f1: 70}
defaults: {batch: 4, iterations: 4, ema_decay: 0.9}
stages:
  - {train: first, network: unet-resnet18}
  - {train: wide, network: segformer, scale: 2}
  - {pseudo-label: labels, teachers: [first, wide], select: most-confident, share: 0.9}
  - {train: first, network: unet-resnet18, labels: labels, target_share: null}
  - {ensemble: both, members: [first, wide], weights: fitted}
  - {crf: refined, of: both, bands: [B4, B3]}
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_official(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory, run_small) -> Path:
    """A run of the recipe, with a small network in the place of its networks."""
    folder = tmp_path_factory.mktemp("run")
    assert "test: F1 0." in run_small(RECIPE, data, folder).output
    return folder / "out"


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(models, "build", build_small)


def test_a_run_keeps_recipe_environment_and_logs(finished, data):
    record = json.loads((finished / "run.json").read_text())
    assert record["data"] == [str(data)]
    assert {"torch", "numpy", "python", "device"} <= set(record["environment"])
    assert list(record["stages"]) == ["first", "wide", "labels", "first-2", "both", "refined"]
    assert "threshold: 0.4" in (finished / "recipe.yaml").read_text()
    first = finished / record["stages"]["first"]
    assert list(first.glob("tensorboard/events.out.tfevents*"))
    with (first / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert read_network_run(first).config.scale == 1
    assert read_network_run(finished / record["stages"]["wide"]).config.scale == 2
    student = read_network_run(finished / record["stages"]["first-2"])
    assert student.patches["target"] == 8
    assert student.config.labels == Path(record["stages"]["labels"]).name


def test_weights_are_fitted_to_calibrated_networks(finished, data, small, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "out")
    for ensemble_folder in (tmp_path / "out" / "stages").glob("both-*"):
        shutil.rmtree(ensemble_folder)
    seen = {}

    def fit_weights(probabilities, masks):
        seen.update(zip(("first-2", "wide"), probabilities, strict=True))
        return np.array([0.25, 0.75])

    monkeypatch.setattr(ensemble, "fit_weights", fit_weights)
    again = call("run", finished.parent / "small.yaml", "--data", data, "--out", tmp_path / "out", "--precision", "32")
    assert again.exit_code == 0, again.output
    assert "both: 0.250 first-2, 0.750 wide" in again.output
    patches = sources.read(data / "ValidData", BANDS)
    stages = json.loads((finished / "run.json").read_text())["stages"]
    for name, probabilities in seen.items():
        member = read_network_run(finished / stages[name])
        raw = logits_of(predict_all(run_predictor(member, load_network(member), patches), patches))
        calibration = fit_calibration(raw, patches.masks)
        expected = 1 / (1 + np.exp(-calibration.slope * raw - calibration.intercept))
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        assert np.abs(expected - 1 / (1 + np.exp(-raw))).max() > 0.01


def test_teachers_are_calibrated_before_the_threshold(finished, data, small, tmp_path):
    """Labels from each teacher's own calibrated probabilities, on the patches named, as computed here once more."""
    text = (finished.parent / "small.yaml").read_text().replace("target: [validation, test]", "target: test")
    labelled, images = sources.read(data / "TrainData", BANDS), sources.read(data / "TestData", BANDS)
    held = sources.read(data / "ValidData", BANDS)
    for where, patches in (("source", labelled), ("validation", held)):
        told = f"select: threshold, threshold: 0.6, rest: ignore, calibrate: {where}"
        (tmp_path / "r.yaml").write_text(text.replace("select: most-confident, share: 0.9", told))
        result = call("run", tmp_path / "r.yaml", "--data", data, "--out", tmp_path / where, "--precision", "32")
        assert result.exit_code == 0, result.output
        stages = json.loads((tmp_path / where / "run.json").read_text())["stages"]
        calibrated = []
        for name in ("first", "wide"):
            teacher = read_network_run(tmp_path / where / stages[name])
            network = load_network(teacher)
            raw = logits_of(predict_all(run_predictor(teacher, network, images), images))
            own = logits_of(predict_all(run_predictor(teacher, network, patches), patches))
            calibration = fit_calibration(own, patches.masks)
            calibrated.append(1 / (1 + np.exp(-calibration.slope * raw - calibration.intercept)))
        mean = np.mean(calibrated, axis=0)
        with np.load(tmp_path / where / stages["labels"] / "labels.npz") as file:
            clear = np.minimum(np.abs(mean - 0.6), np.abs(mean - 0.4)) > 1e-4
            np.testing.assert_array_equal(file["labels"][clear], (mean >= 0.6)[clear])
            np.testing.assert_array_equal(file["weights"][clear] > 0, ((mean >= 0.6) | (mean <= 0.4))[clear])


def test_labels_that_name_no_pixel_are_said(finished, data, small, tmp_path):
    text = (finished.parent / "small.yaml").read_text()
    text = text.replace("select: most-confident, share: 0.9", "select: threshold, threshold: 0.999999, rest: ignore")
    (tmp_path / "r.yaml").write_text(text)
    result = call("run", tmp_path / "r.yaml", "--data", data, "--out", tmp_path / "out", "--precision", "32")
    assert result.exit_code == 0, result.output
    assert "labels: no pixel is certain enough" in result.output
    stages = json.loads((tmp_path / "out" / "run.json").read_text())["stages"]
    assert json.loads((tmp_path / "out" / stages["labels"] / "stage.json").read_text())["landslide"] == 0


def test_a_network_that_weighs_next_to_nothing_is_left_out(finished, data, small, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "out")
    for ensemble_folder in (tmp_path / "out" / "stages").glob("both-*"):
        shutil.rmtree(ensemble_folder)
    monkeypatch.setattr(ensemble, "fit_weights", lambda probabilities, masks: np.array([0.9995, 0.0005]))
    again = call("run", finished.parent / "small.yaml", "--data", data, "--out", tmp_path / "out", "--precision", "32")
    assert again.exit_code == 0, again.output
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["result"]["folders"] == [record["stages"]["first-2"]]
    assert record["result"]["weights"] == [0.9995]


def test_tensorboard_reads_the_log(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = json.loads((finished / "run.json").read_text())
    first = finished / record["stages"]["first"]
    log = EventAccumulator(str(first / "tensorboard"))
    log.Reload()
    with (first / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [event.step for event in log.Scalars("f1")] == [2, 4]
    assert [event.value for event in log.Scalars("loss")] == pytest.approx([float(row["loss"]) for row in rows])


def test_the_targets_masks_are_not_looked_at(data, finished, small, tmp_path):
    """With other labels on validation and test, the student is the same; its scores are not."""
    other = tmp_path / "data"
    write_official(other)
    for path in other.glob("[VT]*/mask/*.h5"):
        if "TrainData" not in str(path):
            with h5py.File(path, "r+") as file:
                file["mask"][...] = 1 - file["mask"][()]
    recipe_file = finished.parent / "small.yaml"
    loaded = recipe_file.read_text().replace("ema_decay: 0.9", "ema_decay: 0.9, keep: last")
    (tmp_path / "small.yaml").write_text(loaded.replace("weights: fitted", "weights: mean"))
    for name, source in (("a", data), ("b", other)):
        result = call("run", tmp_path / "small.yaml", "--data", source, "--out", tmp_path / name, "--precision", "32")
        assert result.exit_code == 0, result.output
    patches = sources.read(data / "TestData", BANDS)
    first, second = (predict_all(predictors_of(result_of(tmp_path / name))(patches), patches) for name in ("a", "b"))
    np.testing.assert_array_equal(first, second)
    scores = [json.loads((tmp_path / name / "run.json").read_text())["scores"]["test"]["f1"] for name in ("a", "b")]
    assert scores[0] != scores[1]


def test_unlabelled_images_serve_as_the_target_and_negatives_join_training(data, small, tmp_path, finished):
    only = tmp_path / "images"
    (only / "img").mkdir(parents=True)
    for path in (data / "TestData" / "img").glob("*.h5"):
        (only / "img" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "r.yaml").write_text((finished.parent / "small.yaml").read_text())
    given = ["--data", data, "--target", only, "--negatives", data / "ValidData"]
    result = call("run", tmp_path / "r.yaml", *given, "--out", tmp_path / "out", "--smoke")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["target"] == [str(only)]
    student = read_network_run(tmp_path / "out" / record["stages"]["first-2"])
    assert student.patches["target"] == 4
    assert student.patches["train"] == 4
    assert len(student.ids["train"]) == 8
    assert student.config.negatives == (str(data / "ValidData"),)


def test_data_that_was_moved_is_not_trained_on_again(finished, data, small, tmp_path, monkeypatch):
    """The same patches elsewhere, zipped as they are published: the record says where they are now."""
    shutil.copytree(finished, tmp_path / "out")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("TrainData", "ValidData", "TestData"):
        shutil.make_archive(str(moved / name), "zip", data, name)
    monkeypatch.setattr("l4s_training.training.train._fit", None)  # nothing is trained
    monkeypatch.chdir(tmp_path)
    recipe = finished.parent / "small.yaml"
    result = call("run", recipe, "--data", "moved", "--out", tmp_path / "out", "--precision", "32")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["data"] == [str(moved)]  # absolute, whatever was typed
    assert record["scores"] == json.loads((finished / "run.json").read_text())["scores"]
    first = read_network_run(tmp_path / "out" / record["stages"]["first"])
    assert first.config.data == (str(moved),)


def test_unlabelled_test_images_are_found_by_themselves(finished, data, small, tmp_path):
    """TestData as it was published during the competition, without masks, is the target domain all the same."""
    shutil.copytree(data, tmp_path / "L4S")
    shutil.rmtree(tmp_path / "L4S" / "TestData" / "mask")
    result = call(
        "run", finished.parent / "small.yaml", "--data", tmp_path / "L4S", "--out", tmp_path / "out", "--smoke"
    )
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    student = read_network_run(tmp_path / "out" / record["stages"]["first-2"])
    assert student.patches["target"] == 8  # four of ValidData, four of TestData
    assert set(record["scores"]) == {"validation"}
    shutil.rmtree(tmp_path / "L4S" / "TestData")
    gone = call("run", finished.parent / "small.yaml", "--data", tmp_path / "L4S", "--out", tmp_path / "x", "--smoke")
    assert gone.exit_code == 2
    assert "adapts to the test images, but the data holds none, labelled or not" in gone.stderr


def test_smoke_runs_and_simulated_data_are_marked_wherever_a_figure_stands(data, small, tmp_path, monkeypatch):
    from l4s_training.data.provenance import as_text

    simulated = tmp_path / "simulated"
    shutil.copytree(data, simulated)
    (simulated / "simulation.json").write_text(as_text("Made for a test.", simulated=True))
    monkeypatch.setattr(recipe_files, "FOLDER", tmp_path)
    text = RECIPE.split("defaults")[0] + "defaults: {batch: 4, iterations: 4}\nstages:\n  - {train: first}\n"
    (tmp_path / "one.yaml").write_text(text)
    blocks = text.replace("split: official", "split: {plan: blocks, blocks: 4, test: [3], validation: [1], guard: 0}")
    (tmp_path / "two.yaml").write_text(blocks.replace("target: [validation, test]\n", ""))
    out = tmp_path / "runs"
    reproduced = call("reproduce", "small", "--data", simulated, "--out", out, "--smoke", "--rows", "one")
    crossed = call("crossvalidate", "two", "--data", simulated / "TrainData", "--folds", 2, "--out", out, "--smoke")
    figures = tmp_path / "figures"
    evaluated = call("evaluate", out / "one", "--data", simulated, "--figures", figures)
    for result in (reproduced, crossed, evaluated):
        assert result.exit_code == 0, result.output
        said = " ".join(result.output.split())
        assert "A smoke run of a few steps" in said
        assert "On simulated patches" in said
    (metrics,) = (out / "stages").glob("first-*/metrics.csv")
    tables = [out / "small.csv", out / "crossvalidation.csv", metrics, *figures.glob("*.csv")]
    assert len(tables) == 5
    for path in tables:
        with path.open() as file:
            assert {row["note"] for row in csv.DictReader(file)} == {"smoke, simulated"}, path
    real = call("evaluate", out / "one", "--data", data)
    assert "simulated" not in real.output


def test_evaluate_agrees_with_torchmetrics(finished, data, small, tmp_path):
    from torchmetrics.functional import classification  # after torchvision was made to import

    figures = tmp_path / "figures"
    result = call("evaluate", finished, "--data", data, "--per-source", "--figures", figures)
    assert result.exit_code == 0, result.output
    patches = sources.read(data / "TestData", BANDS)
    probabilities = predict_all(predictors_of(result_of(finished))(patches), patches)
    truth, predicted = torch.from_numpy(patches.masks), torch.from_numpy(probabilities)
    row = next(line for line in result.output.splitlines() if "TestData" in line)
    for measure in ("f1_score", "precision", "recall", "jaccard_index"):
        value = getattr(classification, f"binary_{measure}")(predicted, truth, threshold=0.4)
        assert f"{float(value):.4f}" in row
    with (figures / "thresholds.csv").open() as file:
        rows = {float(r["threshold"]): r for r in csv.DictReader(file)}
    assert len(rows) == 99
    for threshold in (0.25, 0.4, 0.61):
        value = float(classification.binary_f1_score(predicted, truth, threshold=threshold))
        assert float(rows[threshold]["f1"]) == pytest.approx(value, abs=2e-3)
    with (figures / "calibration.csv").open() as file:
        bins = list(csv.DictReader(file))
    assert sum(int(r["pixels"]) for r in bins) == truth.numel()
    shares = sum(float(r["landslide_share"]) * int(r["pixels"]) for r in bins)
    assert shares == pytest.approx(int(truth.sum()), rel=1e-3)
    for name in ("curves", "best", "worst"):
        with Image.open(figures / f"{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5


def test_patches_are_ranked_by_their_f1():
    masks = np.zeros((4, 2, 2), np.uint8)
    masks[:3, 0] = 1
    detected = np.zeros((4, 2, 2), bool)
    detected[0, 0] = True  # all of it
    detected[1, 0, 0] = True  # half of it
    order = ranked(detected, masks)
    assert [i for i, _ in order] == [0, 1, 2]  # the empty one says nothing
    assert [s.f1 for _, s in order] == pytest.approx([1, 2 / 3, 0])


def test_a_submission_is_what_the_competition_takes(finished, data, small, tmp_path):
    images = tmp_path / "TestData"
    (images / "img").mkdir(parents=True)
    for path in (data / "TestData" / "img").glob("*.h5"):
        (images / "img" / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "submission.zip"
    for _ in range(2):  # the same file again
        result = call("predict", finished, "--data", images, "--submission", out)
        assert result.exit_code == 0, result.output
        first, second = out.read_bytes(), locals().get("first", out.read_bytes())
        assert first == second
    patches = sources.read(data / "TestData", BANDS)
    expected = predict_all(predictors_of(result_of(finished))(patches), patches) >= 0.4
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == [f"mask_{n}.h5" for n in range(1, 5)]
        for number, mask in zip(patches.numbers, expected, strict=True):
            with h5py.File(BytesIO(archive.read(f"mask_{number}.h5"))) as file:
                assert list(file) == ["mask"]
                assert file["mask"].dtype == np.uint8
                np.testing.assert_array_equal(file["mask"][()], mask)
    both = call(
        "predict", finished, "--data", images, "--data", data / "ValidData", "--submission", tmp_path / "two.zip"
    )
    assert both.exit_code == 2
    assert "same number" in both.stderr
    assert not (tmp_path / "two.zip").exists()


def test_reproduce_without_data_says_what_to_fetch():
    listed = call("reproduce")
    assert listed.exit_code == 0
    for table in (
        "benchmark",
        "kingdrone",
        "kingdrone-test",
        "seek-3",
        "seek-4",
        "seek-5",
        "seek-6",
        "tanmlh",
        "study",
    ):
        assert table in listed.output
    missing = call("reproduce", "kingdrone")
    assert missing.exit_code == 2
    for needed in ("10463239", "DATA/TrainData/img/image_1.h5", "image_3799.h5", "ValidData", "image_800.h5"):
        assert needed in missing.stderr
    unknown = call("reproduce", "kingdrome")
    assert unknown.exit_code == 2
    assert "did you mean 'kingdrone'?" in unknown.stderr


def test_reproduce_prints_measured_beside_published(data, small, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_files, "FOLDER", tmp_path)
    (tmp_path / "_base.yaml").write_text(
        RECIPE.replace("published: {table: small, row: both, split: test, f1: 70}", "")
    )
    for name, f1 in (("one", 70), ("two", 71)):
        (tmp_path / f"{name}.yaml").write_text(
            f"extends: _base.yaml\npublished: {{table: small, row: {name}, split: test, f1: {f1}}}\n"
            f"ours: {{length: four steps, loss: of {name}}}\n"
        )
    out = tmp_path / "runs"
    result = call("reproduce", "small", "--data", data, "--out", out, "--smoke")
    assert result.exit_code == 0, result.output
    with (out / "small.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["one", "two"]
    assert [float(row["published_f1"]) for row in rows] == [70, 71]
    scores = json.loads((out / "one" / "run.json").read_text())["scores"]["test"]
    assert rows[0]["f1"] == rows[1]["f1"] == f"{100 * scores['f1']:.2f}"
    assert "71.00" in result.output
    assert [row["ours"] for row in rows] == ["length: four steps; loss: of one", "length: four steps; loss: of two"]
    for note in ("1. length: four steps", "2. loss: of one", "3. loss: of two"):
        assert note in result.output
    assert [line.split()[-2] for line in result.output.splitlines() if "71.00" in line] == ["3"]
    stages = [json.loads((out / name / "run.json").read_text())["stages"] for name in ("one", "two")]
    assert stages[0] == stages[1]  # trained once
    assert len(list((out / "stages").iterdir())) == 6


def test_a_table_is_run_as_the_recipe_that_holds_all_others():
    from l4s_training.runs.published import recipe_named

    assert recipe_named("kingdrone-test") == recipe_files.load("kingdrone-test-3")
    assert recipe_named("tanmlh") == recipe_files.load("tanmlh")
    for table, last in (("seek-4", "seek-4-weighted-ce-unet"), ("kingdrone", "kingdrone-q-round4-ensemble")):
        told = call("run", table, "--data", "nowhere", "--out", "nowhere")
        assert told.exit_code == 2
        assert "none of them holds all others" in told.stderr
        assert f"l4s-train run {last}" in told.stderr
        assert f"l4s-train reproduce {table}" in told.stderr
    told = call("reproduce", "seek-4-lovasz-unet", "--data", "nowhere")
    assert told.exit_code == 2
    assert "run it with l4s-train run seek-4-lovasz-unet, or its table with l4s-train reproduce seek-4" in told.stderr


def test_all_published_rows_are_there():
    """Rows of each published table."""
    from l4s_training.runs.published import tables

    counts = {name: len(rows) for name, rows in tables().items()}
    expected = {"benchmark": 11, "baseline": 2, "kingdrone": 17, "kingdrone-test": 4, "seek-3": 24, "seek-4": 10}
    expected |= {"seek-5": 5, "seek-6": 2, "tanmlh": 1, "sklgp": 4, "study": 14}
    assert expected.items() <= counts.items()


def test_runs_of_earlier_versions_are_read(tmp_path):
    """A config.json as `l4s-train fit` wrote it before recipes."""
    numbers = {"epochs": 60, "batch": 16, "learning_rate": 0.001, "weight_decay": 0.01, "warm_start": 0.3}
    config = {"data": ["l4s_rgb_pairs.npz"], "network": "unet-resnet18", "bands": ["B4", "B3", "B2"]} | numbers
    config |= {"normalization": "window", "ema_decay": 0.995, "precision": "auto", "seed": 0}
    config["plan"] = {"blocks": 40, "validation": [4, 13], "test": [0, 8], "guard": 3, "apart": [1, 4]}
    entries = {"config": config, "statistics": {"mean": [1, 1, 1], "std": [1, 1, 1]}, "window": 128}
    entries |= {"patches": {"train": 2}, "ids": {"train": [1, 2]}, "versions": {"torch": "2.13.0"}, "seconds": 1.0}
    entries["best"] = {"epoch": 55, "threshold": 0.4, "scores": {"f1": 0.65}}
    (tmp_path / "config.json").write_text(json.dumps(entries))
    record = read_network_run(tmp_path)
    assert record.finished
    assert record.config.scale == 1
    assert record.config.plan.validation == (4, 13)
    assert [term.loss for term in record.config.objective] == ["ce", "lovasz-hinge"]
    assert [start for start, _ in record.config.phases] == [0.0, 0.3]
    assert result_of(tmp_path).threshold == 0.4
    write_network_run(record)
    assert read_network_run(tmp_path) == record
