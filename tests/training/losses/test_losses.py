from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from l4s_geo.errors import DataError
from l4s_training import _torchvision
from l4s_training.losses import (
    LOSSES,
    Objective,
    Term,
    cross_entropy,
    dice,
    focal,
    image_cross_entropy,
    jaccard,
    lovasz_hinge,
    lovasz_softmax,
    ohem,
    soft_cross_entropy,
    weighted_cross_entropy,
)

_torchvision.ensure()

from segmentation_models_pytorch import losses as smp  # noqa: E402

VARIANTS = [
    Term("ce"),
    Term("weighted-ce"),
    Term("weighted-ce", options={"ratio": 5.0}),
    Term("soft-ce"),
    Term("focal"),
    Term("focal", options={"gamma": 0.5, "alpha": 0.25}),
    Term("ohem"),
    Term("ohem", options={"share": 0.6}),
    Term("ohem", options={"keep_below": 0.7}),
    Term("dice"),
    Term("jaccard"),
    Term("lovasz-hinge"),
    Term("lovasz-hinge", options={"per_image": True}),
    Term("lovasz-softmax"),
    Term("lovasz-softmax", options={"per_image": True}),
    Term("image-ce"),
]
POOLED = [t for t in VARIANTS if not (t.options.get("per_image") or t.of_images or t == Term("weighted-ce"))]
"""Losses to which it does not matter which image a pixel is of."""

every_loss = pytest.mark.parametrize("term", VARIANTS, ids=lambda t: f"{t.loss}{dict(t.options) or ''}")


def batch(seed: int = 0, n: int = 3, side: int = 6, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Logits and 0/1 targets, each image with both classes."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, side, side, generator=generator, dtype=dtype)
    targets = (torch.rand(n, side, side, generator=generator) < 0.3).to(dtype)
    targets[:, 0, 0], targets[:, 0, 1] = 1, 0
    return logits, targets


def loss_of(term: Term, logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """The term alone; an image's logit is that of its last pixel."""
    return Objective((term,))(logits, targets, weight, logits[:, -1, -1] if term.of_images else None)


def two_classes(logits: Tensor) -> Tensor:
    """(n, 2, rows, cols) logits with the same probabilities."""
    return torch.stack([torch.zeros_like(logits), logits], 1)


# what all losses have in common


@every_loss
def test_ignored_pixels_change_neither_value_nor_gradient(term):
    logits, targets = batch()
    weight = (torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) < 0.7).float()
    weight[:, -1, -1] = 1
    results = []
    for wrong_logit, wrong_target in ((0.0, 0.0), (1e4, 1.0), (math.nan, math.nan), (-math.inf, 255.0)):
        x = torch.where(weight > 0, logits, wrong_logit).requires_grad_()
        loss = loss_of(term, x, torch.where(weight > 0, targets, wrong_target), weight)
        loss.backward()
        results.append((loss.detach(), x.grad))
    for value, gradient in results:
        assert gradient is not None
        torch.testing.assert_close(value, results[0][0], rtol=0, atol=0)
        torch.testing.assert_close(gradient, results[0][1], rtol=0, atol=0)
        assert (gradient[weight == 0] == 0).all()
    assert results[0][1].abs().sum() > 0


@pytest.mark.parametrize("term", POOLED, ids=lambda t: f"{t.loss}{dict(t.options) or ''}")
def test_ignoring_pixels_is_the_loss_of_the_others(term):
    logits, targets = batch(dtype=torch.float64)
    weight = (torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) < 0.7).double()
    chosen = weight > 0
    alone = loss_of(term, logits[chosen][None, None], targets[chosen][None, None])
    assert float(loss_of(term, logits, targets, weight)) == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("name", ["weighted-ce", "lovasz-hinge", "lovasz-softmax", "image-ce"])
def test_an_ignored_image_does_not_count_among_the_images(name):
    term = Term(name, options={"per_image": True} if "lovasz" in name else {})
    logits, targets = batch()
    weight = torch.ones_like(logits)
    weight[1] = 0
    alone = loss_of(term, logits[[0, 2]], targets[[0, 2]])
    assert float(loss_of(term, logits, targets, weight)) == pytest.approx(float(alone), rel=1e-6)


@every_loss
def test_a_batch_of_ignored_pixels_has_no_loss_and_no_gradient(term):
    logits, targets = batch()
    logits.requires_grad_()
    loss = loss_of(term, logits, targets, torch.zeros_like(targets))
    loss.backward()
    if term.loss not in ("dice", "jaccard"):
        assert float(loss.detach()) == 0
    assert float(loss.detach()) == pytest.approx(0)
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@every_loss
@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_batch_of_one_class_stays_finite(term, target, size):
    logits, _ = batch()
    logits = (size * logits).requires_grad_()
    loss = loss_of(term, logits, torch.full_like(logits, target))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(term, dtype):
    logits, targets = batch(side=32)
    half = logits.to(dtype)
    loss = loss_of(term, half, targets.to(dtype))
    assert loss.dtype == torch.float32
    assert float(loss) == float(loss_of(term, half.float(), targets))
    with torch.autocast("cpu", torch.bfloat16):
        assert float(loss_of(term, half, targets)) == float(loss)


@every_loss
def test_gradients_are_those_of_finite_differences(term):
    logits, targets = batch(n=2, side=3, dtype=torch.float64)
    logits.requires_grad_()
    weight = torch.rand(logits.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64).round(decimals=1)
    assert torch.autograd.gradcheck(lambda x: loss_of(term, x, targets, weight), (logits,))


@pytest.mark.parametrize("name", ["ce", "soft-ce", "focal", "dice", "jaccard"])
def test_a_weight_of_two_is_the_pixel_twice(name):
    logits, targets = batch(dtype=torch.float64)
    weight = torch.ones_like(logits)
    weight[:, :2] = 2
    both = [torch.cat([t, t[:, :2]], 1) for t in (logits, targets)]
    assert float(LOSSES[name](logits, targets, weight)) == pytest.approx(float(LOSSES[name](*both)), rel=1e-12)


def test_other_shapes_are_an_error_not_a_broadcast():
    logits, targets = batch()
    with pytest.raises(ValueError, match="one shape"):
        cross_entropy(logits[:, None], targets)
    with pytest.raises(ValueError, match="one shape"):
        cross_entropy(logits, targets, torch.ones(3, 1, 1))
    with pytest.raises(ValueError, match=r"expected \(3,\)"):
        image_cross_entropy(logits[:, :1, 0], targets)


# cross-entropies


def test_cross_entropy_and_dice_match_their_formulas():
    logits, truth = np.array([[[2.0, -1.0, 0.5]]]), np.array([[[1.0, 0.0, 0.0]]])
    p = 1 / (1 + np.exp(-logits))
    entropy = -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    overlap = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    x, y = torch.tensor(logits), torch.tensor(truth)
    assert float(cross_entropy(x, y)) == pytest.approx(entropy)
    assert float(dice(x, y)) == pytest.approx(overlap)


def test_weighted_cross_entropy_is_torchs_times_the_mean_class_weight():
    logits, targets = batch(dtype=torch.float64)
    classes = torch.tensor([1.0, 5.0], dtype=torch.float64)
    published = functional.cross_entropy(two_classes(logits), targets.long(), classes)
    expected = published * classes[targets.long()].mean()
    assert float(weighted_cross_entropy(logits, targets, ratio=5)) == pytest.approx(float(expected), rel=1e-12)


def test_weighted_cross_entropy_takes_each_images_ratio_clamped():
    logits = torch.linspace(-2, 2, 48, dtype=torch.float64).reshape(4, 3, 4)
    targets = torch.zeros_like(logits)
    targets[0, 0, :3] = 1  # 9 : 3
    targets[1, 0, 0] = 1  # 11 : 1, over the clamp
    targets[2] = 1  # 0 : 12, under it; the last has no landslide
    total = 0.0
    for x, y, ratio in zip(logits, targets, (3.0, 6.0, 1 / 6, 1.0), strict=True):
        p = torch.sigmoid(x)
        total -= float((ratio * y * p.log() + (1 - y) * (1 - p).log()).sum())
    assert float(weighted_cross_entropy(logits, targets, clamp=6)) == pytest.approx(total / 48, rel=1e-12)


def test_weighted_cross_entropy_counts_the_ratio_without_ignored_pixels():
    logits, targets = torch.zeros(1, 1, 4), torch.tensor([[[1.0, 0, 0, 0]]])
    weight = torch.tensor([[[1.0, 1, 1, 0]]])
    assert float(weighted_cross_entropy(logits, targets, weight)) == pytest.approx((2 + 1 + 1) * math.log(2) / 3)


def test_soft_cross_entropy_is_label_smoothing_over_two_classes():
    logits, targets = batch(dtype=torch.float64)
    ours = float(soft_cross_entropy(logits, targets, epsilon=0.1))
    torchs = functional.cross_entropy(two_classes(logits), targets.long(), label_smoothing=0.1)
    assert ours == pytest.approx(float(torchs), rel=1e-12)
    published = smp.SoftCrossEntropyLoss(smooth_factor=0.1)(two_classes(logits), targets.long())
    assert ours == pytest.approx(float(published), rel=1e-12)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, None), (2.0, 0.25), (0.5, 0.75), (5.0, None)])
def test_focal_loss_is_the_published_one(gamma, alpha):
    logits, targets = batch(dtype=torch.float64)
    published = smp.FocalLoss("binary", alpha=alpha, gamma=gamma)(logits, targets)
    assert float(focal(logits, targets, gamma=gamma, alpha=alpha)) == pytest.approx(float(published), rel=1e-10)


def test_focal_loss_of_one_pixel_by_its_formula_and_without_focus_cross_entropy():
    x = torch.tensor([[[math.log(0.8 / 0.2)]]], dtype=torch.float64)  # p = 0.8
    assert float(focal(x, torch.ones_like(x), gamma=3)) == pytest.approx(-(0.2**3) * math.log(0.8))
    assert float(focal(x, torch.zeros_like(x), gamma=3)) == pytest.approx(-(0.8**3) * math.log(0.2))
    logits, targets = batch(dtype=torch.float64)
    assert float(focal(logits, targets, gamma=0)) == pytest.approx(float(cross_entropy(logits, targets)), rel=1e-12)


@pytest.mark.parametrize("name", ["ce", "soft-ce", "focal"])
def test_mixed_targets_mix_the_losses_of_the_pixel_means(name):
    logits, targets = batch(dtype=torch.float64)
    loss = LOSSES[name]
    mixed = 0.3 * loss(logits, targets) + 0.7 * loss(logits, 1 - targets)
    assert float(loss(logits, 0.3 * targets + 0.7 * (1 - targets))) == pytest.approx(float(mixed), rel=1e-12)


def test_ohem_is_the_mean_of_the_hardest_share():
    logits, targets = batch(n=2, side=5, dtype=torch.float64)
    values = sorted(functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").flatten().tolist())
    assert float(ohem(logits, targets)) == pytest.approx(np.mean(values[-13:]))  # 12.5 of 50, rounded up
    assert float(ohem(logits, targets, share=0.04)) == pytest.approx(np.mean(values[-2:]))
    assert float(ohem(logits, targets, share=1)) == pytest.approx(float(cross_entropy(logits, targets)))


def test_ohem_keeps_the_pixels_whose_true_class_is_improbable():
    logits, targets = batch(dtype=torch.float64)
    p = torch.sigmoid(logits)
    p_true = torch.where(targets > 0, p, 1 - p)
    assert 0 < int((p_true < 0.7).sum()) < p.numel()
    expected = -p_true[p_true < 0.7].log().mean()
    assert float(ohem(logits, targets, keep_below=0.7)) == pytest.approx(float(expected), rel=1e-12)
    assert float(ohem(20 * (2 * targets - 1), targets, keep_below=0.7)) == 0  # nothing is hard


def test_image_cross_entropy_asks_whether_there_is_any_landslide():
    targets = torch.zeros(3, 2, 2)
    targets[0, 1, 1] = 1
    targets[1, 0, 0] = 1
    weight = torch.ones_like(targets)
    weight[1, 0, 0] = 0  # its only landslide pixel is ignored
    image_logits = torch.tensor([0.5, -1.0, 2.0])
    expected = np.mean([np.log1p(np.exp(-0.5)), np.log1p(np.exp(-1.0)), np.log1p(np.exp(2.0))])
    assert float(image_cross_entropy(image_logits, targets, weight)) == pytest.approx(expected, rel=1e-6)


# overlap


@pytest.mark.parametrize(("ours", "published"), [(dice, smp.DiceLoss), (jaccard, smp.JaccardLoss)])
@pytest.mark.parametrize("smooth", [1.0, 0.1])
def test_overlap_losses_are_the_published_ones(ours, published, smooth):
    logits, targets = batch(dtype=torch.float64)
    scores = {smp.DiceLoss: 2.0, smp.JaccardLoss: 1.0}
    # there Dice is (I + s) / ((|p| + |y|) / 2 + s), so that its s is half of ours
    expected = published("binary", smooth=smooth / scores[published])(logits, targets)
    assert float(ours(logits, targets, smooth=smooth)) == pytest.approx(float(expected), rel=1e-12)


def test_jaccard_and_dice_of_one_prediction_belong_together():
    logits, targets = batch(dtype=torch.float64)
    d, j = (1 - float(loss(logits, targets, smooth=1e-9)) for loss in (dice, jaccard))
    assert j == pytest.approx(d / (2 - d), rel=1e-6)


# Lovász


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


@pytest.mark.parametrize("seed", range(20))
def test_lovasz_softmax_is_the_mean_of_the_extensions_of_the_classes_present(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (2, 2, 3))
    truth = rng.random((2, 2, 3)) < (0.0 if seed % 5 == 0 else 0.4)  # every fifth has background only
    errors = np.abs(truth - 1 / (1 + np.exp(-logits))).ravel()
    classes = [c for c in (truth.ravel(), ~truth.ravel()) if c.any()]
    expected = np.mean([lovasz_extension(errors, c) for c in classes])
    loss = lovasz_softmax(torch.tensor(logits), torch.tensor(truth, dtype=torch.float64))
    assert float(loss) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pattern", range(2**6))
def test_lovasz_hinge_equals_the_jaccard_loss_at_the_vertices(pattern):
    truth = np.array([1, 0, 1, 0, 0, 1], bool)
    wrong = np.array([pattern >> i & 1 for i in range(6)], bool)
    sign = np.where(truth, 1.0, -1.0)
    logits = torch.tensor(np.where(wrong, 0.0, sign))  # hinge error 1 where wrong, 0 where right
    loss = lovasz_hinge(logits[None, None], torch.tensor(truth, dtype=torch.float64)[None, None])
    assert float(loss) == pytest.approx(jaccard_loss(wrong, truth), abs=1e-12)


@pytest.mark.parametrize("per_image", [False, True])
def test_lovasz_losses_are_the_published_ones(per_image):
    logits, targets = batch()  # the published ones are in float32
    hinge = smp.LovaszLoss("binary", per_image=per_image)(logits, targets)
    assert float(lovasz_hinge(logits, targets, per_image=per_image)) == pytest.approx(float(hinge), rel=1e-5)
    softmax = smp.LovaszLoss("multiclass", per_image=per_image)(two_classes(logits), targets.long())
    assert float(lovasz_softmax(logits, targets, per_image=per_image)) == pytest.approx(float(softmax), rel=1e-5)


def test_lovasz_hinge_of_an_empty_patch_is_its_worst_error():
    logits = torch.tensor([[[-3.0, 0.5, -0.2]]])
    assert float(lovasz_hinge(logits, torch.zeros(1, 1, 3))) == pytest.approx(1.5)


@pytest.mark.parametrize("loss", [lovasz_hinge, lovasz_softmax])
def test_lovasz_per_image_is_the_mean_of_the_images(loss):
    logits, truth = batch()
    alone = [float(loss(logits[i : i + 1], truth[i : i + 1])) for i in range(3)]
    assert float(loss(logits, truth, per_image=True)) == pytest.approx(np.mean(alone), rel=1e-6)


@pytest.mark.parametrize("loss", [lovasz_hinge, lovasz_softmax])
def test_lovasz_takes_targets_above_one_half_for_landslide(loss):
    logits, targets = batch()
    soft = 0.2 + 0.5 * targets  # 0.2 and 0.7
    assert float(loss(logits, soft)) == float(loss(logits, targets))


def test_lovasz_hinge_pushes_logits_towards_the_truth():
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    truth = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    lovasz_hinge(logits, truth).backward()
    assert logits.grad is not None
    assert (logits.grad[truth == 1] <= 0).all()
    assert (logits.grad[truth == 0] >= 0).all()
    assert logits.grad.abs().sum() > 0


def test_lovasz_gradients_are_exact_in_single_precision_on_a_large_batch():
    """Where differences of successive Jaccard losses, about 1e-7 here, would be wrong by a tenth in float32."""
    generator = torch.Generator().manual_seed(0)
    side, step = 512, 2.0**-17
    targets = (torch.rand(1, side, side, generator=generator) < 0.02).float()
    ranks = torch.randperm(side * side, generator=generator).reshape(1, side, side)
    logits = (ranks + targets / 2) * step - 1  # exact, and so that no two errors are equal
    gradients = []
    for dtype in (torch.float32, torch.float64):
        x = logits.to(dtype).detach().requires_grad_()
        lovasz_hinge(x, targets).backward()
        assert x.grad is not None
        gradients.append(x.grad.double())
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-6, atol=0)


# objectives


def test_an_objective_is_the_weighted_sum_of_its_terms():
    logits, targets = batch()
    weight = torch.rand(logits.shape, generator=torch.Generator().manual_seed(3))
    image_logits = torch.tensor([0.3, -0.2, 1.0])
    objective = Objective((Term("weighted-ce", 0.5, {"ratio": 3}), Term("lovasz-hinge"), Term("image-ce", 0.1)))
    expected = (
        0.5 * weighted_cross_entropy(logits, targets, weight, ratio=3)
        + lovasz_hinge(logits, targets, weight)
        + 0.1 * image_cross_entropy(image_logits, targets, weight)
    )
    assert float(objective(logits, targets, weight, image_logits)) == pytest.approx(float(expected), rel=1e-6)
    assert objective.needs_image_logits
    assert not Objective((Term("ce"),)).needs_image_logits


def test_an_objective_without_its_image_logits_says_what_to_add():
    with pytest.raises(DataError, match=r"\+image-head"):
        Objective((Term("image-ce"),))(*batch())


def test_an_objective_without_losses_is_an_error():
    with pytest.raises(DataError, match="no losses"):
        Objective(())


@pytest.mark.parametrize(
    ("loss", "weight", "options", "message"),
    [
        ("lovas-hinge", 1.0, {}, r"no loss 'lovas-hinge'.*did you mean 'lovasz-hinge'\?"),
        ("ce", 0.0, {}, "weight 0.0; expected a value above zero"),
        ("ce", math.nan, {}, "above zero"),
        ("focal", 1.0, {"gama": 2}, r"named 'gama'.*did you mean 'gamma'\?"),
        ("ce", 1.0, {"weight": 2}, "expected none"),
        ("focal", 1.0, {"gamma": "2"}, "expected a number"),
        ("focal", 1.0, {"gamma": True}, "expected a number"),
        ("focal", 1.0, {"gamma": math.inf}, "expected a number"),
        ("focal", 1.0, {"gamma": -1}, "0 or more"),
        ("focal", 1.0, {"alpha": 2}, "from 0 to 1"),
        ("lovasz-hinge", 1.0, {"per_image": 1}, "true or false"),
        ("weighted-ce", 1.0, {"ratio": 0}, "above zero"),
        ("weighted-ce", 1.0, {"clamp": 0.5}, "1 or more"),
        ("soft-ce", 1.0, {"epsilon": 1}, "below 1"),
        ("ohem", 1.0, {"share": 0}, "above 0"),
        ("ohem", 1.0, {"keep_below": 1.5}, "up to 1"),
        ("ohem", 1.0, {"share": 0.2, "keep_below": 0.7}, "one of them"),
        ("dice", 1.0, {"smooth": 0}, "above zero"),
    ],
)
def test_a_term_that_makes_no_sense_is_an_error_when_it_is_made(loss, weight, options, message):
    with pytest.raises(DataError, match=message):
        Term(loss, weight, options)
