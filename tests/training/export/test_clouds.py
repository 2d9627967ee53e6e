"""The detector of clouds by colour: fitted, measured, written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from l4s_geo.errors import DataError
from l4s_geo.stack.cloud_colours import MODEL, cloud_colours
from l4s_training.export.clouds import Fitted, Place, blocks, fit, fit_all, written


def place(name: str, seed: int, clouds: bool = True) -> Place:
    """Forest and soil, and clouds that are white and bright."""
    rng = np.random.default_rng(seed)
    ground = np.array([[500, 700, 800], [2000, 1500, 1100]])[rng.integers(0, 2, 300)].T
    sky = np.full((3, 200 if clouds else 0), 5000)
    colours = np.concatenate([ground, sky], axis=1) * rng.uniform(0.9, 1.1, (1, 300 + sky.shape[1]))
    return Place(name, colours.astype(np.float32), np.arange(colours.shape[1]) >= 300)


def test_clouds_of_a_place_that_was_not_seen_are_found() -> None:
    model = fit([place("a", 1), place("b", 2, clouds=False)])
    other = place("c", 3)
    np.testing.assert_array_equal(model.found(other.colours), other.cloud)


def test_places_without_clouds_or_ground_teach_nothing() -> None:
    with pytest.raises(DataError, match="show no cloud, or no clear ground"):
        fit([place("b", 2, clouds=False)])


def test_blocks_are_means() -> None:
    values = np.random.default_rng(0).random((2, 10, 13)).astype(np.float32)
    found = blocks(values)
    assert found.shape == (2, 2, 3)
    assert found[1, 1, 2] == pytest.approx(values[1, 4:8, 8:12].mean())


def test_the_file_says_what_was_measured() -> None:
    model = fit([place("a", 1)])
    measured = {"a": {"precision": 0.9, "recall": 0.5, "false_of_clear": 0.01}, "b": {"precision": float("nan")}}
    told = json.loads(written(Fitted(model, measured, 0.001, 500)))
    assert told["weights"] == model.weights
    assert told["held_out"]["b"]["precision"] is None
    assert told["landslide_pixels_taken_for_clouds"] == 0.001


def test_the_embedded_model_is_what_the_command_makes(data) -> None:
    pytest.importorskip("s2cloudless", reason="the extra clouds is not installed")
    fitted = fit_all(data)
    assert fitted.model.weights == pytest.approx(cloud_colours().weights, abs=0.01)
    assert fitted.held_out["all"]["false_of_clear"] < 0.005
    assert json.loads(MODEL.read_text(encoding="utf-8"))["held_out"].keys() == fitted.held_out.keys()
