"""What outputs say about the run that made them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from l4s_geo.bands import RGB
from l4s_geo.inference.predict import PredictSettings
from l4s_geo.inventory.vectorize import VectorizeSettings
from l4s_geo.pipeline import run_plan
from l4s_geo.plan import Plan


def test_every_setting_is_told_as_it_was(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    dn = np.full((3, 140, 150), 500, np.uint16)
    dn[:, :, 100:] = 0
    given = {"overlap": 7, "tta": "flips", "threshold": 0.6, "min_area": 900.0, "connectivity": 8}
    given |= {"fill_holes": 400.0, "simplify": 5.0}
    out = tmp_path / "i.geojson"
    path = write_raster("s.tif", dn, names=RGB, nodata=0)
    told = run_plan(Plan.of(scene=path, bundle=red_bundle, out=out, **given)).provenance
    assert given.items() <= told.items()
    names = {field.name for kind in (PredictSettings, VectorizeSettings) for field in fields(kind)}
    assert names - {"prior"} | {"terrain_prior"} <= told.keys()
    assert (told["scene"], told["bundle"], told["shape"], told["units"]) == ("s", "red", [140, 150], "dn")
    assert (told["valid_share"], told["masked_share"]) == (round(2 / 3, 6), 0)
    assert (told["crf"], told["terrain_prior"], told["statistics"]) == (None, None, None)
    assert json.loads(out.with_name(f"{out.name}.provenance.json").read_text()) == told
