"""`l4s-train` from end to end on a handful of synthetic patches."""

from __future__ import annotations

import csv
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file
from scipy.special import logit

from l4s_geo import load_bundle
from l4s_geo.bands import RGB
from l4s_geo.bundles.item import read_bundle
from l4s_training import models
from l4s_training.cli import main
from l4s_training.cli.fit import command
from l4s_training.config.hyperparameters import PRECISIONS
from l4s_training.data import bandsets
from l4s_training.data.readers import read as sources
from l4s_training.export.onnx_file import check_parity, to_onnx
from l4s_training.runs.prediction import load_network, predict_all, run_predictor
from l4s_training.scoring.calibration import Calibrated, fit_calibration
from l4s_training.training.network_run import NetworkConfig, read_network_run

PLAN = ["--blocks", "6", "--validation-blocks", "2", "--test-blocks", "5", "--guard", "0", "--apart", ""]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def fit(data: Path, out: Path, *options: object) -> Result:
    return call("fit", "--data", data, "--out", out, "--epochs", 1, "--batch", 4, *PLAN, *options)


@pytest.fixture(scope="module")
def run(rgb_npz, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    result = fit(rgb_npz, folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    result = call("export", run, "--out", folder, "--name", "tiny")
    assert result.exit_code == 0, result.output
    return folder


def test_a_run_records_what_rebuilds_it(run, rgb_npz):
    assert {p.name for p in run.iterdir()} == {"config.json", "metrics.csv", "best.safetensors", "tensorboard"}
    record = read_network_run(run)
    assert record.config.data == (str(rgb_npz),)
    assert record.ids == {
        "train": [0, 10, 20, 30, 60, 70, 80, 90],
        "validation": [40, 50],
        "test": [100, 110],
    }
    assert record.best is not None
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    assert float(rows[0]["f1"]) == pytest.approx(record.best.scores["f1"], abs=1e-4)


def test_the_same_seed_trains_the_same_network(run, rgb_npz, tmp_path):
    assert fit(rgb_npz, tmp_path / "again").exit_code == 0
    first, second = load_network(read_network_run(run)), load_network(read_network_run(tmp_path / "again"))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_an_exported_bundle_predicts_what_the_trained_network_does(run, bundle, rgb_npz):
    record = read_network_run(run)
    patches = sources.read(rgb_npz, RGB)
    network = load_network(record)
    held = patches.take(np.array([4, 5]))
    logits = logit(predict_all(run_predictor(record, network, held), held))
    calibrated = Calibrated(network, fit_calibration(logits, held.masks)).eval()
    windows = patches.windows(np.arange(5))
    expected = run_predictor(record, calibrated, patches)(windows)
    loaded = load_bundle(bundle)
    assert loaded.bands == RGB
    assert np.abs(loaded.predict(windows) - expected).max() < 0.01  # weights are stored in half precision
    assert np.allclose(loaded.predict(windows[2:3]), loaded.predict(windows)[2:3], atol=1e-5)


def test_an_export_that_differs_from_the_trained_network_is_refused():
    network, other = torch.nn.Conv2d(3, 1, 1).eval(), torch.nn.Conv2d(3, 1, 1).eval()
    data = to_onnx(network, 3, 64)
    assert check_parity(data, network, 3, 64) < 1e-4
    with pytest.raises(RuntimeError, match="differs from the trained one"):
        check_parity(data, other, 3, 64)


def test_a_bundle_holds_no_paths_of_the_machine_that_made_it(bundle):
    network = (bundle / "unet-resnet18.onnx").read_bytes()
    for trace in (b"site-packages", b".py", str(Path.cwd()).encode()):
        assert trace not in network


def test_the_command_on_the_card_gives_the_scores_on_the_card(bundle, rgb_npz, monkeypatch):
    card = (bundle / "README.md").read_text()
    scores = read_bundle(bundle).scores
    assert {"validation_f1", "test_f1", "test_precision", "test_recall", "test_iou", "test_flips_f1"} <= set(scores)
    row = next(line for line in card.splitlines() if line.startswith("| **test blocks**"))
    printed = [float(cell) for cell in row.split("|")[3:6]]
    # The card rounds to three digits what the bundle states to four.
    assert printed == pytest.approx([scores[f"test_{name}"] for name in ("f1", "precision", "recall")], abs=0.00056)
    command = next(line for line in card.splitlines() if line.startswith("l4s-train evaluate tiny"))
    monkeypatch.chdir(rgb_npz.parent)
    result = call(*shlex.split(command.replace("tiny", str(bundle), 1))[1:])
    assert result.exit_code == 0, result.output
    for key in ("test_f1", "test_precision", "test_recall", "test_iou"):
        assert f"{scores[key]:.4f}" in result.output


def test_evaluate_of_a_run_uses_the_split_of_the_run(run, rgb_npz):
    result = call("evaluate", run, "--data", rgb_npz, "--split", "test")
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if "test" in line)
    assert row.split()[3] == "2"


@pytest.mark.parametrize("normalization", ["fixed", "domain"])
def test_all_14_bands_of_h5_files_are_trained_on(write_h5, tmp_path, normalization):
    bands = "B1,B2,B3,B4,B5,B6,B7,B8,B9,B10,B11,B12,slope,DEM"
    result = fit(write_h5(12), tmp_path / "run", "--bands", bands, "--normalization", normalization)
    assert result.exit_code == 0, result.output
    record = read_network_run(tmp_path / "run")
    assert len(record.statistics.mean) == 14
    assert record.statistics.mean[0] > 0.8


def test_principal_components_are_trained_on_where_they_are_asked_for(write_h5, tmp_path):
    result = fit(write_h5(12), tmp_path / "run", "--bands", "PCA-3", "--normalization", "fixed")
    assert result.exit_code == 0, result.output
    record = read_network_run(tmp_path / "run")
    assert (len(record.config.bands), record.config.components) == (14, 3)
    assert load_network(record).components.abs().sum() > 0


def test_the_options_of_fit_have_the_defaults_of_the_hyperparameters():
    """The command states them by itself, so that its help does not wait for torch."""
    given = command.make_context("fit", ["--data", "x", "--out", "run"]).params
    given |= {"data": ("x",), "learning_rate": given.pop("lr"), "bands": bandsets.parse(given["bands"])}
    told = NetworkConfig(data=("x",))
    shared = given.keys() & {field.name for field in fields(told)}
    assert shared >= {"network", "bands", "normalization", "epochs", "learning_rate", "weight_decay", "warm_start"}
    assert {name: given[name] for name in shared} == {name: getattr(told, name) for name in shared}
    (precision,) = (option for option in command.params if option.name == "precision")
    assert set(precision.type.choices) == set(PRECISIONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "unet-nothing"], "There is no network 'unet-nothing'; expected one of unet-resnet18"),
        (["--bands", "B4,B99"], "--bands is 'B4,B99'"),
        (["--bands", "B4,B8"], "not B8"),
        (["--normalization", "fixed"], "--normalization window"),
        (["--test-blocks", "2"], "must be different numbers"),
        (["--test-blocks", "x"], "--test-blocks is 'x'"),
        (["--validation-blocks", ""], "no validation patch"),
        (["--pretrained", "nowhere"], "nowhere is neither a file of weights nor a folder that holds resnet18"),
        (["--network", "unet", "--pretrained"], "'unet' has no published weights"),
        (["--pretrained", "--imagenet"], "Both imagenet and pretrained"),
        (["--at-once", 3, "--batch", 8], "cannot be divided into 3 passes"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_code_2(rgb_npz, tmp_path, arguments, message):
    result = fit(rgb_npz, tmp_path / "run", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_exporting_something_that_is_no_run_is_a_mistake(tmp_path):
    result = call("export", tmp_path, "--out", tmp_path / "out", "--name", "x")
    assert result.exit_code == 2
    assert "is neither a recipe run nor a network run" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_named(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    (tmp_path / "best.safetensors").write_bytes((run / "best.safetensors").read_bytes()[:1000])
    result = call("export", tmp_path, "--out", tmp_path / "out", "--name", "x")
    assert result.exit_code == 2
    assert "best.safetensors cannot be read" in result.stderr


GOES_ON = dict.fromkeys(("run", "reproduce", "crossvalidate"), "the same command goes on from here.")
GOES_ON |= {
    "fit": "the same command with --resume goes on from here.",
    "patches": "patches that are in a folder already stay there, and the same command would add them again, so begin "
    "with a new --out.",
}


@pytest.mark.parametrize("name", main.list_commands(None))
def test_who_stops_a_command_is_told_what_the_same_one_does_then(name, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    stopped = main.get_command(None, name)
    monkeypatch.setattr(stopped, "params", [])
    monkeypatch.setattr(stopped, "callback", stop)
    result = call(name)
    assert result.exit_code == 130
    assert result.stderr == f"Stopped; {GOES_ON.get(name, 'the same command starts from the beginning.')}\n"


def test_fit_begins_with_published_weights_and_adds_gradients_up(rgb_npz, tmp_path, monkeypatch):
    """With next to no learning rate the encoder is the published one; the card's command trains the same network."""
    torch.manual_seed(1)
    published = models.build("unet-resnet18", RGB, 64).encoder.state_dict()
    path = tmp_path / "resnet18.a1_in1k.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in published.items()}, path)
    monkeypatch.chdir(tmp_path)
    shutil.copy(rgb_npz, tmp_path)
    given = ("--lr", 1e-9, "--pretrained", path.name, "--at-once", 2)
    result = fit(Path(rgb_npz.name), tmp_path / "runs" / "published", *given)
    assert result.exit_code == 0, result.output
    record = read_network_run(tmp_path / "runs" / "published")
    assert (record.config.batch, record.config.passes, record.config.pretrained) == (4, 2, str(path))
    network = load_network(record)
    for name, tensor in network.encoder.named_parameters():
        torch.testing.assert_close(tensor, published[name])
    exported = call("export", "runs/published", "--out", "bundle", "--name", "tiny", "--no-flips")
    assert exported.exit_code == 0, exported.output
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "an encoder with published weights (`timm/resnet18.a1_in1k` on the Hugging Face Hub)" in card
    assert "each batch in 2 parts" in card
    command = next(part for part in card.split("```") if "l4s-train fit" in part).split("l4s-train export")[0]
    (tmp_path / "runs").rename(tmp_path / "before")
    again = call(*shlex.split(command.replace("\\\n", " "))[1:])
    assert again.exit_code == 0, again.output
    other = load_network(read_network_run(tmp_path / "runs" / "published")).state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, other[name])


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([name, "--help"] for name in ("run", "fit", "evaluate", "predict", "export", "reproduce"))],
)
def test_help_does_not_wait_for_torch(arguments):
    code = (
        "import sys; from l4s_training.cli import main; "
        f"main({arguments!r}, standalone_mode=False); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_without_the_extra_the_error_names_it(rgb_npz, tmp_path):
    code = "import sys; sys.modules['torch'] = None\nfrom l4s_training.cli import main; main()"
    command = [sys.executable, "-c", code, "fit", "--data", str(rgb_npz), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: torch is not installed")
    assert "l4s-geo[train]" in done.stderr
