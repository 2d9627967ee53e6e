"""The example runs as it stands, and what it prints is what it wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
from matplotlib import image

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "map_sample.py"
REFERENCE = REPOSITORY / "sample_scenes" / "valley_reference.gpkg"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder that the example wrote to, and its lines."""
    out = tmp_path_factory.mktemp("example") / "results"
    done = subprocess.run([sys.executable, EXAMPLE, "--out", out], capture_output=True, text=True, check=True)
    return out, done.stdout.splitlines()


def test_the_counts_are_those_of_the_inventory(run):
    out, lines = run
    landslides = gpd.read_file(out / "inventory.gpkg", layer="landslides")
    assert len(landslides) > 20
    assert lines[0] == f"{len(landslides)} polygons, {landslides.area_m2.sum() / 1e6:.3f} km²"
    for line, (confidence, count) in zip(
        lines[1:4], landslides.confidence.value_counts()[["high", "medium", "low"]].items(), strict=True
    ):
        assert line.startswith(f"{confidence} confidence: {count}, ")
    reference = gpd.read_file(REFERENCE)
    met = gpd.sjoin(reference, landslides)["id_left"].nunique()
    assert lines[4] == f"{met} of the {len(reference)} landslides of the reference are met by one of them"


def test_the_picture_shows_scene_and_outlines(run):
    out, _ = run
    picture = image.imread(out / "map.png")
    assert picture.shape[:2] == (600, 1200)
    red, green, blue = (picture[..., band] for band in range(3))
    left, right = picture[:, :600], picture[:, 600:]
    for half in (left, right):
        assert half.std() > 0.1
    assert ((red > 0.9) & (green < 0.1) & (blue < 0.1))[:, :600].sum() > 500
    assert ((red < 0.1) & (green > 0.9) & (blue > 0.9))[:, 600:].sum() > 500
