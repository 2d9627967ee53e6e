"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from loopback import QUICK, Server, serving
from support import TRANSFORM, UTM, make_bundle, sample_patches

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("L4S_DATA", REPOSITORY.parent / "shared" / "data"))
"""Real data, for tests that skip without it."""


def pytest_report_header() -> list[str]:
    """Name the native libraries: most surprises come from them."""
    import pyogrio

    gdal = rasterio.__gdal_version__
    return [f"GDAL in rasterio {gdal}, in pyogrio {'.'.join(map(str, pyogrio.__gdal_version__))}; real data: {DATA}"]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not at {DATA} (set L4S_DATA)")
    return DATA


@pytest.fixture(scope="session", params=["sample", "real"])
def labelled_patches(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Patches of the sample scene and real ones: (n, 14, 128, 128) raw values and (n, 128, 128) bool landslides."""
    if request.param == "sample":
        return sample_patches()
    with np.load(request.getfixturevalue("data") / "l4s_14band_labelled.npz") as file:
        return np.moveaxis(file["dn"], -1, 1), file["mask"] > 0


WriteRaster = Callable[..., Path]


@pytest.fixture
def write_raster(tmp_path: Path) -> WriteRaster:
    """Return a function that writes an array (bands, rows, cols) as a GeoTIFF and returns its path."""

    def write(
        name: str,
        array: np.ndarray,
        *,
        crs: str | None = UTM,
        transform: Affine = TRANSFORM,
        nodata: float | None = None,
        names: tuple[str, ...] = (),
        **options: object,
    ) -> Path:
        array = array if array.ndim == 3 else array[None]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            dtype=array.dtype,
            count=array.shape[0],
            height=array.shape[1],
            width=array.shape[2],
            crs=crs,
            transform=transform,
            nodata=nodata,
            **options,
        ) as dataset:
            dataset.write(array)
            for index, band in enumerate(names, start=1):
                dataset.set_band_description(index, band)
        return path

    return write


@pytest.fixture(scope="session")
def red_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose network can be computed by hand.

    Its logit is 10 · (red / median of the window − 2), so it marks pixels whose red is above twice the median.
    """
    return make_bundle(tmp_path_factory.mktemp("bundles") / "red", bands=("B4", "B3", "B2"), kind="window")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of tmp_path on this machine, and limits that make failures quick."""
    from l4s_geo.sources import http

    monkeypatch.setattr(http, "HTTP", QUICK)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with serving(tmp_path) as running:
        yield running
