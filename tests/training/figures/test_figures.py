"""`l4s-train figures`: numbers as an independent reading has them, pictures that show something, the same again."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from l4s_geo.bands import BANDS
from l4s_training import models
from l4s_training.cli import main
from l4s_training.data.provenance import as_text
from l4s_training.figures.drawing import marked
from small_training import build_small, write_official

RECIPE = """
split: official
target: test
threshold: 0.5
defaults: {network: unet-resnet18, batch: 4, iterations: 4, evaluate_every: 2, keep: last}
stages:
  - {train: net}
  - {pseudo-label: labels, teachers: [net], threshold: 0.6, rest: ignore}
  - {train: net, labels: labels}
  - {pseudo-label: labels, teachers: [net], threshold: 0.5}
  - {train: net, labels: labels, mix_up: 0.4}
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_official(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory, run_small) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_small(RECIPE, data, folder)
    return folder / "out"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def shows_something(path: Path) -> bool:
    with Image.open(path) as picture:
        return float(np.asarray(picture.convert("L")).std()) > 5


def pixels(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, bands) float64 values and (pixels,) masks, read with h5py alone."""
    values, masks = [], []
    for path in sorted((folder / "img").glob("*.h5")):
        with h5py.File(path) as file:
            values.append(file["img"][()].reshape(-1, len(BANDS)))
        with h5py.File(folder / "mask" / path.name.replace("image", "mask")) as file:
            masks.append(file["mask"][()].ravel())
    return np.concatenate(values), np.concatenate(masks)


def test_figures_of_data_hold_the_statistics_of_each_domain_and_class(data, tmp_path):
    out = tmp_path / "figures"
    result = call("figures", data, "--out", out)
    assert result.exit_code == 0, result.output
    for name in ("statistics", "classes", "spectra"):
        assert shows_something(out / f"{name}.png")
        assert f"{name}.csv" in result.output
    for folder, role in (("TrainData", "train"), ("ValidData", "validation"), ("TestData", "test")):
        values, masks = pixels(data / folder)
        told = [row for row in rows_of(out / "statistics.csv") if row["domain"] == role]
        assert [row["band"] for row in told] == list(BANDS)
        np.testing.assert_allclose([float(row["mean"]) for row in told], values.mean(0), atol=2e-6, rtol=1e-5)
        np.testing.assert_allclose([float(row["std"]) for row in told], values.std(0), atol=2e-6, rtol=1e-4)
        (ratio,) = (row for row in rows_of(out / "classes.csv") if row["domain"] == role)
        assert int(ratio["landslide_pixels"]) == masks.sum()
        assert float(ratio["background_per_landslide"]) == pytest.approx((masks == 0).sum() / masks.sum(), abs=0.01)
        for number, name in enumerate(("background", "landslide")):
            spectrum = [r for r in rows_of(out / "spectra.csv") if (r["domain"], r["class"]) == (role, name)]
            expected = values[masks == number].mean(0)
            np.testing.assert_allclose([float(row["mean"]) for row in spectrum], expected, atol=2e-6, rtol=1e-5)


def test_unlabelled_images_have_statistics_alone(data, tmp_path):
    images = tmp_path / "TestData"
    shutil.copytree(data / "TestData" / "img", images / "img")
    result = call("figures", images, "--out", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["statistics.csv", "statistics.png"]


def test_arrays_without_masks_are_unlabelled_images(tmp_path):
    dn = np.random.default_rng(0).integers(500, 900, (4, 16, 16, len(BANDS))).astype(np.uint16)
    np.savez(tmp_path / "images.npz", dn=dn, number=np.arange(1, 5))
    result = call("figures", tmp_path / "images.npz", "--out", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    assert {row["domain"] for row in rows_of(tmp_path / "figures" / "statistics.csv")} == {"images"}
    assert not (tmp_path / "figures" / "classes.csv").exists()


def test_bands_are_chosen_and_two_sources_are_two_domains(data, tmp_path):
    sources = [data / "TrainData", data / "TrainData"]
    result = call("figures", *sources, "--bands", "RGB", "--out", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path / "figures" / "statistics.csv")
    assert [row["domain"] for row in rows] == ["train"] * 3 + ["train 2"] * 3
    assert [row["band"] for row in rows[:3]] == ["B4", "B3", "B2"]


def test_figures_of_a_run_show_its_curves_and_its_pseudo_labels_by_round(run, data, tmp_path):
    out = tmp_path / "figures"
    result = call("figures", run, "--out", out)
    assert result.exit_code == 0, result.output
    assert shows_something(out / "curves.png")
    assert shows_something(out / "pseudo-labels.png")
    curves = rows_of(out / "curves.csv")
    assert [(row["stage"], int(row["step"])) for row in curves] == [
        (stage, step) for stage in ("net", "net-2", "net-3") for step in (2, 4)
    ]
    assert all(0 <= float(row["f1"]) <= 1 for row in curves)
    assert all(0 <= float(row["train_f1"]) <= 1 for row in curves if row["stage"] != "net-3")
    assert all(row["train_f1"] == "" for row in curves if row["stage"] == "net-3")  # mixed images have no one truth
    first, second = rows_of(out / "pseudo-labels.csv")
    stages = [next((run / "stages").glob(f"{name}-????????")) for name in ("labels", "labels-2")]
    before, after = (np.load(stage / "labels.npz") for stage in stages)
    assert float(first["used_share"]) == pytest.approx((before["weights"] > 0).mean(), abs=1e-6)
    assert float(second["used_share"]) == 1
    assert float(second["changed_share"]) == pytest.approx((before["labels"] != after["labels"]).mean(), abs=1e-6)
    assert float(second["landslide_share"]) == pytest.approx(after["labels"].mean(), abs=1e-6)


def test_smoke_runs_and_simulated_patches_are_marked_in_every_table(data, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "build", build_small)
    simulated = tmp_path / "L4S"
    shutil.copytree(data, simulated)
    (simulated / "provenance.json").write_text(as_text("Made up.", simulated=True))
    (tmp_path / "rounds.yaml").write_text(RECIPE)
    run = tmp_path / "run"
    result = call("run", tmp_path / "rounds.yaml", "--data", simulated, "--out", run, "--precision", "32", "--smoke")
    assert result.exit_code == 0, result.output
    for what, tables, note in (
        (run, {"curves", "pseudo-labels"}, "smoke, simulated"),
        (simulated, {"statistics", "classes", "spectra"}, "simulated"),
        (data, {"statistics", "classes", "spectra"}, ""),
    ):
        out = tmp_path / f"figures of {what.name}"
        assert call("figures", what, "--out", out).exit_code == 0
        assert {path.stem for path in out.glob("*.csv")} == tables
        assert {row["note"] for path in out.glob("*.csv") for row in rows_of(path)} == {note}


def test_a_title_says_what_does_not_count():
    assert marked("Bands", ["", "smoke", "smoke, simulated", ""]) == "Bands (smoke, simulated)"
    assert marked("Bands", ["", ""]) == "Bands"


def test_figures_of_a_network_run_are_its_curves(run, tmp_path):
    network = next((run / "stages").glob("net-????????"))
    result = call("figures", network, "--out", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["curves.csv", "curves.png"]


def test_the_same_input_gives_the_same_files(run, data, tmp_path):
    for what in (run, data):
        one, two = tmp_path / "one", tmp_path / "two"
        for out in (one, two):
            assert call("figures", what, "--out", out).exit_code == 0
        for path in one.iterdir():
            assert path.read_bytes() == (two / path.name).read_bytes()


def test_what_cannot_be_drawn_is_said(run, data, tmp_path):
    both = call("figures", run, data, "--out", tmp_path / "f")
    assert both.exit_code == 2
    assert "give one run, or data alone" in both.stderr
    other = write_official(tmp_path / "other", {"TrainData": 8, "TestData": 3}, seed=1)
    missing = call("figures", run, "--out", tmp_path / "f", "--data", other)
    assert missing.exit_code == 2
    assert "the data has 3; name the run's own data with --data" in missing.stderr
    inside = call("figures", data, "--out", data)
    assert inside.exit_code == 2
    assert "which the command reads" in inside.stderr
    none = call("figures", tmp_path / "nothing", "--out", tmp_path / "f")
    assert none.exit_code == 2
    assert "does not exist" in none.stderr
    nowhere = call("figures", data, "--bands", "B4,B99", "--out", tmp_path / "f")
    assert nowhere.exit_code == 2
    assert "B99" in nowhere.stderr
