"""Trainings that are killed, run out of disk or find something strange in their folder, for real."""

from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from l4s_geo.errors import DataError, OutputError
from l4s_training import models
from l4s_training.config import recipe_files
from l4s_training.runs.recipe_run import run_recipe
from l4s_training.runs.record import result_of, scores_of
from l4s_training.training import checkpoint, training_state
from l4s_training.training import train as training
from l4s_training.training.network_run import NetworkConfig, read_network_run
from l4s_training.training.segmenter import Segmenter
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData
from small_training import build_small, patches, same, write_official

RECIPE = """
bands: RGB
split: official
normalization: domain
target: test
defaults:
  {network: unet-resnet18, precision: 32, batch: 4, iterations: 6, evaluate_every: 2, ema_decay: 0.9}
stages:
  - {train: first}
  - {pseudo-label: labels, teachers: [first], threshold: 0.4}
  - {train: second, labels: labels, mix_up: 0.4, schedule: cosine}
  - {ensemble: both, members: [first, second]}
"""


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(models, "build", build_small)
    monkeypatch.setattr(training_state, "_SHARE", float("inf"))  # a checkpoint after every pass


def config(**changes) -> NetworkConfig:
    options = {"data": ("x",), "batch": 4, "epochs": 4, "precision": "32"}
    return NetworkConfig(**(options | changes))


def given(**changes) -> TrainingData:
    return TrainingData(**({"source": patches(12), "validation": patches(4, 1)} | changes))


def interrupt(patch: pytest.MonkeyPatch, at: int) -> None:
    """Press Ctrl-C as a step begins."""
    original = Segmenter.training_step

    def step(self, batch, index):
        if self.step == at:
            raise KeyboardInterrupt
        return original(self, batch, index)

    patch.setattr(Segmenter, "training_step", step)


@pytest.mark.parametrize(
    ("killed_at", "changes"),
    [
        (4, {}),
        (7, {"optimizer": "sgd", "schedule": "poly", "network": "unet-resnet18+mc-dropout", "ema_decay": 0}),
        (10, {"mix_up": 0.4, "schedule": "cosine-restarts", "optimizer": "adam"}),
        (8, {"patience": 1}),
    ],
)
def test_a_stopped_training_goes_on_as_if_it_had_not_been(killed_at, changes, small, tmp_path):
    """With everything that the steps after the stop depend on: dropout, schedule, moments, moving average, patience."""
    chosen = config(**changes)
    train(chosen, given(), tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, killed_at)
        with pytest.raises(KeyboardInterrupt):
            train(chosen, given(), tmp_path / "stopped", quiet=True)
    kept = checkpoint.read(tmp_path / "stopped" / "last.safetensors")
    assert kept.numbers["step"] == 3 * (killed_at // 3)
    resumed = train(chosen, given(), tmp_path / "stopped", quiet=True)
    assert resumed.finished
    assert same(tmp_path / "whole" / "best.safetensors", tmp_path / "stopped" / "best.safetensors")
    first, second = (read_network_run(tmp_path / name) for name in ("whole", "stopped"))
    assert first.best == second.best
    rows = []
    for name in ("whole", "stopped"):
        with (tmp_path / name / "metrics.csv").open() as file:
            rows.append([{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)])
    assert rows[0] == rows[1]
    assert not (tmp_path / "stopped" / "last.safetensors").exists()


def test_a_checkpoint_in_the_middle_of_a_pass_is_gone_on_from(small, tmp_path, monkeypatch):
    monkeypatch.setattr(training_state, "_EVERY", 0.0)  # one after every step
    train(config(), given(), tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            train(config(), given(), tmp_path / "stopped", quiet=True)
    assert checkpoint.read(tmp_path / "stopped" / "last.safetensors").numbers["step"] == 5
    train(config(), given(), tmp_path / "stopped", quiet=True)
    assert same(tmp_path / "whole" / "best.safetensors", tmp_path / "stopped" / "best.safetensors")
    assert read_network_run(tmp_path / "whole").best == read_network_run(tmp_path / "stopped").best


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_training_that_is_told_to_end_keeps_its_last_step(number, raised, at, small, tmp_path):
    """Also before the first evaluation, which comes after three steps; and it ends as the same training would."""
    chosen = config()
    train(chosen, given(), tmp_path / "whole", quiet=True)
    original = Segmenter.training_step

    def step(self, batch, index):
        if self.step == at - 1:
            os.kill(os.getpid(), number)
        return original(self, batch, index)

    before = signal.getsignal(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segmenter, "training_step", step)
        with pytest.raises(raised) as ended:
            train(chosen, given(), tmp_path / "stopped", quiet=True)
    if raised is SystemExit:
        assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(number) == before
    assert checkpoint.read(tmp_path / "stopped" / "last.safetensors").numbers["step"] == at
    train(chosen, given(), tmp_path / "stopped", quiet=True)
    assert same(tmp_path / "whole" / "best.safetensors", tmp_path / "stopped" / "best.safetensors")
    assert read_network_run(tmp_path / "whole").best == read_network_run(tmp_path / "stopped").best


def test_a_training_that_is_told_to_end_in_its_last_step_is_finished(small, tmp_path):
    original = Segmenter.training_step

    def step(self, batch, index):
        if self.step == self.total - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segmenter, "training_step", step)
        with pytest.raises(KeyboardInterrupt):
            train(config(), given(), tmp_path / "run", quiet=True)
    assert read_network_run(tmp_path / "run").finished


def test_a_training_that_begins_anew_begins_with_the_weights_asked_for(small, tmp_path):
    """Also where a stopped one has left its checkpoint: what it is to start from is not skipped."""
    train(config(seed=1), given(), tmp_path / "start", quiet=True)
    later = config(init="start")
    train(later, given(), tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            train(later, given(), tmp_path / "stopped", quiet=True)
    assert (tmp_path / "stopped" / "last.safetensors").is_file()
    train(later, given(), tmp_path / "stopped", quiet=True, resume=False)
    assert same(tmp_path / "whole" / "best.safetensors", tmp_path / "stopped" / "best.safetensors")
    train(config(), given(), tmp_path / "random", quiet=True)
    assert not same(tmp_path / "whole" / "best.safetensors", tmp_path / "random" / "best.safetensors")


def test_a_finished_training_is_not_run_again(small, tmp_path, monkeypatch):
    train(config(), given(), tmp_path / "run", quiet=True)
    monkeypatch.setattr(training.L, "Trainer", None)
    assert train(config(), given(), tmp_path / "run", quiet=True).finished


def test_a_killed_run_of_a_recipe_goes_on_and_gives_the_same(tmp_path):
    """SIGKILL in the second training, with a real network; the first one is not trained again."""
    data, path, killed = write_official(tmp_path / "data"), tmp_path / "recipe.yaml", tmp_path / "killed"
    path.write_text(RECIPE)
    code = (
        "import time\n"
        "from l4s_training.cli import main\n"
        "from l4s_training.training import training_state\n"
        "from l4s_training.training.segmenter import Segmenter\n"
        "training_state._SHARE, step = float('inf'), Segmenter.training_step\n"
        "def wait(self, batch, index):\n"
        "    if len(batch[1]) == 2 and self.step == 3:\n"
        "        time.sleep(600)\n"
        "    return step(self, batch, index)\n"
        "Segmenter.training_step = wait\n"
        "main()"
    )
    options = ["run", str(path), "--data", str(data), "--out", str(killed), "--threads", "1"]
    process = subprocess.Popen([sys.executable, "-c", code, *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not list(killed.glob("stages/second-*/last.safetensors")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    with pytest.raises(DataError, match="not finished"):
        result_of(killed)
    (first,) = killed.glob("stages/first-*/best.safetensors")
    before = first.stat()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = run_recipe(recipe_files.load(path), [data], killed, quiet=True)
        whole = run_recipe(recipe_files.load(path), [data], tmp_path / "whole", quiet=True)
    finally:
        torch.set_num_threads(threads)
    assert first.stat() == before
    assert len(result.folders) == 2
    for a, b in zip(result.folders, whole.folders, strict=True):
        assert a.name == b.name
        assert same(a / "best.safetensors", b / "best.safetensors")
    assert scores_of(killed) == scores_of(tmp_path / "whole")


def test_the_folder_of_another_recipe_is_left_alone(small, tmp_path):
    data, path = write_official(tmp_path / "data"), tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    run_recipe(recipe_files.load(path), [data], tmp_path / "run", smoke=True, quiet=True)
    path.write_text(RECIPE.replace("iterations: 6", "iterations: 8"))
    with pytest.raises(DataError, match="another recipe"):
        run_recipe(recipe_files.load(path), [data], tmp_path / "run", smoke=True, quiet=True)


def test_the_folder_of_another_training_is_left_alone(small, tmp_path):
    train(config(), given(), tmp_path / "run", quiet=True)
    with pytest.raises(DataError, match="another learning_rate, batch"):
        train(config(batch=2, learning_rate=1e-4), given(), tmp_path / "run", quiet=True)


def test_the_checkpoint_of_another_network_is_named(small, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            train(config(), given(), tmp_path / "run", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", lambda *_: nn.Conv2d(3, 1, 1))
        with pytest.raises(DataError, match=r"last.safetensors does not hold the weights of unet-resnet18"):
            train(config(), given(), tmp_path / "run", quiet=True)


def test_a_damaged_checkpoint_is_named(small, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            train(config(), given(), tmp_path / "run", quiet=True)
    last = tmp_path / "run" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(DataError, match=r"last.safetensors cannot be read.*delete it"):
        train(config(), given(), tmp_path / "run", quiet=True)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to mount a small file system")
def test_a_full_disk_leaves_the_last_good_checkpoint(small, tmp_path, monkeypatch):
    """On a file system that is filled up as a pass begins."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        folder = disk / "run"
        original = Segmenter.training_step

        def fill(self, batch, index):
            if self.step == 7:
                free = os.statvfs(disk)
                with (disk / "filler").open("wb") as file:
                    file.write(bytes(free.f_bavail * free.f_bsize))
            return original(self, batch, index)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Segmenter, "training_step", fill)
            with pytest.raises(OutputError, match=r"No space left.*same command"):
                train(config(), given(), folder, quiet=True)
        assert not list(folder.glob("*.part"))
        assert checkpoint.read(folder / "last.safetensors").numbers["step"] == 6
        (disk / "filler").unlink()
        train(config(), given(), folder, quiet=True)
        train(config(), given(), tmp_path / "whole", quiet=True)
        assert same(folder / "best.safetensors", tmp_path / "whole" / "best.safetensors")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # the log of the first training is open


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "last.safetensors"
    checkpoint.write(path, {"a": torch.ones(2)}, {"step": 1})
    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OutputError, match=r"No space left on device.*the one before it is kept"):
        checkpoint.write(path, {"a": torch.zeros(2)}, {"step": 2})
    assert checkpoint.read(path).numbers == {"step": 1}


def test_checkpoints_hold_no_pickle(small, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 4)
        patch.setattr(torch, "save", None)
        with pytest.raises(KeyboardInterrupt):
            train(config(), given(), tmp_path / "run", quiet=True)
    train(config(), given(), tmp_path / "run", quiet=True)
    for path in (p for p in (tmp_path / "run").rglob("*") if p.is_file()):
        assert path.suffix in {".safetensors", ".json", ".csv", ".yaml"} or path.name.startswith("events.out.tfevents")
