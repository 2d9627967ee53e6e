"""Two processes that train together take the steps of one with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from l4s_geo.errors import DataError, DeviceError
from l4s_training.training.hardware import Hardware
from l4s_training.training.network_run import NetworkConfig
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData
from small_training import patches, weights

SCRIPT = """
import sys
from pathlib import Path

import torch

from l4s_training import models
from l4s_training.training.hardware import Hardware
from l4s_training.training.network_run import NetworkConfig
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData
from l4s_training.losses import Term
from small_training import Small, patches

torch.set_num_threads(1)
devices, out = int(sys.argv[1]), Path(sys.argv[2])
models.build = lambda name, bands, window: Small(len(bands), normalised=False)
config = NetworkConfig(
    data=("x",), batch=4, epochs=3, precision="32", augmentation=None, warm_start=0, clip=0,
    objective=(Term("weighted-ce"), Term("lovasz-hinge")),
)
given = TrainingData(patches(12), patches(5, 1), patches(6, 2))
train(config, given, out, hardware=Hardware("cpu", devices), quiet=True)
"""


def test_two_processes_equal_one(tmp_path):
    """Same losses, scores and weights, with losses over the whole batch and a target domain."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    tests = Path(__file__).resolve().parents[2]
    records = []
    for devices in (1, 2):
        out = tmp_path / str(devices)
        command = [sys.executable, str(script), str(devices), str(out)]
        # The packages first: the folder tests/l4s_geo would stand for the engine.
        path = ":".join(map(str, (tests.parent, tests.parent / "training", tests)))
        environment = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=500)
        assert done.returncode == 0, done.stderr
        records.append((json.loads((out / "config.json").read_text()), (out / "metrics.csv").read_text()))
    (one, _), (two, _) = records
    assert one["best"]["epoch"] == two["best"]["epoch"]
    assert two["best"]["scores"] == pytest.approx(one["best"]["scores"], abs=1e-4)
    losses = [[float(line.split(",")[2]) for line in table.splitlines()[1:]] for _, table in records]
    assert len(losses[0]) == 3
    assert losses[1] == pytest.approx(losses[0], abs=2e-5)
    first, second = (weights(tmp_path / name / "best.safetensors") for name in ("1", "2"))
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=1e-4, atol=1e-5)


def test_a_batch_that_the_processes_cannot_share_is_refused(tmp_path):
    given = TrainingData(patches(12), patches(4))
    with pytest.raises(DataError, match="cannot be shared by 3 processes"):
        train(NetworkConfig(data=("x",), batch=4), given, tmp_path, hardware=Hardware("cpu", 3), quiet=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
@pytest.mark.parametrize(
    ("hardware", "precision", "message"),
    [(Hardware("gpu"), "32", "torch finds none"), (Hardware("cpu"), "fp16", "fp16 needs a GPU")],
)
def test_a_device_that_is_not_there_is_named(tmp_path, hardware, precision, message):
    given = TrainingData(patches(12), patches(4))
    with pytest.raises(DeviceError, match=message):
        train(NetworkConfig(data=("x",), precision=precision), given, tmp_path, hardware=hardware, quiet=True)
