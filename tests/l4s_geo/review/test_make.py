from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner

import l4s_geo
from l4s_geo.cli.main import main
from l4s_geo.errors import InventoryError, L4SError, OutputError
from l4s_geo.inventory.facts import read_facts
from l4s_geo.pipeline import map_scene

UNKNOWN = ("prob_spread", "created")
"""What a probability raster does not tell, or what is new each time."""


def same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame, *, but: tuple[str, ...] = UNKNOWN) -> None:
    assert one.geometry.geom_equals(other.geometry).all()
    columns = [name for name in other.columns if name not in (*but, "geometry")]
    pd.testing.assert_frame_equal(pd.DataFrame(one[columns]), pd.DataFrame(other[columns]))


def test_at_its_own_threshold_it_is_the_map(mapped, tmp_path):
    out = tmp_path / "again.gpkg"
    made = l4s_geo.make_inventory(mapped.probability, out=out, bundle=mapped.bundle)
    expected = mapped.table
    assert len(expected) > 3
    same(gpd.read_file(out, layer="landslides"), expected)
    same(made.astype(expected.dtypes.to_dict()), expected)
    facts = read_facts(out)
    assert facts["threshold"] == read_facts(mapped.inventory)["threshold"]
    assert facts["probability"] == str(mapped.probability)


@pytest.mark.parametrize(
    "settings", [{"threshold": 0.9}, {"threshold": 0.2, "min_area": 2000}, {"connectivity": 8, "fill_holes": 400}]
)
def test_with_other_settings_it_is_the_map_with_those(mapped, settings):
    expected = map_scene(mapped.scene, dem=mapped.dem, bundle=mapped.bundle, **settings)
    same(l4s_geo.make_inventory(mapped.probability, bundle=mapped.bundle, **settings), expected)


def test_the_terrain_is_that_of_the_map_or_the_one_given(mapped, tmp_path, write_raster):
    steep = write_raster("steep.tif", (np.tile(5.0 * np.arange(260), (200, 1))[None]).astype(np.float32))
    assert l4s_geo.make_inventory(mapped.probability, dem=steep)["slope_mean_deg"].iloc[1] == pytest.approx(
        np.degrees(np.arctan(0.5)), abs=0.5
    )
    mapped.dem.unlink()
    assert l4s_geo.make_inventory(mapped.probability)["slope_mean_deg"].isna().all()


def test_masks_that_the_raster_does_not_know_are_not_said_to_be_none(mapped, tmp_path):
    probability = tmp_path / "masked.tif"
    with rasterio.open(mapped.probability) as source:
        profile, values, facts = source.profile, source.read(), json.loads(source.tags()["l4s"])
    profile.update(driver="GTiff")
    with rasterio.open(probability, "w", **profile) as target:
        target.write(values)
        target.update_tags(l4s=json.dumps({**facts, "masked_share": 0.2}))
    assert "touches_mask" not in l4s_geo.make_inventory(probability)
    assert "touches_mask" in l4s_geo.make_inventory(mapped.probability)


def test_a_bundle_that_is_not_there_leaves_the_confidence_empty_and_says_so(mapped, tmp_path):
    result = CliRunner().invoke(main, ["inventory", str(mapped.probability), "--out", str(tmp_path / "o.gpkg")])
    assert result.exit_code == 0, result.output
    assert "Confidence: empty" in result.output
    assert (gpd.read_file(tmp_path / "o.gpkg", layer="landslides")["confidence"].fillna("") == "").all()


def plain(path, values, **tags):
    layout = {"driver": "GTiff", "count": len(values), "dtype": values.dtype, "crs": "EPSG:32645"}
    shape = {"height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", **layout, **shape, transform=rasterio.Affine(10, 0, 0, 0, -10, 0)) as file:
        file.write(values)
        file.update_tags(**tags)
    return path


def test_bad_rasters_are_refused_in_a_sentence(mapped, tmp_path):
    ones = np.ones((1, 20, 20), np.float32)
    with pytest.raises(InventoryError, match="does not say at which threshold"):
        l4s_geo.make_inventory(plain(tmp_path / "a.tif", ones))
    with pytest.raises(InventoryError, match="holds 7 to 7; expected probabilities"):
        l4s_geo.make_inventory(plain(tmp_path / "b.tif", 7 * ones), threshold=0.5)
    with pytest.raises(InventoryError, match="2 bands of float32"):
        l4s_geo.make_inventory(plain(tmp_path / "c.tif", np.ones((2, 20, 20), np.float32)), threshold=0.5)
    with pytest.raises(InventoryError, match="1 bands of uint8"):
        l4s_geo.make_inventory(plain(tmp_path / "d.tif", np.ones((1, 20, 20), np.uint8)), threshold=0.5)
    with pytest.raises(InventoryError, match="does not exist"):
        l4s_geo.make_inventory(tmp_path / "nothing.tif")
    with pytest.raises(InventoryError, match="without a DEM"):
        l4s_geo.make_inventory(mapped.probability, slope=mapped.dem)
    with pytest.raises(L4SError, match=r"threshold is 1\.5"):
        l4s_geo.make_inventory(mapped.probability, threshold=1.5)


@pytest.mark.parametrize("facts", ["", "[1]", '{"threshold": "high"}', '{"threshold": true}', "{" * 3000])
def test_provenance_that_is_none_is_no_threshold(tmp_path, facts):
    path = plain(tmp_path / "a.tif", np.ones((1, 20, 20), np.float32), l4s=facts)
    with pytest.raises(InventoryError, match="does not say at which threshold"):
        l4s_geo.make_inventory(path)
    assert len(l4s_geo.make_inventory(path, threshold=0.5)) == 1


def test_an_output_that_is_read_is_refused(mapped, tmp_path):
    link = tmp_path / "link.gpkg"
    link.symlink_to(mapped.probability)
    with pytest.raises(OutputError, match="is the probability raster that the run reads"):
        l4s_geo.make_inventory(mapped.probability, out=link)
    (tmp_path / "ground.gpkg").symlink_to(mapped.dem)
    with pytest.raises(OutputError, match="is the DEM that the run reads"):
        l4s_geo.make_inventory(mapped.probability, dem=mapped.dem, out=tmp_path / "ground.gpkg")


def test_a_map_of_what_is_new_is_told_from_one_of_all(mapped, tmp_path):
    lines = []

    class Told:
        def say(self, text):
            lines.append(text)

    path = plain(tmp_path / "n.tif", np.ones((1, 20, 20), np.float32), l4s='{"threshold": 0.5, "only_new": true}')
    l4s_geo.make_inventory(path, reporter=Told())
    assert any("landslides that were there before are among these" in line for line in lines)
