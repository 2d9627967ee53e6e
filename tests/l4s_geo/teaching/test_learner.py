"""What is learned: better than the base where there is something to learn, measured on ground not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from l4s_geo.errors import TeachingError
from l4s_geo.teaching.folds import NARROWEST
from l4s_geo.teaching.learner import Gain, Samples, _platt, learn

pytest.importorskip("lightgbm")
pytest.importorskip("onnx")


def samples(side: int = 160, presumed: bool = False, useful: bool = True, seed: int = 0) -> Samples:
    """Ground with landslides of 8 × 8 pixels in every cell of 20; the first feature knows half of what the truth is."""
    random = np.random.default_rng(seed)
    rows, cols = (grid.ravel() for grid in np.mgrid[:side, :side])
    truth = (rows % 20 < 8) & (cols % 20 < 8)
    noise = random.normal(0, 1, (len(rows), 4)).astype(np.float32)
    noise[:, 0] += 3 * truth * useful
    base = 1 / (1 + np.exp(-(2.0 * truth - 1 + random.normal(0, 1, len(rows)))))
    unknown = np.zeros(len(rows), bool)
    if presumed:
        unknown = random.random(len(rows)) < 0.5
    return Samples(
        noise,
        truth & ~unknown,
        unknown,
        np.ones(len(rows), np.float32),
        rows.astype(np.int32),
        cols.astype(np.int32),
        base.astype(np.float32),
        base >= 0.5,
    )


def test_what_there_is_to_learn_is_learned():
    given = samples()
    learned = learn(given)
    assert learned.pays
    assert learned.scores.f1 > 0.7 > learned.base_scores.f1
    raw = learned.booster.predict(given.features, raw_score=True)
    chance = 1 / (1 + np.exp(-(learned.scale * raw + learned.shift)))
    # Calibrated: of what gets a probability, that share is landslide.
    for low, high in ((0, 0.2), (0.4, 0.6), (0.8, 1)):
        inside = (chance >= low) & (chance < high)
        assert given.landslide[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.08)


def test_the_same_labels_teach_the_same():
    one, two = learn(samples(80)), learn(samples(80))
    assert (one.threshold, one.scale, one.shift, one.scores) == (two.threshold, two.scale, two.shift, two.scores)


def test_features_that_know_nothing_do_not_pay():
    learned = learn(samples(useful=False))
    assert not learned.pays
    assert learned.over_map.gain < 0


def test_a_gain_within_its_error_does_not_pay():
    learned = learn(samples())
    assert learned.over_map.gain == pytest.approx(learned.scores.f1 - learned.base_mapped.f1)
    assert learned.over_best.gain == pytest.approx(learned.scores.f1 - learned.base_scores.f1)
    for over_map, over_best, pays in (
        (Gain(0.1, 0.05), Gain(0.1, 0.05), True),
        (Gain(0.1, 0.05), Gain(-0.01, 0.05), True),
        (Gain(0.1, 0.05), Gain(-0.1, 0.05), False),
        (Gain(0.04, 0.05), Gain(0.04, 0.05), False),
    ):
        assert replace(learned, over_map=over_map, over_best=over_best).pays is pays


def test_ground_that_is_too_narrow_is_known():
    assert learn(samples(160)).is_known
    narrow = learn(samples(40))
    assert not narrow.is_known
    assert narrow.gap < NARROWEST


def test_single_polygons_take_the_threshold_that_finds_their_share():
    learned = learn(samples(presumed=True))
    assert learned.pays
    assert learned.scores.recall == pytest.approx(0.7, abs=0.01)


def test_calibration_is_the_logistic_regression_of_the_scores():
    random = np.random.default_rng(2)
    scores = random.normal(0, 2, 20000)
    truth = random.random(20000) < 1 / (1 + np.exp(-(0.7 * scores - 1.2)))
    given = Samples(
        np.zeros((20000, 1), np.float32),
        truth,
        np.zeros(20000, bool),
        np.ones(20000, np.float32),
        *[np.zeros(20000, np.int32)] * 2,
        np.zeros(20000, np.float32),
        np.zeros(20000, bool),
    )
    assert _platt(scores, given) == pytest.approx((0.7, -1.2), abs=0.06)


def test_too_few_labels_are_an_error():
    given = samples()
    three = np.flatnonzero(given.landslide)[:3]
    with pytest.raises(TeachingError, match="cover 3 mapped pixels of landslide; expected 20 or more"):
        learn(given.at(np.concatenate([three, np.flatnonzero(~given.landslide)])))
    one_place = given.landslide & (given.row < 8) & (given.col < 8)
    with pytest.raises(TeachingError, match="in 1 places; expected 4 or more"):
        learn(given.at(one_place | ~given.landslide))
    with pytest.raises(TeachingError, match="0 mapped pixels of background"):
        learn(replace(given, landslide=np.ones_like(given.landslide)))
