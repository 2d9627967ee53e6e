"""Networks are seen to export before a long training, not after it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.export import exportable
from l4s_training.export.exportable import LONG, check_exportable
from l4s_training.training.network_run import NetworkConfig
from small_training import build_small, patches


class ByValue(nn.Module):
    """Takes another way by what it sees, which no exported graph can."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] if x.mean().item() > 0 else -x[:, :1]


def test_a_network_that_cannot_be_exported_is_told_before_a_long_training(monkeypatch):
    config = NetworkConfig(data=("x",), iterations=LONG)
    monkeypatch.setattr(models, "build", build_small)
    state = torch.get_rng_state()
    check_exportable([config], patches(4))
    assert torch.equal(torch.get_rng_state(), state)  # what is trained does not change
    monkeypatch.setattr(models, "build", lambda *_: ByValue())
    with pytest.raises(DataError, match=r"unet-resnet18 cannot be exported as a bundle \(.*--no-export-check"):
        check_exportable([config], patches(4))


def test_a_network_that_computes_something_else_when_exported_is_told(monkeypatch):
    monkeypatch.setattr(models, "build", build_small)
    monkeypatch.setattr(exportable, "parity", lambda *_: 5.0)
    with pytest.raises(DataError, match="ONNX Runtime computes logits that differ by 5"):
        check_exportable([NetworkConfig(data=("x",), iterations=LONG)], patches(4))


def test_short_trainings_are_not_held_up(monkeypatch):
    monkeypatch.setattr(exportable, "to_onnx", None)
    check_exportable([NetworkConfig(data=("x",), epochs=40)], patches(16))  # a step an epoch
    check_exportable([], patches(4))
