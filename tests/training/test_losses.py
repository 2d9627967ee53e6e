from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from l4s_training.losses import cross_entropy, dice, lovasz_hinge


def jaccard_loss(wrong: np.ndarray, truth: np.ndarray) -> float:
    """The Jaccard loss of the prediction that is wrong in these pixels."""
    predicted = truth ^ wrong
    union = (predicted | truth).sum()
    return 1 - (predicted & truth).sum() / union if union else 0.0


def lovasz_extension(errors: np.ndarray, truth: np.ndarray) -> float:
    """By its definition as a Choquet integral: the loss of the level sets {errors >= t}, integrated over t > 0."""
    levels = np.unique(np.concatenate([[0.0], np.maximum(errors, 0)]))
    return sum((high - low) * jaccard_loss(errors >= high, truth) for low, high in itertools.pairwise(levels))


@pytest.mark.parametrize("seed", range(20))
def test_lovasz_hinge_is_the_lovasz_extension_of_the_jaccard_loss(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (2, 2, 3))
    truth = rng.random((2, 2, 3)) < 0.4
    errors = 1 - logits * np.where(truth, 1, -1)
    expected = lovasz_extension(errors.ravel(), truth.ravel())
    loss = lovasz_hinge(torch.tensor(logits), torch.tensor(truth, dtype=torch.float64))
    assert float(loss) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pattern", range(2**6))
def test_lovasz_hinge_equals_the_jaccard_loss_at_the_vertices(pattern):
    truth = np.array([1, 0, 1, 0, 0, 1], bool)
    wrong = np.array([pattern >> i & 1 for i in range(6)], bool)
    sign = np.where(truth, 1.0, -1.0)
    logits = torch.tensor(np.where(wrong, 0.0, sign))  # hinge error 1 where wrong, 0 where right
    loss = lovasz_hinge(logits[None, None], torch.tensor(truth, dtype=torch.float64)[None, None])
    assert float(loss) == pytest.approx(jaccard_loss(wrong, truth), abs=1e-12)


def test_lovasz_hinge_of_an_empty_patch_is_its_worst_error():
    logits = torch.tensor([[[-3.0, 0.5, -0.2]]])
    assert float(lovasz_hinge(logits, torch.zeros(1, 1, 3))) == pytest.approx(1.5)


def test_lovasz_hinge_per_image_is_the_mean_of_the_images():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 4, generator=generator)
    truth = (torch.rand(3, 4, 4, generator=generator) < 0.3).float()
    alone = [float(lovasz_hinge(logits[i : i + 1], truth[i : i + 1])) for i in range(3)]
    assert float(lovasz_hinge(logits, truth, per_image=True)) == pytest.approx(np.mean(alone), rel=1e-6)


def test_lovasz_hinge_pushes_logits_towards_the_truth():
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    truth = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    lovasz_hinge(logits, truth).backward()
    assert logits.grad is not None
    assert (logits.grad[truth == 1] <= 0).all()
    assert (logits.grad[truth == 0] >= 0).all()
    assert logits.grad.abs().sum() > 0


def test_cross_entropy_and_dice_match_their_formulas():
    logits, truth = np.array([[[2.0, -1.0, 0.5]]]), np.array([[[1.0, 0.0, 0.0]]])
    p = 1 / (1 + np.exp(-logits))
    entropy = -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    overlap = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    x, y = torch.tensor(logits), torch.tensor(truth)
    assert float(cross_entropy(x, y)) == pytest.approx(entropy)
    assert float(dice(x, y)) == pytest.approx(overlap)
