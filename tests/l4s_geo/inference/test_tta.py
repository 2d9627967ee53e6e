from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.inference.tta import TTA, apply, enlarge, reduce, undo, views


def windows(side: int = 16) -> np.ndarray:
    return np.random.default_rng(0).random((2, 3, side, side)).astype(np.float32)


@pytest.mark.parametrize(("tta", "count"), [("none", 1), ("flips", 4), ("d4", 8)])
def test_views_differ_and_are_undone(tta: str, count: int) -> None:
    x = windows()
    seen = {apply(x, view).tobytes() for view in views(tta)}
    assert len(seen) == count
    for view in views(tta):
        np.testing.assert_array_equal(undo(apply(x, view), view), x)
    assert views(tta)[0] == (0, False)


def test_flips_are_flips_and_not_turns() -> None:
    x = windows()
    expected = {y.tobytes() for y in (x, x[..., ::-1], x[..., ::-1, :], x[..., ::-1, ::-1])}
    assert {apply(x, view).tobytes() for view in views("flips")} == expected


@pytest.mark.parametrize("scale", [1, 2, 2.5, 4])
def test_resizing_equals_that_of_torch(scale: float) -> None:
    functional = pytest.importorskip("torch.nn.functional", reason="torch is the reference")
    from torch import from_numpy

    x = windows(32)
    side = round(32 * scale)
    larger = enlarge(x, scale)
    expected = functional.interpolate(from_numpy(x), (side, side), mode="bilinear", align_corners=False).numpy()
    np.testing.assert_allclose(larger, expected, atol=1e-5)
    if scale != 2.5:
        expected = functional.interpolate(from_numpy(larger), (32, 32), mode="area").numpy()
        np.testing.assert_allclose(reduce(larger, 32), expected, atol=1e-5)


def test_reducing_keeps_the_mean() -> None:
    larger = windows(40)
    np.testing.assert_allclose(reduce(larger, 16).mean(axis=(2, 3)), larger.mean(axis=(2, 3)), atol=1e-6)


def test_the_choices_are_listed() -> None:
    assert TTA == ("none", "flips", "d4")
