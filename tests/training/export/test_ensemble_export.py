"""Several runs as one bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.bundles.item import read_bundle
from l4s_geo.evaluation.reliability import calibration_error
from l4s_training.adaptation import ensemble
from l4s_training.cli import main
from l4s_training.data.readers import read as sources
from l4s_training.export.onnx_file import onnx_logits, to_onnx
from l4s_training.runs.prediction import bundle_predictor, predict_all
from l4s_training.scoring.metrics import Scores, ThresholdCurve
from tests.training.conftest import scars

PLAN = ["--blocks", "6", "--validation-blocks", "2,3", "--test-blocks", "5", "--guard", "0", "--apart", ""]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def runs(rgb_npz, tmp_path_factory) -> list[Path]:
    folders = []
    for number, network in enumerate(("unet-resnet18", "linknet")):
        folder = tmp_path_factory.mktemp("runs") / network
        fit = ["fit", "--data", rgb_npz, "--out", folder, "--network", network, "--seed", number]
        result = call(*fit, "--epochs", 2, "--batch", 4, *PLAN)
        assert result.exit_code == 0, result.output
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def elevations(tmp_path_factory) -> Path:
    """Patches with 14 bands, whose scars lie on a slope above flat ground."""
    images, masks = scars(4, len(BANDS), seed=5)
    images[..., -1] = (np.where(np.arange(64) < 32, 0, 8 * (np.arange(64) - 32)) / scale_of(("DEM",))[0])[:, None]
    path = tmp_path_factory.mktemp("dn") / "dn.npz"
    dn = np.rint(images * scale_of(BANDS)).astype(np.uint16)
    np.savez(path, dn=dn, mask=masks, number=np.arange(4) + 5000)
    return path


@pytest.fixture(scope="module")
def bundle(runs, elevations, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "pair"
    result = call("export", *runs, "--out", folder, "--name", "pair", "--fit-weights", "--terrain-prior", elevations)
    assert result.exit_code == 0, result.output
    return folder


def test_the_card_and_the_description_hold_what_is_measured(bundle, rgb_npz):
    loaded = load_bundle(bundle, "cpu")
    assert [m.architecture for m in loaded.bundle.members] == ["unet-resnet18", "linknet"]
    patches = sources.read(rgb_npz, RGB)
    held = {"validation": patches.take(np.arange(4, 8)), "test": patches.take(np.array([10, 11]))}
    for role, part in held.items():
        p = predict_all(bundle_predictor(loaded, part), part)
        scores = Scores.of(p >= loaded.threshold, part.masks)
        assert loaded.bundle.scores[f"{role}_f1"] == pytest.approx(scores.f1, abs=1e-3)
        assert loaded.bundle.scores[f"{role}_calibration_error"] == pytest.approx(
            calibration_error(p, part.masks), abs=1e-3
        )
        if role == "validation":
            assert ThresholdCurve.of(p, part.masks).best()[0] == pytest.approx(loaded.threshold, abs=2e-3)
    card = (bundle / "README.md").read_text()
    assert "2 networks" in card
    assert "| ≥ 500 m² | 2 |" in card
    assert "terrain prior" in card


def test_the_prior_is_written(bundle):
    prior = read_bundle(bundle).prior
    assert prior is not None
    assert prior.log_ratio[-1] == 0
    assert {"terrain_prior_without_f1", "terrain_prior_left_out_f1"} <= set(read_bundle(bundle).scores)


@pytest.fixture(scope="module")
def sure(rgb_npz, tmp_path_factory) -> Path:
    """A run whose network has learned the patches, so that rounding moves few pixels across the threshold."""
    folder = tmp_path_factory.mktemp("sure") / "run"
    fit = ["fit", "--data", rgb_npz, "--out", folder, "--network", "unet-resnet18", "--seed", 0]
    result = call(*fit, "--epochs", 12, "--batch", 4, *PLAN)
    assert result.exit_code == 0, result.output
    return folder


def test_integers_of_eight_bits_halve_the_file_at_no_cost(sure, bundle, tmp_path):
    result = call("export", sure, "--out", tmp_path / "small", "--name", "small", "--storage", "int8", "--no-flips")
    assert result.exit_code == 0, result.output
    small, half = (f / "unet-resnet18.onnx" for f in (tmp_path / "small", bundle))
    assert small.stat().st_size < 0.55 * half.stat().st_size


def test_integers_of_eight_bits_that_cost_too_much_are_refused(sure, tmp_path, monkeypatch):
    monkeypatch.setattr("l4s_training.export.export.WORTH", -1.0)  # any cost is too much
    result = call("export", sure, "--out", tmp_path / "b", "--name", "b", "--storage", "int8", "--no-flips")
    assert result.exit_code == 2
    assert "With 8-bit weights the F1 on the validation blocks falls" in result.stderr
    assert not (tmp_path / "b").exists()


def test_stored_integers_are_the_weights_to_within_half_a_step():
    network = torch.nn.Conv2d(32, 64, 1).eval()
    with torch.no_grad():
        network.weight *= torch.logspace(-3, 3, 64)[:, None, None, None]  # each channel has a scale of its own
    x = torch.eye(32)[:, :, None, None].expand(-1, -1, 8, 8).contiguous()  # every input channel by itself
    stored = onnx_logits(to_onnx(network, 32, 8, "int8"))(x.numpy())
    with torch.inference_mode():
        error = np.abs(stored - network(x).numpy()).max(axis=(0, 2, 3))
    step = network.weight.detach().abs().amax((1, 2, 3)).numpy() / 127
    assert (error <= 0.51 * step + 1e-6).all()


def test_a_network_that_weighs_next_to_nothing_is_left_out(runs, rgb_npz, tmp_path, monkeypatch):
    alone = call("export", runs[1], "--out", tmp_path / "alone", "--name", "b", "--no-flips")
    assert alone.exit_code == 0, alone.output
    monkeypatch.setattr(ensemble, "fit_weights", lambda probabilities, masks: np.array([0.0005, 0.9995]))
    both = call("export", *runs, "--out", tmp_path / "both", "--name", "b", "--no-flips", "--fit-weights")
    assert both.exit_code == 0, both.output
    assert f"Left out, because they weigh next to nothing: {runs[0]}\n" in both.output
    assert "Left out" not in alone.output
    assert read_bundle(tmp_path / "both").members == read_bundle(tmp_path / "alone").members
    assert sorted(p.name for p in (tmp_path / "both").glob("*.onnx")) == ["linknet.onnx"]


def test_runs_on_other_data_make_no_ensemble(runs, rgb_npz, tmp_path):
    with np.load(rgb_npz) as file:
        arrays = dict(file)
    other = tmp_path / "other.npz"
    np.savez(other, **{**arrays, "mask": 1 - arrays["mask"]})
    assert call("fit", "--data", other, "--out", tmp_path / "run", "--epochs", 1, "--batch", 4, *PLAN).exit_code == 0
    result = call("export", runs[0], tmp_path / "run", "--out", tmp_path / "bundle", "--name", "pair")
    assert result.exit_code == 2
    assert "has another data than" in result.output
    assert not (tmp_path / "bundle").exists()


def test_negatives_are_trained_on_and_never_measured_on(rgb_npz, tmp_path):
    images, masks = scars(4, 3, seed=9)
    empty = tmp_path / "empty.npz"
    rgb = (100 * images).clip(0, 255).astype(np.uint8)
    np.savez(empty, rgb=rgb, mask=0 * masks, id=np.arange(4), number=np.arange(4) + 100_000)
    result = call("fit", "--data", rgb_npz, "--negatives", empty, "--out", tmp_path / "run", "--epochs", 1, *PLAN)
    assert result.exit_code == 0, result.output
    result = call("export", tmp_path / "run", "--out", tmp_path / "bundle", "--name", "b", "--no-flips")
    assert result.exit_code == 0, result.output
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "empty.npz" in card
    assert "| **test blocks** (chose nothing) | 2 |" in card
