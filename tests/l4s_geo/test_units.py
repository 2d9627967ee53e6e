from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import SceneError
from l4s_geo.units import detect_units, raw_factors


@pytest.mark.parametrize("units", ["dn", "reflectance", "l4s"])
def test_units_of_every_labelled_patch_are_told(labelled_patches, units: str) -> None:
    check_units(labelled_patches[0], units)


@pytest.mark.parametrize("units", ["dn", "reflectance", "l4s"])
def test_units_of_every_unlabelled_patch_are_told(data, units: str) -> None:
    check_units(np.moveaxis(np.load(data / "l4s_14band_unlabelled.npz")["dn"], -1, 1), units)


def check_units(patches: np.ndarray, units: str) -> None:
    """Check that the units of each patch of (n, 14, rows, cols) raw values are told, once it is in them."""
    for patch in patches:
        dn = patch.reshape(14, -1).astype(np.float64)
        values = {"dn": dn, "reflectance": dn / 1e4, "l4s": dn / scale_of(BANDS)[:, None]}[units]
        assert detect_units(values.astype(np.float32), BANDS) == units


@pytest.mark.parametrize("units", ["dn", "reflectance", "l4s"])
def test_all_units_lead_to_the_same_raw_values(units: str) -> None:
    dn = np.array([900.0, 700, 30, 1500])
    bands = ("B2", "B4", "slope", "DEM")
    values = {"dn": dn, "reflectance": dn / [1e4, 1e4, 1, 1], "l4s": dn / scale_of(bands)}[units]
    np.testing.assert_allclose(values * raw_factors(bands, units), dn, rtol=1e-6)


def test_nothing_valid_is_an_error() -> None:
    with pytest.raises(SceneError, match="no valid pixel"):
        detect_units(np.full((3, 10), np.nan, np.float32), ("B4", "B3", "B2"))


def test_values_without_light_are_an_error() -> None:
    with pytest.raises(SceneError, match="not positive"):
        detect_units(np.full((3, 10), -1, np.float32), ("B4", "B3", "B2"))
