from __future__ import annotations

import numpy as np
import pytest
from rasterio.features import rasterize, shapes

from l4s_training.scoring.objects import Objects, confidence, detections, recall_by_size, references


def test_objects_are_those_of_another_library():
    rng = np.random.default_rng(0)
    p = rng.random((4, 40, 40)).astype(np.float32)
    masks = (rng.random(p.shape) < 0.5).astype(np.uint8)
    found = detections(p, masks, 0.45)
    expected = []
    for patch, mask in zip(p, masks, strict=True):
        detected = patch >= 0.45
        for outline, _ in shapes(detected.astype(np.uint8), detected, connectivity=4):
            inside = rasterize([outline], patch.shape) > 0
            if inside.sum() >= 5:
                expected.append((100 * inside.sum(), mask[inside].mean(), patch[inside].mean()))
    assert len(expected) > 30
    order = np.lexsort((found.probability, found.area))
    mine = np.stack([found.area, found.overlap, found.probability], 1)[order]
    theirs = np.array(sorted(expected, key=lambda e: (e[0], e[2])))
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_landslide_is_found_if_half_of_it_is():
    masks = np.zeros((1, 20, 20), np.uint8)
    masks[0, 2:4, 2:12] = 1  # 20 pixels, half of them detected
    masks[0, 10:12, 2:12] = 1  # 20 pixels, 9 of them detected
    masks[0, 17, 2:6] = 1  # under 500 m²
    p = np.zeros(masks.shape, np.float32)
    p[0, 2:4, 2:7] = 0.9
    p[0, 10:11, 2:11] = 0.9
    there = references(p, masks, 0.5)
    assert there.area.tolist() == [2000, 2000]
    assert there.right.tolist() == [True, False]
    assert recall_by_size(there, (500, 2000)) == {500: (2, 0.5), 2000: (2, 0.5)}
    count, share = recall_by_size(there, (3000,))[3000]
    assert count == 0
    assert np.isnan(share)


def test_patches_do_not_touch_each_other():
    masks = np.ones((3, 8, 8), np.uint8)
    assert references(masks.astype(np.float32), masks, 0.5).area.tolist() == [6400] * 3


def objects(probability: np.ndarray, right: np.ndarray) -> Objects:
    return Objects(np.full(len(right), 1000), right.astype(float), probability)


def test_classes_begin_where_detections_are_right_often_enough():
    rng = np.random.default_rng(0)
    p = rng.random((2, 4000))
    validation, test = (objects(x, rng.random(4000) < x) for x in p)  # right as often as the probability says
    classes = confidence(validation, test, high=0.8, medium=0.6)
    assert classes is not None
    assert classes.high == pytest.approx(0.8, abs=0.06)
    assert classes.medium == pytest.approx(0.6, abs=0.06)
    assert classes.precision["high"] == pytest.approx(0.9, abs=0.05)
    assert classes.precision["medium"] == pytest.approx(0.7, abs=0.05)
    assert classes.precision["low"] == pytest.approx(0.3, abs=0.05)


def test_no_classes_of_few_objects_or_of_none_that_are_right():
    few = objects(np.linspace(0, 1, 10), np.ones(10))
    wrong = objects(np.linspace(0, 1, 100), np.zeros(100))
    assert confidence(few, few) is None
    assert confidence(wrong, wrong) is None
