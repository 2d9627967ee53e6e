"""A batch in parts, the threshold of the validation F1, the F1 on what was trained on, auxiliary logits, one λ."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.adaptation.mix_up import MixUp
from l4s_training.losses import Objective, Term
from l4s_training.models.hrnet_ocr import HRNetOCR
from l4s_training.models.pspnet import PSPNet
from l4s_training.training.batches import Order, Steps
from l4s_training.training.network_run import NetworkConfig, read_network_run
from l4s_training.training.segmenter import Segmenter
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData
from small_training import Small, patches, same, weights

PLAIN = {
    **{"data": ("x",), "batch": 8, "epochs": 3, "precision": "32", "augmentation": None, "ema_decay": 0, "clip": 0},
    **{"objective": (Term("ce"),), "warm_start": 0, "optimizer": "sgd", "learning_rate": 0.05, "keep": "last"},
}


@pytest.fixture
def unnormalised(monkeypatch) -> None:
    def build(name: str, bands: int | tuple[str, ...], window: int) -> nn.Module:
        return Small(bands if isinstance(bands, int) else len(bands), normalised=False)

    monkeypatch.setattr(models, "build", build)


def trained(folder: Path, data: TrainingData, **changes) -> Path:
    train(NetworkConfig(**(PLAIN | changes)), data, folder, quiet=True)
    return folder


def plain() -> TrainingData:
    return TrainingData(patches(16), patches(4, 1))


def test_a_batch_in_parts_learns_what_the_whole_learns(unnormalised, tmp_path):
    """With a loss that is a mean over pixels and no batch normalisation, the gradients add up to the whole's."""
    whole, parts = (trained(tmp_path / str(n), plain(), passes=n) / "best.safetensors" for n in (1, 4))
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(parts)[name], value, atol=1e-5, rtol=1e-4)
    run = read_network_run(tmp_path / "4")
    assert run.config.passes == 4
    with (tmp_path / "4" / "metrics.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2, 4, 6]


def test_parts_of_both_domains_are_those_of_the_whole():
    order = Order.of((12, 8), 8, 0.5, seed=0)
    whole = list(Steps(order, lambda: 0, 2, 2, 0, 1))
    parts = list(Steps(order, lambda: 0, 2, 2, 0, 1, passes=2))
    assert [number for number, _ in parts] == [0, 1, 2, 3]
    for step, (_, chosen) in enumerate(whole):
        for domain in range(2):
            both = [*parts[2 * step][1][domain], *parts[2 * step + 1][1][domain]]
            assert sorted(both) == sorted(chosen[domain])


def test_a_batch_that_does_not_divide_is_said(unnormalised, tmp_path):
    with pytest.raises(DataError, match=r"batch of 8 patches cannot be divided into 3 passes"):
        trained(tmp_path, plain(), passes=3)


def test_a_training_in_parts_goes_on_as_if_it_had_not_stopped(unnormalised, tmp_path, monkeypatch):
    undisturbed = trained(tmp_path / "a", plain(), passes=2)
    original = Segmenter.training_step

    def step(self, batch, index):
        if self.step == 3 and batch[0] % 2:  # amid a step
            raise KeyboardInterrupt
        return original(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "training_step", step)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "b", plain(), passes=2)
    resumed = trained(tmp_path / "b", plain(), passes=2)
    assert same(undisturbed / "best.safetensors", resumed / "best.safetensors")


def test_weights_are_chosen_by_the_f1_at_the_threshold_that_is_reported(unnormalised, tmp_path):
    trained(tmp_path, plain(), keep="best", evaluate_at=0.5)
    best = read_network_run(tmp_path).best
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {float(row["threshold"]) for row in rows} == {0.5}
    assert best is not None
    assert best.threshold == 0.5
    assert best.scores["f1"] == pytest.approx(max(float(row["f1"]) for row in rows), abs=1e-5)


def test_the_f1_on_the_training_patches_is_of_the_network_as_it_was(unnormalised, tmp_path, monkeypatch):
    """Counted again from the logits of every step."""
    seen: list[tuple[Tensor, Tensor]] = []
    original = Segmenter._loss

    def loss(self, objective, outputs, part):
        seen.append((outputs.logits.detach().clone(), part.masks.clone()))
        return original(self, objective, outputs, part)

    monkeypatch.setattr(Segmenter, "_loss", loss)
    trained(tmp_path, plain(), epochs=1)
    logits, masks = (torch.cat(values).numpy() for values in zip(*seen, strict=True))
    found, truth = logits >= 0, masks > 0.5
    f1 = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    with (tmp_path / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["train_f1"]) == pytest.approx(f1, abs=1e-5)


def test_one_lambda_is_drawn_a_step_for_both_domains(unnormalised, tmp_path, monkeypatch):
    """outcome-2022, eq. 8: one mixing coefficient, sampled during each training step."""
    used: list[float] = []
    original = MixUp.__call__

    def mixed(self, images, share, generator):
        used.append(share)
        return original(self, images, share, generator)

    monkeypatch.setattr(MixUp, "__call__", mixed)
    target = patches(16, 2)
    labelled = target.relabelled(target.masks, np.ones(target.masks.shape, np.float32))
    trained(tmp_path, TrainingData(patches(16), patches(4, 1), labelled), mix_up=0.4, epochs=1)
    assert used[::2] == used[1::2]
    assert len(set(used)) == len(used) // 2 > 1


@pytest.mark.parametrize("network", [PSPNet(3), HRNetOCR(3)], ids=["pspnet", "hrnet-ocr"])
def test_auxiliary_logits_serve_training_and_are_no_part_of_the_result(network):
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        logits, auxiliary = network.forward_with_auxiliary(x)
        torch.testing.assert_close(network(x), logits)
    assert auxiliary.shape == logits.shape == (2, 1, 64, 64)
    assert not torch.equal(auxiliary, logits)


def test_the_auxiliary_loss_weighs_four_tenths(tmp_path, monkeypatch):
    """PSPNet (Zhao et al. 2017, section 3.3): the auxiliary loss has the weight 0.4."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main, self.side = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.main(x)

        def forward_with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.main(x), self.side(x)

    monkeypatch.setattr(models, "build", lambda name, bands, window: Both())
    seen = []
    original = Segmenter._loss

    def loss(self, objective, outputs, part):
        value = original(self, objective, outputs, part)
        ce = Objective((Term("ce"),))
        seen.append((value, ce(outputs.logits, part.masks), ce(outputs.auxiliary, part.masks)))
        return value

    monkeypatch.setattr(Segmenter, "_loss", loss)
    trained(tmp_path, plain(), epochs=1)
    for value, main, side in seen:
        torch.testing.assert_close(value, main + 0.4 * side)
