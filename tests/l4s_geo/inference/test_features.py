"""Features: named, the same window by window as whole, and over what is known alone."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.bands import SPECTRAL
from l4s_geo.inference.features import (
    GROUPS,
    HALO,
    Known,
    View,
    _Around,
    available,
    bands_of,
    compute,
    earlier_bands_of,
    group_of,
)
from l4s_geo.stack.sun import Sun

ALL = slice(None), slice(None)


@pytest.fixture
def view() -> View:
    random = np.random.default_rng(0)
    shape = (300, 280)
    bands = {band: random.uniform(0.5, 2, shape).astype(np.float32) for band in SPECTRAL}
    bands["B3"][40:60, 100:150] = np.nan
    probability = random.random(shape).astype(np.float32)
    probability[200:, 250:] = np.nan
    elevation = (random.random(shape).cumsum(0) + 3 * random.random(shape).cumsum(1)).astype(np.float32)
    elevation[:5, :9] = np.nan
    return View(bands, probability, random.random(shape).astype(np.float32), elevation, Sun(150, 40))


def test_window_by_window_equals_the_whole(view):
    names = available(view.known)
    whole = compute(view, names, ALL)
    assert whole.shape == (len(names), 300, 280)
    assert np.isfinite(whole).all()
    top, left, height, width = 130, 90, 70, 60
    part = (slice(top - HALO, top + height + HALO), slice(left - HALO, left + width + HALO))
    cut = View(
        {band: values[part] for band, values in view.bands.items()},
        view.probability[part],
        view.spread[part],
        view.elevation[part],
        view.sun,
    )
    inner = (slice(HALO, HALO + height), slice(HALO, HALO + width))
    expected = whole[:, top : top + height, left : left + width]
    assert compute(cut, names, inner) == pytest.approx(expected, abs=2e-4, rel=1e-4)


def test_a_mean_is_the_pyramid_over_what_is_known():
    random = np.random.default_rng(1)
    values = random.random((40, 50)).astype(np.float32)
    values[10:14, 20:30] = np.nan
    side = np.convolve(np.ones(7), np.ones(7))
    weights = np.outer(side, side)
    row, col = 16, 24
    around = values[row - 6 : row + 7, col - 6 : col + 7]
    known = np.isfinite(around)
    expected = (weights * np.nan_to_num(around)).sum() / weights[known].sum()
    assert _Around(values, ALL).mean(3)[row, col] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(_Around(values, ALL).mean(3)[12, 25])


def test_a_uniform_image_has_no_contrast_even_at_its_border():
    flat = np.full((90, 80), 2.5, np.float32)
    view = View(dict.fromkeys(("B2", "B3", "B4", "B8"), flat), flat * 0 + 0.5)
    names = available(view.known)
    for name, values in zip(names, compute(view, names, ALL), strict=True):
        if "_c" in name or name.startswith("texture"):
            assert np.abs(values).max() < 1e-3, name
    assert compute(view, ("logit",), ALL).max() == pytest.approx(0, abs=1e-6)


def test_what_a_scene_lacks_is_left_out():
    rgb = available(Known(("B2", "B3", "B4"), spread=False, terrain=False, sun=False))
    everything = available(Known(SPECTRAL, spread=True, terrain=True, sun=True, earlier=SPECTRAL))
    assert set(rgb) < set(everything)
    assert "ndvi" not in rgb
    assert {group_of(name) for name in everything} == set(GROUPS)
    assert not {"terrain", "light"} & {group_of(name) for name in rgb}
    # Without terrain the sun tells nothing.
    assert available(Known(("B2",), False, False, True)) == available(Known(("B2",), False, False, False))


def test_bands_of_features_are_those_they_are_computed_from():
    assert bands_of(["ndvi_m4", "B2_c5", "slope"]) == ("B2", "B4", "B8")
    assert bands_of(["texture_m2"]) == bands_of(["evened"]) == ("B2", "B3", "B4")
    assert bands_of(["logit"]) == ()
    for name in available(Known(SPECTRAL, True, True, True, SPECTRAL)):
        later, earlier = bands_of([name]), earlier_bands_of([name])
        # What is of the earlier date alone is offered where both have it.
        assert name in available(Known(later or earlier, True, True, True, earlier))


def test_the_change_is_that_of_the_logarithms(view):
    earlier = {band: values * 2 for band, values in view.bands.items() if band in ("B4", "B8")}
    later = View(view.bands, view.probability, earlier=earlier)
    names = ("change_B4", "change_ndvi", "before_B4", "change_B4_m4")
    change, ndvi, before, mean = compute(later, names, ALL)
    assert change == pytest.approx(-np.log(2), abs=1e-5)
    assert ndvi == pytest.approx(0, abs=1e-5)
    assert before == pytest.approx(np.log(view.bands["B4"] * 2), abs=1e-5)
    assert mean == pytest.approx(-np.log(2), abs=1e-5)
    assert earlier_bands_of(names) == bands_of(names) == ("B4", "B8")
    assert earlier_bands_of(["before_B4_c15"]) == ("B4",)
    assert bands_of(["before_B4_c15"]) == ()
    # What one of the dates lacks has not changed.
    assert not [name for name in available(later.known) if name.startswith(("before_B3", "change_B3"))]
