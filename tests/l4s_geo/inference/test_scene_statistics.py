from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.bands import RGB
from l4s_geo.errors import SceneError
from l4s_geo.inference.predict import predict
from l4s_geo.inference.runtime import load_bundle
from l4s_geo.inference.scene_statistics import deviation, sample_windows, statistics
from l4s_geo.moments import Moments
from l4s_geo.normalize import Statistics
from l4s_geo.output.resume import ResumeStore
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.stack import Stack
from support import make_bundle


def test_a_band_without_a_pixel_has_no_statistics() -> None:
    with pytest.raises(SceneError, match="no window sampled holds a valid pixel"):
        statistics(Moments.of(np.full((1, 3, 3), np.nan, np.float32)))


def test_deviation_counts_in_exact_standard_deviations() -> None:
    exact = Statistics((1.0, 10.0), (2.0, 4.0))
    assert deviation(exact, exact) == 0
    assert deviation(Statistics((1.5, 10.0), (2.0, 4.0)), exact) == pytest.approx(0.25)
    assert deviation(Statistics((1.0, 10.0), (2.0, 5.0)), exact) == pytest.approx(0.25)


def test_windows_are_spread_over_the_scene(write_raster) -> None:
    path = write_raster("scene.tif", np.full((3, 1300, 700), 1000, np.uint16), names=RGB)
    with Stack(open_raster(path), units="dn") as stack:
        windows = list(sample_windows(stack, 128, 16))
    assert len({(w.row, w.col) for w in windows}) == 16
    assert (windows[0].row, windows[0].col) == (0, 0)
    assert (windows[-1].row, windows[-1].col) == (1300 - 128, 700 - 128)


def test_the_run_says_how_far_off_the_sample_was(write_raster, tmp_path, monkeypatch) -> None:
    dn = np.random.default_rng(1).integers(300, 3000, (3, 500, 400)).astype(np.uint16)
    dn[:, :300] //= 3
    path = write_raster("scene.tif", dn, names=RGB)
    model = load_bundle(make_bundle(tmp_path / "domain", RGB, "domain"), "cpu")
    monkeypatch.setattr("l4s_geo.inference.scene_statistics._WINDOWS", 5)
    with Stack(open_raster(path), units="dn") as stack:
        surface = predict(stack, model, ResumeStore(tmp_path / "run", "", resume=False))
        values = stack.read(RGB, stack.grid.whole).astype(np.float64).reshape(3, -1)
    exact = Statistics(tuple(values.mean(axis=1)), tuple(values.std(axis=1)))
    assert surface.statistics is not None
    assert surface.statistics_error == pytest.approx(deviation(surface.statistics, exact), rel=1e-6)
    assert 0.001 < surface.statistics_error < 0.5
