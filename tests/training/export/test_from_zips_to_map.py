"""The whole way with data as it is published: zips side by side, a winner's recipe, a submission, a bundle, a map."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
from click.testing import CliRunner

from l4s_geo.cli.map import main as l4s_map
from l4s_training import models
from l4s_training.cli import main
from small_training import build_small, write_official

SAMPLE = Path(__file__).resolve().parents[3] / "sample_scenes"


def call(*arguments: object, command=main) -> str:
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_zips_as_published_become_a_submission_a_bundle_and_a_map(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "build", build_small)
    monkeypatch.chdir(tmp_path)
    write_official(tmp_path / "unpacked")
    Path("L4S").mkdir()
    for name in ("TrainData", "ValidData", "TestData"):
        shutil.make_archive(f"L4S/{name}", "zip", "unpacked", name)
    shutil.rmtree("unpacked")
    ran = call("run", "kingdrone-test", "--data", "L4S", "--out", "runs/test", "--smoke")
    assert "Recipe kingdrone-test-3." in ran
    said = call("predict", "runs/test", "--data", "L4S/TestData.zip", "--submission", "submission.zip")
    assert said.startswith("submission.zip: 4 masks")
    with zipfile.ZipFile("submission.zip") as file:
        assert sorted(file.namelist()) == [f"mask_{n}.h5" for n in range(1, 5)]
    call("export", "runs/test", "--out", "bundle", "--name", "test", "--no-flips")
    assert "**From a smoke run" in Path("bundle/README.md").read_text(encoding="utf-8")
    scene = [SAMPLE / "valley.tif", "--bundle", "bundle", "--overlap", 8]  # of windows of 32 pixels
    call(*scene, "--out", "inventory.gpkg", command=l4s_map)
    assert gpd.read_file("inventory.gpkg", layer="landslides").crs is not None
