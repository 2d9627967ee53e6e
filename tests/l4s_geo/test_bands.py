from __future__ import annotations

import h5py
import numpy as np
import pytest

from l4s_geo.bands import BANDS, SPECTRAL, parse_band, scale_of
from l4s_geo.errors import BandError


def test_order_is_the_data_sets() -> None:
    assert BANDS == ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "slope", "DEM")
    assert SPECTRAL == BANDS[:12]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("b04", "B4"),
        ("B8", "B8"),
        ("B10", "B10"),
        ("Slope", "slope"),
        (" dem ", "DEM"),
        ("elevation", "DEM"),
        ("B4 (red)", "B4"),
        ("B8A", "B8A"),
        ("B02?", "B2"),
    ],
)
def test_names_are_read_as_people_write_them(written: str, meant: str) -> None:
    assert parse_band(written) == meant


@pytest.mark.parametrize("written", ["B8B", "B0", "B13", "SCL", "", "red", "B4x", "band 4"])
def test_other_names_are_no_bands(written: str) -> None:
    assert parse_band(written) is None


def test_scale_turns_a_released_patch_into_whole_numbers(data) -> None:
    with h5py.File(data / "l4s_h5" / "image_1.h5") as file:
        patch = file["img"][()]
    raw = patch * scale_of(BANDS)
    assert np.abs(raw - raw.round()).max() < 1e-9


def test_unknown_band_has_no_scale() -> None:
    with pytest.raises(BandError, match="B8A"):
        scale_of(["B4", "B8A"])
