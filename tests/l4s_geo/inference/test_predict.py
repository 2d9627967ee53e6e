from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l4s_geo.bands import RGB, scale_of
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.errors import L4SError, OutputError
from l4s_geo.grid import Window, blend_weights, starts
from l4s_geo.inference.predict import PredictSettings, predict
from l4s_geo.inference.runtime import load_bundle
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.stack import Stack
from support import make_bundle, make_ensemble, surface_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    """Pixelwise network: each pixel's probability depends on its red alone, so blending must not change it."""
    return load_bundle(make_bundle(tmp_path_factory.mktemp("m") / "pixel", RGB, "fixed", slope=1, shift=-1), "cpu")


def scene(write_raster, rows: int, cols: int, nodata: float | None = 0) -> tuple[Path, np.ndarray]:
    dn = np.random.default_rng(3).integers(300, 3000, (3, rows, cols)).astype(np.uint16)
    return write_raster("scene.tif", dn, names=RGB, nodata=nodata), dn


def expected(dn: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(1 - dn[0] / scale_of(["B4"])[0]))


@pytest.mark.parametrize("shape", [(300, 260), (128, 128), (129, 400), (50, 300), (40, 30), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 32, 100])
def test_every_pixel_is_predicted_up_to_the_outer_ring(write_raster, model, shape, overlap: int, tmp_path) -> None:
    path, dn = scene(write_raster, *shape)
    with Stack(open_raster(path), units="dn") as stack:
        got = surface_of(stack, model, tmp_path, overlap=overlap)[0]
    np.testing.assert_allclose(got, expected(dn), atol=1e-5)


def test_nodata_stays_nodata(write_raster, model, tmp_path) -> None:
    path, dn = scene(write_raster, 300, 300)
    dn[:, :140, :140] = 0
    dn[0, 200, 200] = 0
    path = write_raster("holed.tif", dn, names=RGB, nodata=0)
    with Stack(open_raster(path)) as stack:
        got = surface_of(stack, model, tmp_path)[0]
    valid = (dn > 0).all(axis=0)
    np.testing.assert_array_equal(np.isfinite(got), valid)
    np.testing.assert_allclose(got[valid], expected(dn)[valid], atol=1e-5)


@pytest.mark.parametrize("prior", [None, TerrainPrior((5.0, 25.0), (-4.0, 0.0), True)])
def test_the_pixels_that_are_mapped_are_counted(write_raster, model, prior, tmp_path) -> None:
    _, dn = scene(write_raster, 300, 300)
    dn[:, :140, :140] = 0
    dn[0, 200, 200] = 0
    values = np.concatenate([dn, np.full((2, 300, 300), 3)]).astype(np.int16)
    path = write_raster("holed.tif", values, names=(*RGB, "slope", "DEM"), nodata=0)
    with Stack(open_raster(path), units="dn") as stack:
        found = predict(stack, model, ResumeStore(tmp_path / "p", "", False), PredictSettings(prior=prior))
        assert found.valid == np.isfinite(found.layers.read(stack.grid.whole)[0]).sum()
    assert found.valid == 300 * 300 - 140 * 140 - 1


def test_an_overlap_that_leaves_no_step_is_refused(write_raster, model, tmp_path) -> None:
    path, _ = scene(write_raster, 200, 200)
    with Stack(open_raster(path), units="dn") as stack, pytest.raises(L4SError, match="expected 0 to 127"):
        surface_of(stack, model, tmp_path, overlap=128)


def test_blending_equals_the_weighted_mean_over_all_windows(write_raster, red_bundle: Path, tmp_path) -> None:
    """With a network that depends on the window, against the definition written out for the whole raster."""
    model = load_bundle(red_bundle, "cpu")
    path, dn = scene(write_raster, 300, 270)
    dn[:, :, 100:] = dn[:, :, 100:] // 2 + 300
    path = write_raster("scene.tif", dn, names=RGB)
    with Stack(open_raster(path)) as stack:
        got = surface_of(stack, model, tmp_path, overlap=40)[0]
        values = stack.read(RGB, stack.grid.whole)
    total, share = np.zeros((300, 270)), np.zeros((300, 270))
    weights = blend_weights(128).astype(np.float64)
    for row in starts(300, 128, 40):
        for col in starts(270, 128, 40):
            area = Window(row, col, 128, 128).slices
            total[area] += weights * model.predict(values[(slice(None), *area)][None])[0]
            share[area] += weights
    np.testing.assert_allclose(got, total / share, atol=1e-5)


def test_windows_without_a_valid_pixel_are_not_run(
    write_raster, model, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    path, dn = scene(write_raster, 256, 512)
    dn[:, :, 128:] = 0
    path = write_raster("scene.tif", dn, names=RGB, nodata=0)
    run = []
    monkeypatch.setattr(
        type(model),
        "predict_with_spread",
        lambda self, w, domain, tta: run.append(len(w)) or [np.zeros((len(w), 128, 128), np.float32)] * 2,
    )
    with Stack(open_raster(path)) as stack:
        surface_of(stack, model, tmp_path, overlap=0)
    assert sum(run) == 2


def test_progress_ends_at_the_total(write_raster, model, tmp_path) -> None:
    path, _ = scene(write_raster, 300, 300)
    seen: list[tuple[int, int]] = []
    with Stack(open_raster(path)) as stack:
        predict(
            stack,
            model,
            ResumeStore(tmp_path / "p", "", False),
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen[-1] == (9, 9)


def test_separated_normalisation_uses_the_whole_scene(write_raster, tmp_path: Path) -> None:
    """A scene and the same scene brighter give the same map, and a window's own statistics do not matter."""
    model = load_bundle(make_bundle(tmp_path / "domain", RGB, "domain", slope=1, shift=0), "cpu")
    path, dn = scene(write_raster, 256, 256)
    dn[:, :, 128:] *= 2
    maps = []
    for factor in (1, 3):
        path = write_raster(f"scene{factor}.tif", dn * factor, names=RGB)
        with Stack(open_raster(path)) as stack:
            maps.append(surface_of(stack, model, tmp_path)[0])
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-4)
    z = (dn[0] - dn[0].mean()) / dn[0].std()
    np.testing.assert_allclose(maps[0], 1 / (1 + np.exp(-z)), atol=1e-3)


def test_an_ensemble_is_the_weighted_mean_of_its_networks_and_the_spread_their_deviation(
    write_raster, tmp_path
) -> None:
    """Three pixelwise networks, two of them on enlarged windows, against the formula."""
    slopes, weights, scales = (0.5, 1.0, 2.0), (1.0, 2.0, 3.0), (1.0, 2.0, 2.5)
    model = load_bundle(make_ensemble(tmp_path / "three", RGB, slopes, weights, scales), "cpu")
    dn = np.full((3, 150, 140), 1000, np.uint16)
    dn[0] = 300
    path = write_raster("flat.tif", dn, names=RGB)
    with Stack(open_raster(path), units="dn") as stack:
        probability, spread = surface_of(stack, model, tmp_path, tta="d4")
    x = 300 / scale_of(["B4"])[0]
    votes, share = 1 / (1 + np.exp(-np.array(slopes) * x)), np.array(weights) / 6
    mean = (share * votes).sum()
    np.testing.assert_allclose(probability, mean, atol=1e-5)
    np.testing.assert_allclose(spread, np.sqrt((share * (votes - mean) ** 2).sum()), atol=1e-3)


def test_one_network_that_sees_one_view_has_no_spread(write_raster, model, tmp_path) -> None:
    path, _ = scene(write_raster, 128, 128)
    with Stack(open_raster(path), units="dn") as stack:
        assert len(surface_of(stack, model, tmp_path)) == 1


def test_a_pixelwise_network_does_not_care_for_views(write_raster, model, tmp_path) -> None:
    path, dn = scene(write_raster, 200, 150)
    with Stack(open_raster(path), units="dn") as stack:
        probability, spread = surface_of(stack, model, tmp_path, tta="d4")
    np.testing.assert_allclose(probability, expected(dn), atol=1e-5)
    assert spread.max() < 1e-3


def test_flat_windows_are_skipped_and_count_as_landslide_free(write_raster, model, tmp_path) -> None:
    path, dn = scene(write_raster, 256, 384)
    elevation = np.zeros((256, 384), np.float32)
    elevation[:, 320:] = np.arange(64) * 10 * np.tan(np.radians(25))
    scene_file = open_raster(path)
    with (
        DEM(write_raster("dem.tif", elevation), scene_file.grid) as dem,
        Stack(scene_file, dem, units="dn") as stack,
    ):
        got = surface_of(stack, model, tmp_path, overlap=0, skip_flat=20)[0]
    assert (got[:, :256] == 0).all()
    np.testing.assert_allclose(got[:, 256:], expected(dn)[:, 256:], atol=1e-5)


def test_strips_equal_the_whole_bit_for_bit(write_raster, red_bundle: Path, tmp_path) -> None:
    """Against sums over the whole raster, formed window after window."""
    model = load_bundle(red_bundle, "cpu")
    path, _ = scene(write_raster, 420, 390)
    with Stack(open_raster(path)) as stack:
        got = surface_of(stack, model, tmp_path, overlap=50, tta="flips")
        values = stack.read(RGB, stack.grid.whole)
    weights = blend_weights(128)
    sums = np.zeros((3, 420, 390), np.float32)
    for row in starts(420, 128, 50):
        cols = starts(390, 128, 50)
        voted = model.predict_with_spread(
            np.stack([values[:, row : row + 128, c : c + 128] for c in cols]), None, "flips"
        )
        for number, col in enumerate(cols):
            area = Window(row, col, 128, 128).slices
            sums[0][area] += weights
            for total, vote in zip(sums[1:], voted, strict=True):
                total[area] += vote[number] * weights
    np.testing.assert_array_equal(got, sums[1:] / sums[0])


def test_an_error_while_writing_ends_the_run_with_that_error(write_raster, model, tmp_path, monkeypatch) -> None:
    path, _ = scene(write_raster, 500, 300)

    def fail(self: ScratchRaster, values: np.ndarray) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ScratchRaster, "append", fail)
    with Stack(open_raster(path), units="dn") as stack, pytest.raises(OutputError, match="No space left"):
        surface_of(stack, model, tmp_path)


def test_the_terrain_prior_weighs_the_probabilities_by_slope(write_raster, model, tmp_path) -> None:
    path, dn = scene(write_raster, 300, 200)
    slope = np.tile(np.linspace(0, 60, 200, dtype=np.float32), (300, 1))
    bands = np.concatenate([dn, slope[None], slope[None]]).astype(np.float32)
    path = write_raster("with_terrain.tif", bands, names=(*RGB, "slope", "DEM"))
    prior = TerrainPrior((5.0, 25.0), (-4.0, 0.0), True)
    with Stack(open_raster(path), units="dn") as stack:
        got = surface_of(stack, model, tmp_path, prior=prior)[0]
        known = stack.slope(stack.grid.whole)
    np.testing.assert_allclose(known, slope, atol=1e-4)
    odds = np.exp(dn[0] / scale_of(["B4"])[0] - 1) * np.exp(np.interp(slope, (5, 25), (-4, 0)))
    np.testing.assert_allclose(got, odds / (1 + odds), atol=1e-5)
