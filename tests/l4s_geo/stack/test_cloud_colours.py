"""Clouds by their colours alone, in scenes that no better detector can judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from l4s_geo import map_scene
from l4s_geo.bands import RGB, scale_of
from l4s_geo.bundles.bundle import Confidence
from l4s_geo.bundles.item import read_bundle, write_bundle
from l4s_geo.errors import BandError
from l4s_geo.grid import Window, mapping_grid
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.cloud_colours import CloudColours, cloud_colours
from l4s_geo.stack.clouds import CloudMask
from l4s_geo.stack.open import Inputs, open_stack


def test_the_probability_is_the_logistic_function_of_its_weights() -> None:
    weights = {"blue": 2.0, "blue_red": 1.0, "green_red": -0.5, "less_blue_than_red": 3.0}
    values = np.array([[2000.0, 500.0], [1500.0, 700.0], [1000.0, 900.0]])
    soil = 2 * np.log(1) + np.log(0.5) - 0.5 * np.log(0.75) + 3 * np.log(0.5) - 1
    forest = 2 * np.log(0.9) + np.log(1.8) - 0.5 * np.log(1.4) - 1
    expected = 1 / (1 + np.exp(-np.array([soil, forest])))
    np.testing.assert_allclose(CloudColours(weights, -1.0)(values), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("colour", "cloud"),
    [
        ((5500, 5300, 5400), True),
        ((2900, 2900, 3100), True),
        ((2600, 1900, 1400), False),  # bare soil
        ((1800, 1600, 1500), False),  # gravel
        ((400, 650, 800), False),  # forest under haze
        ((np.nan, 5300, 5400), False),
    ],
)
def test_the_embedded_model_knows_clouds_from_soil(colour, cloud) -> None:
    assert cloud_colours().found(np.array(colour, float)[:, None]).tolist() == [cloud]


def test_a_scene_of_colours_alone_is_judged_by_its_colours(write_raster) -> None:
    """A white square of 12 × 12 pixels: three coarse pixels, and one more on every side."""
    dn = np.array([500, 700, 800], np.uint16)[:, None, None] * np.ones((3, 80, 96), np.uint16)
    dn[:, 32:44, 40:52] = 5000
    described = open_raster(write_raster("scene.tif", dn, names=RGB))
    mask = CloudMask(described, mapping_grid(described.grid), "dn")
    expected = np.zeros((80, 96), bool)
    expected[28:48, 36:56] = True
    np.testing.assert_array_equal(mask.read(Window(0, 0, 80, 96)), expected)
    np.testing.assert_array_equal(mask.read(Window(30, 33, 11, 17)), expected[30:41, 33:50])


@pytest.mark.parametrize(("units", "factor"), [("reflectance", 1e-4), ("percent", 1e-2), ("l4s", None)])
def test_colours_are_judged_in_any_units(write_raster, units, factor) -> None:
    dn = np.array([500, 700, 800], np.float32)[:, None, None] * np.ones((3, 80, 96), np.float32)
    dn[:, 32:44, 40:52] = 5000
    values = dn / scale_of(RGB)[:, None, None] if factor is None else dn * factor
    path = write_raster("scene.tif", values.astype(np.float32), names=RGB)
    with open_stack(Inputs(path, units=units, clouds=True)) as stack:
        assert stack.hidden_share() == pytest.approx(400 / (80 * 96))
        assert any("found by their colours" in remark for remark in stack.remarks)


def test_a_cloud_in_colours_alone_is_not_mapped(red_bundle, write_raster) -> None:
    dn = np.array([500, 700, 800], np.uint16)[:, None, None] * np.ones((3, 160, 160), np.uint16)
    dn[:, 40:80, 40:80] = 6000
    dn[0, 100:130, 100:130] = 2500
    path = write_raster("scene.tif", dn, names=RGB)
    assert len(map_scene(path, bundle=red_bundle)) == 2
    (found,) = map_scene(path, bundle=red_bundle, clouds=True).itertuples()
    assert found.area_m2 == 90_000


def test_scenes_that_no_detector_can_judge_are_refused(write_raster) -> None:
    path = write_raster("scene.tif", np.full((2, 20, 20), 500, np.uint16), names=("B4", "B8"))
    scene = open_raster(path)
    with pytest.raises(BandError, match=r"lacks B3, B2.*--mask"):
        CloudMask(scene, mapping_grid(scene.grid), "dn")


def test_a_landslide_of_a_clouds_colours_is_never_sure(red_bundle, write_raster, tmp_path) -> None:
    """Two squares that the network is equally sure of: soil, and a cloud."""
    plain = read_bundle(red_bundle)
    files = {member.file: plain.network(member) for member in plain.members}
    write_bundle(replace(plain, confidence=Confidence(high=0.9, medium=0.6)), files, tmp_path / "sure")
    dn = np.array([500, 700, 800], np.uint16)[:, None, None] * np.ones((3, 160, 160), np.uint16)
    dn[:, 100:130, 100:130] = np.array([2500, 1800, 1300])[:, None, None]
    dn[:, 40:80, 40:80] = 6000
    found = map_scene(write_raster("scene.tif", dn, names=RGB), bundle=tmp_path / "sure")
    assert sorted(zip(found.area_m2, found.confidence, strict=True)) == [(90_000, "high"), (160_000, "low")]
    assert (found.prob_mean > 0.9).all()
