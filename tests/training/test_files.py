"""What training writes: whole on disks of every size, by one run at a time, never over what is read."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from matplotlib.figure import Figure

from l4s_geo.errors import BundleError, OutputError
from l4s_geo.output.claim import claimed
from l4s_training import models
from l4s_training.cli import main
from l4s_training.data.make.write import PatchWriter
from l4s_training.export.export import export
from l4s_training.export.settings import ExportSettings
from l4s_training.files import check_apart, claimed_folder, write_table
from l4s_training.scoring.pictures import _save
from l4s_training.scoring.submission import write_submission
from l4s_training.training import checkpoint
from l4s_training.training.network_run import NetworkConfig
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData
from small_training import build_small, patches
from support import largest_file

RNG = np.random.default_rng(0)
MASKS = RNG.random((20, 64, 64)) > 0.5
RAW = RNG.integers(500, 4000, (14, 64, 64)).astype(np.uint16)
TENSORS = {str(i): torch.from_numpy(RNG.random((40, 50)).astype(np.float32)) for i in range(4)}


def draw(path: Path) -> None:
    figure = Figure(figsize=(3, 3))
    figure.subplots().imshow(RAW[0])
    _save(figure, path, 80)


def read_submission(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        files = [h5py.File(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    return [file["mask"][:].tobytes() for file in files]


OUTPUTS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "last.safetensors": (
        lambda path: checkpoint.write(path, TENSORS, {"step": 1}),
        lambda path: [t.numpy().tobytes() for t in checkpoint.read(path).tensors.values()],
    ),
    "metrics.csv": (lambda path: write_table(path, ["a", "b"], MASKS[0].tolist()), Path.read_bytes),
    "curves.png": (draw, lambda path: len(path.read_bytes())),
    "submission.zip": (lambda path: write_submission(path, np.arange(20), MASKS), read_submission),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_files_that_may_not_grow(tmp_path: Path, name: str) -> None:
    write, read = OUTPUTS[name]
    path = tmp_path / name
    write(path)
    expected, whole = read(path), path.stat().st_size
    for size in sorted({*np.linspace(0, whole, 12).astype(int).tolist(), whole - 4096, whole - 100, whole - 1}):
        with largest_file(max(0, size)):
            done = _tried(write, path)
        assert done == (size >= whole)
        assert read(path) == expected
        assert [p.name for p in tmp_path.iterdir()] == [name]


def _tried(write: Callable[[Path], None], path: Path) -> bool:
    try:
        write(path)
    except OutputError:
        return False
    return True


def test_patches_that_do_not_fit_leave_a_set_that_can_be_read(tmp_path: Path) -> None:
    writer = PatchWriter(tmp_path)
    writer.add(RAW, MASKS[0])
    whole = (tmp_path / "img" / "image_1.h5").stat().st_size
    for size in (0, 100, whole // 2, whole - 1):
        with largest_file(size), pytest.raises(OutputError, match="could not be written"):
            writer.add(RAW, MASKS[1])
        assert {p.name for p in tmp_path.rglob("*.h5")} == {"image_1.h5", "mask_1.h5"}
    writer.add(RAW, MASKS[1])
    with h5py.File(tmp_path / "img" / "image_2.h5") as file:
        assert file["img"].shape == (64, 64, 14)


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(models, "build", build_small)


def given() -> tuple[NetworkConfig, TrainingData]:
    config = NetworkConfig(data=("x",), batch=4, epochs=1, precision="32")
    return config, TrainingData(source=patches(12), validation=patches(4, 1))


@pytest.mark.usefixtures("small")
def test_two_trainings_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    with claimed_folder(folder), pytest.raises(OutputError, match="is being written by another run"):
        train(*given(), folder, quiet=True)
    assert not folder.exists()
    train(*given(), folder, quiet=True)
    assert [p.name for p in folder.parent.iterdir()] == ["one"]


@pytest.mark.usefixtures("small")
def test_a_training_in_the_folder_of_its_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)
    config, patches_ = given()
    config = NetworkConfig(data=(str(data),), batch=4, epochs=1, precision="32")
    for out in (data, tmp_path / "link", data / ".." / "data"):
        with pytest.raises(OutputError, match="which the command reads; choose another place"):
            train(config, patches_, out, quiet=True)
    assert list(data.iterdir()) == []


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_outputs_over_what_commands_read(tmp_path: Path, rgb_npz: Path) -> None:
    data = Path(shutil.copy(rgb_npz, tmp_path / "data.npz"))
    (tmp_path / "hard.npz").hardlink_to(data)
    before = data.read_bytes()
    for arguments in (
        ("predict", "rgb", "--data", data, "--submission", tmp_path / "hard.npz"),
        ("negatives", data, "--out", data),
        ("negatives", f"{data},{data},{data}", "--out", data),
        ("negatives", "a.tif", "--casts", data, "--out", tmp_path / "hard.npz"),
        ("run", "rgb", "--data", tmp_path, "--out", tmp_path, "--smoke"),
    ):
        result = call(*arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert "which the command reads" in result.stderr
    assert data.read_bytes() == before


def test_what_is_read_may_stand_beside(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"x")
    check_apart(tmp_path / "run", [tmp_path / "data.npz", tmp_path], ["rgb"])


def test_an_export_takes_the_place_of_nothing_but_a_bundle(tmp_path: Path) -> None:
    """And says so before it measures anything."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.safetensors").write_bytes(b"weights")
    with pytest.raises(BundleError, match="is in the way and is not a bundle"):
        export([run], run, ExportSettings(name="x"))
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    (bundle / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"holds more than a bundle \(notes\.txt\)"):
        export([run], bundle, ExportSettings(name="x"))
    assert (bundle / "notes.txt").read_text() == "mine"


def test_patches_of_two_commands_do_not_mix(tmp_path: Path) -> None:
    out = tmp_path / "patches"
    with claimed(out):
        result = call("patches", "scene.tif", "--empty", "--out", out)
    assert result.exit_code == 2
    assert "is being written by another run" in result.stderr
