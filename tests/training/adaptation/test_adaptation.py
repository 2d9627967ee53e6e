from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from l4s_geo.errors import DataError
from l4s_training.adaptation import ensemble, pseudo_labels
from l4s_training.adaptation.mix_up import MixUp, mixed_loss
from l4s_training.losses import Objective, Term


def images(*values: float) -> np.ndarray:
    """One image of one row."""
    return np.array(values, np.float32)[None, None]


# pseudo-labels


def test_by_threshold_the_rest_is_background():
    labels, weight = pseudo_labels.by_threshold(images(0.0, 0.31, 0.5, 0.69, 0.7, 1.0))
    assert labels.dtype == np.uint8
    assert weight.dtype == np.float32
    assert labels.tolist() == [[[0, 0, 0, 0, 1, 1]]]
    assert weight.tolist() == [[[1, 1, 1, 1, 1, 1]]]


def test_by_threshold_what_neither_class_reaches_is_ignored():
    labels, weight = pseudo_labels.by_threshold(images(0.0, 0.25, 0.31, 0.69, 0.75, 1.0), rest="ignore")
    assert labels.tolist() == [[[0, 0, 0, 0, 1, 1]]]
    assert weight.tolist() == [[[1, 1, 0, 0, 1, 1]]]


def test_most_confident_keeps_the_share_of_each_class():
    probability = images(0.9, 0.6, 0.8, 0.7, 0.1, 0.4, 0.2, 0.3, 0.05, 0.45)
    labels, weight = pseudo_labels.most_confident(probability, 0.5)
    assert labels.tolist() == [[[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]]
    assert weight.tolist() == [[[1, 0, 1, 0, 1, 0, 1, 0, 1, 0]]]


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 1.0])
def test_most_confident_counts_are_exact_and_the_dropped_are_the_least_confident(share):
    probability = np.random.default_rng(0).beta(0.3, 1.5, (5, 16, 16)).astype(np.float32)
    labels, weight = pseudo_labels.most_confident(probability, share)
    np.testing.assert_array_equal(labels, probability >= 0.5)
    for of_class, confidence in ((labels == 1, probability), (labels == 0, 1 - probability)):
        kept = (weight == 1) & of_class
        assert kept.sum() == int(share * of_class.sum() + 0.5)
        if share < 1:
            assert confidence[kept].min() >= confidence[of_class & ~kept].max()


def test_equally_confident_pixels_are_kept_in_the_order_of_the_array():
    probability = np.full((2, 2, 2), 0.75, np.float32)
    labels, weight = pseudo_labels.most_confident(probability, 0.5)
    assert weight.tolist() == [[[1, 1], [1, 1]], [[0, 0], [0, 0]]]
    again = pseudo_labels.most_confident(probability, 0.5)
    np.testing.assert_array_equal(weight, again[1])
    np.testing.assert_array_equal(labels, again[0])


def test_most_certain_keeps_nine_tenths_of_the_background_and_seven_of_the_landslides():
    rng = np.random.default_rng(1)
    probability = rng.permutation(np.repeat([0.1, 0.9], [200, 100])).reshape(3, 10, 10)
    variance = rng.permutation(300).reshape(3, 10, 10) / 1000
    labels, weight = pseudo_labels.most_certain(probability, variance)
    for of_class, count in ((labels == 0, 180), (labels == 1, 70)):
        limit = np.sort(variance[of_class])[count]
        np.testing.assert_array_equal(weight[of_class] == 1, variance[of_class] < limit)
        assert weight[of_class].sum() == count


def test_a_teacher_may_predict_landslide_from_another_probability():
    labels, weight = pseudo_labels.most_confident(images(0.1, 0.3, 0.4), 0.5, threshold=0.3)
    assert labels.tolist() == [[[0, 1, 1]]]
    assert weight.tolist() == [[[1, 0, 1]]]  # half a pixel is rounded up, the better of two kept


def test_a_class_that_is_not_predicted_is_no_error():
    labels, weight = pseudo_labels.most_certain(images(0.1, 0.2), images(0.0, 0.1), background=0.5)
    assert labels.sum() == 0
    assert weight.tolist() == [[[1, 0]]]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (lambda p: pseudo_labels.by_threshold(p, 1.0), "above 0 and below 1"),
        (lambda p: pseudo_labels.by_threshold(p, 0.0), "above 0 and below 1"),
        (lambda p: pseudo_labels.by_threshold(p, 0.4, "ignore"), "0.5 or more"),
        (lambda p: pseudo_labels.by_threshold(p, 0.7, "drop"), "one of background, ignore"),
        (lambda p: pseudo_labels.most_confident(p, 0.0), "above 0, up to 1"),
        (lambda p: pseudo_labels.most_confident(p, 50), "above 0, up to 1"),
        (lambda p: pseudo_labels.most_certain(p, p[:, :, :1]), "Variances have the shape"),
        (lambda p: pseudo_labels.most_certain(p, p * np.nan), "finite"),
        (lambda p: pseudo_labels.most_certain(p, p, landslide=1.2), "above 0, up to 1"),
        (lambda p: pseudo_labels.most_confident(p * np.nan, 0.5), "outside 0 to 1"),
        (lambda p: pseudo_labels.by_threshold(p + 1), "outside 0 to 1"),
        (lambda p: pseudo_labels.by_threshold(p[:0]), "empty"),
    ],
)
def test_selections_that_make_no_sense_are_errors(select, message):
    with pytest.raises(DataError, match=message):
        select(images(0.2, 0.8))


# mix-up


def test_mix_up_mixes_each_image_with_its_partner():
    x = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    mixed, order = MixUp()(x, 0.3, torch.Generator().manual_seed(3))
    assert sorted(order.tolist()) == list(range(6))
    torch.testing.assert_close(mixed, 0.3 * x + 0.7 * x[order])


def test_mix_up_goes_by_its_generator_alone():
    x = torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    one, two = (MixUp()(x, 0.3, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one[1].tolist() == two[1].tolist()
    generator, again = (torch.Generator().manual_seed(5) for _ in range(2))
    shares = [MixUp().draw(generator) for _ in range(2)]
    assert shares == [MixUp().draw(again) for _ in range(2)]
    assert shares[0] != shares[1]


@pytest.mark.parametrize("alpha", [0.4, 2.0])
def test_mix_up_draws_from_the_beta_distribution(alpha):
    generator = torch.Generator().manual_seed(0)
    shares = [MixUp(alpha).draw(generator) for _ in range(3000)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 5, 5, generator=generator)
    targets = (torch.rand(4, 5, 5, generator=generator) < 0.4).float()
    weight = (torch.rand(4, 5, 5, generator=generator) < 0.8).float()
    image_logits = torch.randn(4, generator=generator)
    order = torch.tensor([2, 0, 3, 1])
    objective = Objective((Term("ce"), Term("lovasz-hinge"), Term("image-ce")))
    mixed = mixed_loss(objective, logits, targets, order, 0.3, weight, image_logits)
    partners = targets[[2, 0, 3, 1]], weight[[2, 0, 3, 1]]
    expected = 0.3 * objective(logits, targets, weight, image_logits)
    expected = expected + 0.7 * objective(logits, *partners, image_logits)
    assert float(mixed) == pytest.approx(float(expected), rel=1e-6)


def test_for_cross_entropy_mixed_losses_are_mixed_targets():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 5, 5, generator=generator, dtype=torch.float64)
    targets = (torch.rand(4, 5, 5, generator=generator) < 0.4).double()
    order = torch.tensor([1, 0, 3, 2])
    objective = Objective((Term("ce"),))
    soft = objective(logits, 0.3 * targets + 0.7 * targets[order])
    assert float(mixed_loss(objective, logits, targets, order, 0.3)) == pytest.approx(float(soft), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_mix_up_needs_a_positive_alpha(alpha):
    with pytest.raises(DataError, match="alpha"):
        MixUp(alpha)


# ensembles


def members(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of networks of unlike skill, and the truth."""
    rng = np.random.default_rng(seed)
    masks = (rng.random((4, 24, 24)) < 0.2).astype(np.uint8)
    noise = np.linspace(1.0, 3.0, count)[:, None, None, None]
    logits = 2.0 * (2.0 * masks - 1) + noise * rng.normal(size=(count, *masks.shape))
    return (1 / (1 + np.exp(-logits))).astype(np.float32), masks


def cross_entropy(weights: np.ndarray, probabilities: np.ndarray, masks: np.ndarray) -> float:
    p = np.tensordot(weights, probabilities.astype(float), 1)
    return float(-np.mean(np.where(masks > 0, np.log(p), np.log1p(-p))))


def test_the_mean_of_an_ensemble():
    probabilities, _ = members(3)
    np.testing.assert_allclose(ensemble.mean(probabilities), sum(probabilities) / 3, rtol=1e-6)
    weighted = ensemble.mean(probabilities, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_allclose(weighted, probabilities[0] / 2 + probabilities[1] / 4 + probabilities[2] / 4, rtol=1e-6)
    assert weighted.dtype == np.float32


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_fitted_weights_are_the_best_of_a_grid(count, seed):
    probabilities, masks = members(count, seed)
    weights = ensemble.fit_weights(probabilities, masks)
    parts = 50
    grid = [np.array(w) / parts for w in itertools.product(range(parts + 1), repeat=count) if sum(w) == parts]
    values = [cross_entropy(w, probabilities, masks) for w in grid]
    assert cross_entropy(weights, probabilities, masks) <= min(values) + 1e-9
    np.testing.assert_allclose(weights, grid[int(np.argmin(values))], atol=1 / parts)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()


def test_fitted_weights_of_many_members_are_optimal():
    """Of a convex problem on the simplex: no member off zero could gain from more weight, none at zero either."""
    probabilities, masks = members(6)
    weights = ensemble.fit_weights(probabilities, masks)
    true = np.where(masks > 0, probabilities, 1 - probabilities).reshape(6, -1).astype(float)
    gains = (true / (weights @ true)).mean(1)
    assert gains.max() <= 1 + 1e-4
    np.testing.assert_allclose(gains[weights > 1e-4], 1, atol=1e-4)


def test_a_useless_member_gets_nothing_and_a_lone_one_everything():
    probabilities, masks = members(1)
    assert ensemble.fit_weights(probabilities, masks).tolist() == [1.0]
    with_its_opposite = np.concatenate([probabilities, 1 - probabilities])
    assert ensemble.fit_weights(with_its_opposite, masks) == pytest.approx([1, 0], abs=1e-6)


def test_a_member_that_is_sure_and_wrong_does_not_break_the_fit():
    probabilities, masks = members(2)
    probabilities[0] = np.where(masks > 0, 0, 1)
    weights = ensemble.fit_weights(probabilities, masks)
    assert weights == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "kept"),
    [([1.0], [0]), ([0.5, 0.5], [0, 1]), ([0.0004, 0.9986, 0.001], [1, 2]), ([0.9995, 0.0005], [0])],
)
def test_members_of_less_than_a_thousandth_are_left_out(weights, kept):
    assert ensemble.kept_members(weights) == kept
    assert ensemble.kept_members(np.array(weights)) == kept


def test_ensembles_that_do_not_fit_are_errors():
    probabilities, masks = members(2)
    with pytest.raises(DataError, match="shape"):
        ensemble.fit_weights(probabilities, masks[:, :, :3])
    with pytest.raises(DataError, match="shape"):
        ensemble.fit_weights(probabilities[:0], masks)
    with pytest.raises(DataError, match="outside 0 to 1"):
        ensemble.fit_weights(probabilities * np.nan, masks)
    with pytest.raises(DataError, match="3 weights"):
        ensemble.mean(probabilities, np.ones(3))
    with pytest.raises(DataError, match="0 members"):
        ensemble.mean(probabilities[:0])
