"""A dialog in which nothing was changed asks the engine for what the engine does by itself."""

from __future__ import annotations

import runpy

import pytest
from l4s_landslides import defaults
from l4s_landslides.model_parameters import model_request
from l4s_landslides.scene_parameters import SceneReader
from qgis.core import QgsProcessingContext

from conftest import REPOSITORY

ENGINE = runpy.run_path(str(REPOSITORY / "l4s_geo" / "defaults.py"))


@pytest.mark.parametrize("name", ["maplandslides", "mapfolder"])
def test_a_run_has_the_engines_defaults(algorithm, name):
    made, context = algorithm(name), QgsProcessingContext()
    made.initAlgorithm()
    request = {**model_request(made, {}, context), **SceneReader(made, {}, context).options()}
    assert {"bundle", "min_area", "overlap", "tta", "connectivity", "device", "units"} <= request.keys()
    assert request.pop("patch") is False
    assert request.pop("resume") is False
    assert {"crf", "terrain_prior", "precision"} <= request.keys()
    assert "offset" not in request
    assert SceneReader(made, {"OFFSET": 0}, context).options()["offset"] == 0
    assert SceneReader(made, {"OFFSET": -1000.0}, context).options()["offset"] == -1000
    assert request == {option: ENGINE[option.upper()] for option in request}


def test_a_comparison_has_the_engines_defaults():
    assert (ENGINE["MATCH_IOU"], ENGINE["MATCH_SHARE"]) == (defaults.MATCH_IOU, defaults.MATCH_SHARE)
