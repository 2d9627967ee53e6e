"""Composites of several scenes, against the same computed by hand."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l4s_geo.bands import RGB
from l4s_geo.change import composite as module
from l4s_geo.change.composite import Composite, Observed, observations
from l4s_geo.change.fit import Fit
from l4s_geo.change.normalisation import Line
from l4s_geo.grid import Window
from l4s_geo.sources.scene import Acquisition
from l4s_geo.stack.open import Inputs, open_stack

NAMES = (*RGB, "B8")
WINDOW = Window(3, 5, 20, 24)


def days() -> np.ndarray:
    """Three days: (3, 4, 40, 50) digital numbers, each with ground that it does not show."""
    dn = np.random.default_rng(0).integers(300, 4000, (3, 4, 40, 50)).astype(np.uint16)
    dn[0, :, :10], dn[1, :, :, :12], dn[2, :, 8:12] = 0, 0, 0
    dn[:, :, 5, 9] = 0
    return dn


@pytest.fixture
def observed(write_raster):
    """Return a function that opens the three days, or the visible bands of them."""
    with ExitStack() as files:

        def opened(names: tuple[str, ...] = NAMES) -> list[Observed]:
            paths: list[Path] = [
                write_raster(f"{len(names)}/day{n}.tif", day[: len(names)], names=names, nodata=0)
                for n, day in enumerate(days())
            ]
            return [Observed(files.enter_context(open_stack(Inputs(path)))) for path in paths]

        yield opened


def seen() -> np.ndarray:
    return np.where(days() == 0, np.nan, days()).astype(np.float32)[(..., *WINDOW.slices)]


def test_the_greenest_is_the_largest_ndvi(observed) -> None:
    scenes = observed()
    values = seen()
    red, infrared = values[:, 0], values[:, 3]
    ndvi = np.nan_to_num((infrared - red) / (infrared + red), nan=-9)
    expected = np.take_along_axis(values, ndvi.argmax(axis=0)[None, None], axis=0)[0]
    found = Composite(scenes, scenes[0].stack, "greenest").read_raw(NAMES, WINDOW)
    np.testing.assert_array_equal(found, expected)


def test_a_band_by_itself_is_that_of_the_same_observation(observed) -> None:
    scenes = observed()
    composite = Composite(scenes, scenes[0].stack, "greenest")
    np.testing.assert_array_equal(composite.read_raw(["B2"], WINDOW)[0], composite.read_raw(NAMES, WINDOW)[2])


def test_without_near_infrared_a_cloud_is_not_green(observed) -> None:
    scenes = observed(RGB)
    values = seen()[:, :3]
    score = (values[:, 1] - values[:, 0]) / (values[:, 1] + values[:, 0]) - 2 * values[:, 2] / 10_000
    expected = np.take_along_axis(values, np.nan_to_num(score, nan=-9).argmax(axis=0)[None, None], axis=0)[0]
    found = Composite(scenes, scenes[0].stack, "greenest").read_raw(RGB, WINDOW)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_the_median_is_that_of_numpy(observed, monkeypatch) -> None:
    monkeypatch.setattr(module, "_COLUMNS", 7)
    scenes = observed()
    found = Composite(scenes, scenes[0].stack, "median").read_raw(NAMES, WINDOW)
    np.testing.assert_array_equal(found, np.nanmedian(seen(), axis=0))


def test_the_latest_is_the_last_clear_one_whatever_the_order(observed) -> None:
    scenes = observed()
    for o, date in zip(scenes, ("2020-01-02", "2020-01-03", "2020-01-01"), strict=True):
        o.stack.scene = replace(o.stack.scene, acquisition=Acquisition(acquired=date))
    values = seen()
    expected = values[1].copy()
    for day in (0, 2):
        expected = np.where(np.isnan(expected), values[day], expected)
    found = Composite(scenes, scenes[0].stack, "latest").read_raw(NAMES, WINDOW)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["greenest", "median", "latest"])
def test_a_pixel_has_one_value_whatever_the_window(observed, method) -> None:
    scenes = observed()
    composite = Composite(scenes, scenes[0].stack, method)
    whole = composite.read_raw(NAMES, Window(0, 0, 40, 50))
    np.testing.assert_array_equal(composite.read_raw(NAMES, WINDOW), whole[(..., *WINDOW.slices)])


def test_observations_are_counted(observed) -> None:
    scenes = observed()
    composite = Composite(scenes, scenes[0].stack, "median")
    expected = np.isfinite(seen()).all(axis=1).sum(axis=0)
    np.testing.assert_array_equal(observations(composite, NAMES, WINDOW), expected)
    np.testing.assert_array_equal(
        observations(scenes[0].stack, NAMES, WINDOW), np.isfinite(seen()[0]).all(axis=0).astype(int)
    )


def test_values_are_brought_to_the_reference(observed) -> None:
    (first, *_) = observed()
    fitted = Observed(first.stack, Fit(lines={"B4": Line(2.0, -500.0)}))
    red, green = fitted.read(["B4", "B3"], WINDOW)
    np.testing.assert_allclose(red, np.maximum(seen()[0, 0] * 2 - 500, 0))
    np.testing.assert_array_equal(green, seen()[0, 1])
