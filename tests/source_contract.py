"""What every kind of source must give, as tests to inherit.

A kind of source joins by a subclass that says how it stores a site::

    class TestFolder(SourceContract):
        opener = staticmethod(open_folder)
        states_units = False

        @classmethod
        def write(cls, site, folder, form):
            write_bands(site, folder)
            return folder

        @classmethod
        def file_of(cls, source, band):
            return source / f"{band}.tif"

The reference is the site itself: arrays, and a grid in plain numbers.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from l4s_geo.bands import SPECTRAL
from l4s_geo.errors import BandError, L4SError, SceneError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.stack import Stack
from safe_products import Site, make_site

Source = Path | Mapping[str, Path]
"""What `open_scene` takes."""

EMPTY = (slice(0, 12), slice(0, 18))
"""Where a site has no data; whole pixels of 60 m."""


def with_empty_corner(site: Site) -> Site:
    """Return a site that has no data in its upper left corner."""
    bands = {}
    for band, values in site.bands.items():
        k = site.size(band) // 10
        bands[band] = values.copy()
        bands[band][: EMPTY[0].stop // k, : EMPTY[1].stop // k] = 0
    return Site(bands, site.epsg, site.left, site.top)


def at_10_m(site: Site, band: str) -> np.ndarray:
    """A band of a site as (rows, cols) float32 at 10 m; NaN where it has no data."""
    k = site.size(band) // 10
    values = site.bands[band].repeat(k, axis=0).repeat(k, axis=1).astype(np.float32)
    return np.where(values == 0, np.float32(np.nan), values)


def raw(scene: Scene, bands: list[str], window: Window | None = None) -> np.ndarray:
    """Digital numbers of a scene's bands, (bands, rows, cols)."""
    with Stack(scene) as stack:
        return stack.read_raw(bands, window or stack.grid.whole)


class SourceContract:
    """The tests; a subclass says what kind of source they are for."""

    opener: Callable[..., Scene]
    """What describes this kind of source."""
    states_units = True
    """Whether its scenes state the units of their values, digital numbers; else they are told by the values."""
    missing_is_an_error = True
    """Whether a file that is gone is an error; else its band is not among the scene's."""

    @classmethod
    def write(cls, site: Site, folder: Path, form: Any) -> Source:
        """Store a site under an empty folder.

        Args:
            site: bands without offset; 0 is no data.
            folder: where.
            form: one of the forms that this kind of source has.
        """
        raise NotImplementedError

    @classmethod
    def file_of(cls, source: Source, band: str) -> Path:
        """Return the file that holds a band."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def form(cls) -> Any:
        """A form of this kind of source; override it with params if there are several."""
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls, form: Any) -> Site:
        """What is stored."""
        return with_empty_corner(make_site("L2A"))

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, site: Site, form: Any, tmp_path_factory: pytest.TempPathFactory) -> Source:
        """The stored site; not to be changed."""
        return cls.write(site, tmp_path_factory.mktemp("source") / "scene", form)

    @pytest.fixture
    def damaged(self, source: Source, tmp_path: Path) -> Source:
        """A copy to damage."""
        home = next(p for p in self.file_of(source, "B3").parents if p.name == "scene")
        copied = Path(shutil.copytree(home, tmp_path / "scene"))
        if isinstance(source, Mapping):
            return {band: copied / path.relative_to(home) for band, path in source.items()}
        return copied / source.relative_to(home)

    def test_it_is_told_from_other_kinds(self, source: Source) -> None:
        assert open_scene(source) == type(self).opener(source)

    def test_the_scene_has_a_name_and_the_bands_that_are_stored(self, source: Source, site: Site) -> None:
        scene = open_scene(source)
        assert scene.name
        assert set(scene.bands) == set(site.bands)

    def test_its_grid_is_that_of_the_finest_band(self, source: Source, site: Site) -> None:
        expected = Grid(CRS.from_epsg(site.epsg), Affine(10, 0, site.left, 0, -10, site.top), site.rows, site.rows)
        assert open_scene(source).grid == expected

    def test_units_are_stated_or_told_by_the_values(self, source: Source) -> None:
        scene = open_scene(source)
        assert scene.units == ("dn" if self.states_units else None)
        with Stack(scene) as stack:
            assert stack.units == "dn"

    def test_values_are_those_stored_without_offset_and_nan_where_there_is_no_data(
        self, source: Source, site: Site
    ) -> None:
        scene = open_scene(source)
        bands = [band for band in SPECTRAL if band in site.bands]
        values = raw(scene, bands)
        assert values.dtype == np.float32
        for band, got in zip(bands, values, strict=True):
            np.testing.assert_array_equal(got, at_10_m(site, band), err_msg=band)
        assert np.isnan(values[:, *EMPTY]).all()
        assert np.isfinite(values).sum() == values.size - len(bands) * EMPTY[0].stop * EMPTY[1].stop

    @pytest.mark.parametrize(
        "window",
        [
            Window(0, 0, 1, 1),
            Window(11, 17, 2, 2),
            Window(7, 5, 64, 101),
            Window(119, 0, 1, 120),
            Window(40, 119, 70, 1),
        ],
        ids=str,
    )
    def test_a_window_reads_as_that_part_of_the_whole(self, source: Source, window: Window) -> None:
        scene = open_scene(source)
        bands = ["B11", "B2", "B9"]
        np.testing.assert_array_equal(raw(scene, bands, window), raw(scene, bands)[:, *window.slices])

    def test_band_names_that_do_not_fit_are_refused(self, source: Source) -> None:
        with pytest.raises(BandError, match="names were given"):
            open_scene(source, bands=["B4"])

    def test_what_is_not_there_is_an_error_that_names_it(self, source: Source, tmp_path: Path) -> None:
        first = next(iter(source.values())) if isinstance(source, Mapping) else source
        absent = tmp_path / first.name
        with pytest.raises(SceneError, match=re.escape(str(absent))):
            open_scene({"B4": absent} if isinstance(source, Mapping) else absent)

    def test_a_missing_file_is_named_or_its_band_is_not_there(self, damaged: Source) -> None:
        lost = self.file_of(damaged, "B3")
        lost.unlink()
        if self.missing_is_an_error:
            with pytest.raises(SceneError, match=re.escape(lost.name)):
                raw(open_scene(damaged), ["B3"])
        else:
            assert "B3" not in open_scene(damaged).bands

    @pytest.mark.parametrize("kept", [0, 0.02, 0.5, 0.9, 0.999, -1])
    def test_a_file_that_is_cut_off_never_reads_as_data(self, damaged: Source, kept: float) -> None:
        cut = self.file_of(damaged, "B3")
        size = cut.stat().st_size
        os.truncate(cut, size + kept if kept < 0 else int(size * kept))
        with pytest.raises(L4SError, match=re.escape(cut.name)):
            raw(open_scene(damaged), ["B3"])
