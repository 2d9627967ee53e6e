"""Scenes as users have them, through the commands: masks, areas, products, stacks."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner, Result
from pandas.testing import assert_frame_equal

from l4s_geo import map_scene
from l4s_geo.bands import BANDS, RGB
from l4s_geo.cli.main import main
from l4s_geo.inventory.table import DTYPES
from safe_products import Site, build_safe, make_site, write_bands
from support import ORIGIN, SAMPLE


def scene(rows: int = 300, cols: int = 320, bands: int = 3) -> np.ndarray:
    dn = np.random.default_rng(5).integers(480, 520, (bands, rows, cols)).astype(np.uint16)
    for row, col in ((40, 50), (40, 200), (150, 150), (230, 60)):
        dn[0, row : row + 30, col : col + 20] = 3000
    return dn


def dem(rows: int = 330, cols: int = 350) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols] * 10.0
    return (1500 - 0.3 * y + 0.1 * x + 20 * np.sin(x / 80)).astype(np.float32)


@pytest.fixture
def files(write_raster) -> tuple[Path, Path]:
    around = Affine(10, 0, ORIGIN[0] - 150, 0, -10, ORIGIN[1] + 150)
    return write_raster("scene.tif", scene(), names=RGB), write_raster("dem.tif", dem(), transform=around)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_masked_ground_is_not_mapped_and_is_reported(files, red_bundle: Path, write_raster, tmp_path: Path) -> None:
    hidden = np.zeros((300, 320), np.uint8)
    hidden[40:55, 40:80] = 1  # the upper half of the first body
    hidden[150:180, 150:170] = 1  # the whole of the third
    mask = write_raster("mask.tif", hidden)
    result = run("map", files[0], "--mask", mask, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert f"Masked: {hidden.mean():.1%} of the scene" in result.output
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    assert found.n_pixels.tolist() == [600, 300, 600]
    assert found.touches_mask.tolist() == [False, True, False]
    assert found.touches_edge.tolist() == [False, True, False]


def test_an_area_of_interest_gives_what_the_whole_map_has_there(files, red_bundle: Path, tmp_path: Path) -> None:
    x, y = ORIGIN
    box = shapely.box(x + 1400, y - 2000, x + 2500, y - 300)
    whole = map_scene(files[0], dem=files[1], bundle=red_bundle)
    part = map_scene(
        files[0],
        dem=files[1],
        bundle=red_bundle,
        aoi=",".join(map(str, box.bounds)),
        probability=tmp_path / "p.tif",
    )
    inside = whole[whole.within(box)]
    assert len(part) == len(inside) == 2
    assert shapely.equals(part.geometry.to_numpy(), inside.geometry.to_numpy()).all()
    columns = [column for column in DTYPES if column not in ("id", "created")]
    assert_frame_equal(part[columns], inside[columns].reset_index(drop=True), check_exact=True)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.shape == (170, 110)
        assert dataset.bounds == pytest.approx(box.bounds)


def test_only_windows_that_meet_the_area_are_run(files, red_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from l4s_geo.inference.runtime import LoadedBundle

    original, run_windows = LoadedBundle.predict_with_spread, []
    monkeypatch.setattr(
        LoadedBundle,
        "predict_with_spread",
        lambda self, w, d, tta: run_windows.append(len(w)) or original(self, w, d, tta),
    )
    x, y = ORIGIN
    map_scene(files[0], bundle=red_bundle, aoi=f"{x},{y - 300},{x + 300},{y}")
    assert sum(run_windows) == 1


@pytest.mark.parametrize("with_dem", [True, False])
def test_a_stack_maps_like_its_scene(files, red_bundle: Path, tmp_path: Path, with_dem: bool) -> None:
    options = {"dem": files[1]} if with_dem else {}
    result = run("stack", files[0], *(["--dem", files[1]] if with_dem else []), "--out", tmp_path / "stack.tif")
    assert result.exit_code == 0, result.output
    with rasterio.open(tmp_path / "stack.tif") as dataset:
        assert dataset.descriptions == (("B2", "B3", "B4", "slope", "DEM") if with_dem else ("B2", "B3", "B4"))
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "ZSTD"
        np.testing.assert_array_equal(dataset.read([3, 2, 1]), scene())
    assert not list(tmp_path.glob(".*l4s-parts"))
    direct = map_scene(files[0], bundle=red_bundle, **options)
    stacked = map_scene(tmp_path / "stack.tif", bundle=red_bundle)
    assert len(direct) == 4
    assert shapely.equals(direct.geometry.to_numpy(), stacked.geometry.to_numpy()).all()
    numbers = [name for name, kind in DTYPES.items() if kind != "str"]
    np.testing.assert_allclose(direct[numbers].astype(float), stacked[numbers].astype(float), rtol=1e-6)


def test_a_warped_fourteen_band_scene_stacks_alike(write_raster, tmp_path: Path) -> None:
    dn = np.random.default_rng(0).integers(300, 3000, (14, 150, 160)).astype(np.uint16)
    dn[12] %= 60  # degrees
    path = write_raster(
        "s.tif", dn, names=BANDS, crs="EPSG:4326", transform=Affine(9e-5, 0, 141.9, 0, -9e-5, 42.7), nodata=0
    )
    assert run("stack", path, "--out", tmp_path / "stack.tif").exit_code == 0
    from l4s_geo.stack.open import Inputs, open_stack

    with open_stack(Inputs(path)) as a, open_stack(Inputs(tmp_path / "stack.tif")) as b:
        assert a.grid == b.grid
        np.testing.assert_allclose(a.read(BANDS, a.grid.whole), b.read(BANDS, b.grid.whole), rtol=1e-6)


def test_a_killed_stack_goes_on_where_it_was(write_raster, tmp_path: Path) -> None:
    """Killed for real after its first strip; the strips that are there are not written again."""
    dn = np.random.default_rng(0).integers(300, 3000, (3, 2100, 600)).astype(np.uint16)
    path = write_raster("s.tif", dn, names=RGB)
    out, parts = tmp_path / "stack.tif", tmp_path / ".stack.tif.l4s-parts"
    command = [sys.executable, "-m", "l4s_geo.cli.main", "stack", str(path), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not list(parts.glob("0*.tif")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not out.exists()
    kept = {p.name: p.stat().st_mtime_ns for p in parts.glob("0*.tif")}
    assert 1 <= len(kept) < 9
    seen = {}

    import l4s_geo.stack.write as stack_file

    original = stack_file._mosaic

    def spy(*arguments: object) -> str:
        seen.update({p.name: p.stat().st_mtime_ns for p in parts.glob("0*.tif")})
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_file, "_mosaic", spy)
        result = run("stack", path, "--out", out, "--resume")
    assert result.exit_code == 0, result.output
    assert f"{len(kept)} of 9 strips are there" in result.output
    assert {name: seen[name] for name in kept} == kept
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(dataset.read([3, 2, 1]), dn)


def test_strips_of_another_command_are_not_taken(files, tmp_path: Path) -> None:
    parts = tmp_path / ".stack.tif.l4s-parts"
    parts.mkdir()
    (parts / "about.json").write_text('{"key": "another", "facts": {}}')
    (parts / "00000.tif").write_text("wrong")
    assert run("stack", files[0], "--out", tmp_path / "stack.tif", "--resume").exit_code == 0
    with rasterio.open(tmp_path / "stack.tif") as dataset:
        np.testing.assert_array_equal(dataset.read([3, 2, 1]), scene())


def test_info_says_what_a_scene_is(files) -> None:
    result = run("info", files[0], "--dem", files[1])
    assert result.exit_code == 0, result.output
    for text in (
        "bands B4 B3 B2",
        "digital numbers",
        "300 × 320 pixels of 10 m in EPSG:32645",
        "Bundle rgb: can map it",
    ):
        assert text in result.output


@pytest.fixture
def coarse_product(tmp_path: Path) -> Path:
    """A Level-2A product without its 10 m and 20 m images, a quarter of it cloud."""
    whole = make_site("L2A", 240)
    site = Site({band: whole.bands[band] for band in ("B1", "B2", "B9")}, whole.epsg, whole.left, whole.top)
    classes = np.full((120, 120), 4, np.uint8)
    classes[:60, :60] = 9
    product = build_safe(site, tmp_path / "product", "L2A", "04.00", classes=classes)
    for image in product.rglob("*_B02_*.jp2"):
        image.unlink()
    return product


def test_info_of_a_product_reads_what_is_there(coarse_product: Path) -> None:
    result = run("info", coarse_product)
    assert result.exit_code == 0, result.output
    for text in (
        "L2A, 2022-10-05T11:54:11",
        "baseline 04.00",
        "Offset:  -1000 applied [read from the metadata",
        "Masked: 25.0%",
        "for lack of B4, B3, B2",
    ):
        assert text in result.output


def test_info_of_a_real_product_reads_what_is_there(data: Path) -> None:
    result = run("info", next((data / "s2_l2a_safe").glob("*.SAFE")))
    assert result.exit_code == 0, result.output
    for text in (
        "L2A, 2022-10-05T11:54:11",
        "baseline 04.00",
        "Offset:  -1000 applied [read from the metadata",
        "Masked: 82.2%",
        "for lack of B4, B3, B2",
    ):
        assert text in result.output


def test_a_product_without_the_bands_is_refused_by_name(coarse_product: Path, tmp_path: Path) -> None:
    result = run("map", coarse_product, "--out", tmp_path / "i.gpkg")
    assert result.exit_code == 2
    assert "lacks B4, B3, B2" in result.output
    assert "B4 (10 m)" in result.output
    assert list(tmp_path.iterdir()) == [tmp_path / "product"]


def test_a_folder_of_bands_at_native_resolution(red_bundle: Path, tmp_path: Path) -> None:
    write_bands(make_site("L2A", 240), tmp_path / "bands")
    result = run("map", tmp_path / "bands", "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert "240 × 240 pixels of 10 m in EPSG:32643" in result.output


def test_an_optional_band_is_stood_in_for(files, tmp_path: Path) -> None:
    import json

    from support import make_bundle

    folder = make_bundle(tmp_path / "b", ("B10", "B4"), "fixed", slope=1, shift=0)
    item = json.loads((folder / "bundle.json").read_text())
    item["properties"]["l4s:optional"] = {"B10": 2.0}
    (folder / "bundle.json").write_text(json.dumps(item))
    result = run("map", files[0], "--bundle", folder, "--out", tmp_path / "i.gpkg", "--probability", tmp_path / "p.tif")
    assert result.exit_code == 0, result.output
    assert "no B10; 2 L4S units stand for it" in result.output
    with rasterio.open(tmp_path / "p.tif") as dataset:
        np.testing.assert_allclose(dataset.read(1), 1 / (1 + np.exp(-2)), atol=1e-6)


def test_a_dem_of_half_the_scene_maps_what_it_knows(files, red_bundle: Path, write_raster, tmp_path: Path) -> None:
    half = write_raster("half.tif", dem()[:, :120])
    result = run("map", files[0], "--dem", half, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert "known for 3" in result.output
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    assert found.elev_min_m.isna().tolist() == [False, True, True, False]


def test_the_spread_is_written_as_raster_and_attribute(files, red_bundle: Path, tmp_path: Path) -> None:
    out, spread = tmp_path / "i.gpkg", tmp_path / "spread.tif"
    result = run("map", files[0], "--tta", "flips", "--out", out, "--spread", spread, "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    found = gpd.read_file(out, layer="landslides")
    assert (found.prob_spread >= 0).all()
    with rasterio.open(spread) as dataset:
        assert dataset.read(1).shape == (300, 320)
        assert "standard deviation" in dataset.descriptions[0]
    refused = run("map", files[0], "--out", out, "--spread", spread, "--bundle", red_bundle)
    assert refused.exit_code == 2
    assert "--tta flips" in refused.output


def test_the_crf_refines_with_the_bundles_parameters_and_threshold(tmp_path: Path, red_bundle: Path, files) -> None:
    pytest.importorskip("numba", reason="the extra crf is not installed")
    from l4s_geo.bundles.registry import find_bundle

    sample = SAMPLE / "valley.tif"
    out, plain, refined = tmp_path / "i.gpkg", tmp_path / "plain.tif", tmp_path / "refined.tif"
    with rasterio.open(sample) as dataset:
        left, _, _, top = dataset.bounds
        aoi = f"{left},{top - 2000},{left + 2000},{top}"
    map_scene(sample, aoi=aoi, probability=plain)
    result = run("map", sample, "--aoi", aoi, "--crf", "on", "--out", out, "--probability", refined)
    assert result.exit_code == 0, result.output
    crf = find_bundle("rgb").crf
    assert gpd.read_file(out, layer="landslides").threshold.unique() == [crf.threshold]
    with rasterio.open(plain) as a, rasterio.open(refined) as b:
        before, after = a.read(1), b.read(1)
    changed = before != after
    assert 0.001 < changed.mean() < 0.5
    assert (before[changed] >= crf.parameters.active_from).all()
    refused = run("map", files[0], "--crf", "on", "--out", out, "--bundle", red_bundle)
    assert refused.exit_code == 2
    assert "no CRF parameters" in refused.output


@pytest.fixture
def sure_bundle(red_bundle: Path, tmp_path: Path) -> Path:
    """The red bundle with a terrain prior that is on, and classes of confidence."""
    from l4s_geo.bundles.bundle import Confidence
    from l4s_geo.bundles.item import write_bundle
    from l4s_geo.bundles.registry import find_bundle
    from l4s_geo.bundles.terrain_prior import TerrainPrior

    bundle = find_bundle(red_bundle)
    files = {member.file: bundle.network(member) for member in bundle.members}
    prior = TerrainPrior((30.0, 45.0), (-60.0, 0.0), on=True)
    write_bundle(replace(bundle, prior=prior, confidence=Confidence(0.9, 0.6)), files, tmp_path / "sure")
    return tmp_path / "sure"


def test_the_terrain_prior_is_on_with_a_dem_and_off_by_option(files, sure_bundle: Path, tmp_path: Path) -> None:
    scene, _ = files
    maps = {}
    for choice, more in (("auto", ["--dem", files[1]]), ("off", ["--dem", files[1]]), ("none", [])):
        arguments = [*more, "--terrain-prior", choice] if more else []
        out = tmp_path / f"{choice}.tif"
        arguments += ["--out", tmp_path / f"{choice}.gpkg", "--probability", out]
        result = run("map", scene, "--bundle", sure_bundle, *arguments)
        assert result.exit_code == 0, result.output
        assert ("would tell fields" in result.output) == (choice == "none")
        with rasterio.open(out) as dataset:
            maps[choice] = dataset.read(1)
    np.testing.assert_array_equal(maps["off"], maps["none"])
    assert (maps["auto"] <= maps["off"] + 1e-6).all()
    assert (maps["auto"] < maps["off"] / 2).any()


def test_landslides_have_the_confidence_of_their_probability(files, sure_bundle: Path, red_bundle: Path) -> None:
    found = map_scene(files[0], bundle=sure_bundle)
    expected = np.select([found.prob_mean >= 0.9, found.prob_mean >= 0.6], ["high", "medium"], "low")
    assert found.confidence.tolist() == expected.tolist()
    assert map_scene(files[0], bundle=red_bundle).confidence.tolist() == [""] * len(found)


def test_corners_holes_and_steps_by_option(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    dn = scene()
    dn[0, 70:90, 70:90] = 3000  # meets the first body at a corner
    dn[0, 50:52, 55:57] = 500  # a hole of four pixels
    path = write_raster("s.tif", dn, names=RGB)
    plain = map_scene(path, bundle=red_bundle)
    joined = map_scene(
        path, bundle=red_bundle, connectivity=8, fill_holes=400, simplify=8, out=tmp_path / "joined.gpkg"
    )
    assert (len(plain), len(joined)) == (5, 4)
    assert joined.n_pixels.sum() == plain.n_pixels.sum() + 4
    assert joined.is_valid.all()
    assert gpd.read_file(tmp_path / "joined.gpkg", layer="landslides").geom_type.unique() == ["MultiPolygon"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--slope", "s.tif"), "without a DEM"),
        (("--mask-classes", "3,44"), "class 44 is unknown"),
        (("--aoi", "-70,-30,-69,-29"), "lies outside the scene"),
        (("--mask", "nosuch.tif"), "nosuch.tif"),
        (("--bands", "B4,B3"), "2 band names were given for the 3"),
        (("--skip-flat", "10"), "without terrain"),
        (("--terrain-prior", "on"), "has no terrain prior"),
        (("--precision", "fp16", "--device", "cpu"), "fp16"),
        (("--device", "cuda:7"), "cuda"),
        (("--tta", "flips", "--probability", "p.tif", "--spread", "p.tif"), "Two outputs have the name p.tif"),
    ],
)
def test_options_that_do_not_fit_are_named(files, red_bundle: Path, tmp_path: Path, arguments, message: str) -> None:
    result = run("map", files[0], *arguments, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "i.gpkg").exists()


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [
        (179.99, -17.5, 32701),
        (179.99, 51.5, 32601),
        (6.0, 51.0, 32632),
        (-0.001, 51.0, 32631),
        (-0.05, 51.0, 32630),
        (-70, -33, 32719),
    ],
)
def test_scenes_at_awkward_places_are_mapped(write_raster, red_bundle, tmp_path, lon, lat, zone) -> None:
    """Across the antimeridian, where the easting changes zone, and south of the equator."""
    path = write_raster("s.tif", scene(), names=RGB, crs="EPSG:4326", transform=Affine(9e-5, 0, lon, 0, -9e-5, lat))
    found = map_scene(path, bundle=red_bundle, out=tmp_path / "i.gpkg")
    assert len(found) == 4
    centre = found.to_crs(4326).geometry.iloc[0].centroid
    assert abs((centre.x - lon + 180) % 360 - 180) < 0.03
    assert found.crs.to_epsg() == zone


@pytest.mark.parametrize("harm", ["empty", "half"])
def test_a_damaged_strip_of_a_stopped_stack_is_written_again(
    write_raster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    dn = np.random.default_rng(0).integers(300, 3000, (3, 700, 600)).astype(np.uint16)
    path, out = write_raster("s.tif", dn, names=RGB), tmp_path / "stack.tif"
    with monkeypatch.context() as patch:
        patch.setattr("l4s_geo.stack.write.write_cog", lambda *_, **__: 1 / 0)
        assert run("stack", path, "--out", out).exit_code == 1
    strip = tmp_path / ".stack.tif.l4s-parts" / "00000.tif"
    strip.write_bytes(b"" if harm == "empty" else strip.read_bytes()[: strip.stat().st_size // 2])
    result = run("stack", path, "--out", out, "--resume")
    assert result.exit_code == 0, result.output
    assert "2 of 3 strips are there" in result.output
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(dataset.read([3, 2, 1]), dn)
