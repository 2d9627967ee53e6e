"""Every network learns four real labelled patches by heart.

The four patches with the most landslide. A network that computes its logits at every eighth pixel cannot draw a
scar that is two pixels wide, whatever it learns (free logits on that grid reach 0.89 on these patches): those
networks get the most landslide-rich quarter of each patch, scale-promoted to 128 pixels (bilinear, nearest for
the label).

Set L4S_OVERFIT to a path to append each result to that CSV file.
"""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.normalize import normalize, statistics_of
from l4s_training import losses, models
from l4s_training.scoring.metrics import Scores

MOST_STEPS = 300
EVERY = 10
ENOUGH = 0.95


@pytest.fixture(scope="module")
def patches(data: Path) -> tuple[Tensor, Tensor]:
    """(4, 14, 128, 128) float32 normalised and (4, 128, 128) float32."""
    with np.load(data / "l4s_14band_labelled.npz") as file:
        chosen = np.argsort(file["mask"].mean((1, 2)))[-4:]
        raw, masks = file["dn"][chosen].astype(np.float32), file["mask"][chosen]
    units = (raw / scale_of(BANDS).astype(np.float32)).transpose(0, 3, 1, 2)
    images = normalize(units, "fixed", statistics_of(units, "fixed"))
    return torch.from_numpy(images), torch.from_numpy(masks.astype(np.float32))


def promoted_quarters(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The 64x64 cut of each patch with the most landslide, resized to 128."""
    shares = functional.avg_pool2d(masks[:, None], 64, stride=16)[:, 0]
    cuts = []
    for image, mask, share in zip(images, masks, shares, strict=True):
        row, col = divmod(int(share.argmax()), share.shape[1])
        at = slice(16 * row, 16 * row + 64), slice(16 * col, 16 * col + 64)
        cuts.append((image[:, at[0], at[1]], mask[at]))
    x = functional.interpolate(torch.stack([c[0] for c in cuts]), scale_factor=2.0, mode="bilinear")
    y = functional.interpolate(torch.stack([c[1] for c in cuts])[:, None], scale_factor=2.0, mode="nearest")[:, 0]
    return x, y


def calm(network: nn.Module) -> nn.Module:
    """Training mode without what is random: this is about capacity and gradients."""
    network.train()
    for part in network.modules():
        if "Drop" in type(part).__name__:
            part.eval()
    return network


def f1_in_eval_mode(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """F1 with running statistics that are those of these very images."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [m.momentum for m in norms]
    with torch.no_grad():
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative mean
        calm(network)(x)
        logits = network.eval()(x)[:, 0]
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return Scores.of(logits.numpy() >= 0, y.numpy().astype(np.uint8)).f1


def overfit(name: str, x: Tensor, y: Tensor) -> tuple[int, float]:
    """Train until F1 is enough; (steps taken, F1)."""
    torch.manual_seed(0)
    network = calm(models.build(name))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
    score = 0.0
    for step in range(1, MOST_STEPS + 1):
        logits = network(x)[:, 0]
        loss = losses.cross_entropy(logits, y) + losses.dice(logits, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % EVERY == 0 and Scores.of(logits.detach().numpy() >= 0, y.numpy().astype(np.uint8)).f1 > ENOUGH:
            score = f1_in_eval_mode(network, x, y)
            if score > ENOUGH:
                break
            calm(network)
    return step, score or f1_in_eval_mode(network, x, y)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NETWORKS)
def test_four_patches_are_learned_by_heart(name: str, patches: tuple[Tensor, Tensor]) -> None:
    coarse = models.NETWORKS[name].output_stride == 8
    x, y = promoted_quarters(*patches) if coarse else patches
    started = time.perf_counter()
    steps, f1 = overfit(name, x, y)
    if target := os.environ.get("L4S_OVERFIT"):
        with Path(target).open("a", newline="", encoding="utf-8") as file:
            seconds = time.perf_counter() - started
            csv.writer(file).writerow(
                [name, "quarters x2" if coarse else "patches", steps, f"{f1:.4f}", f"{seconds:.0f}"]
            )
    assert f1 > ENOUGH
