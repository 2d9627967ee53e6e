"""Multi-band rasters without names: told by number and order, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.bands import BANDS, SPECTRAL
from l4s_geo.errors import BandError
from l4s_geo.sources.geotiff import open_raster

SENTINEL_2 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


def bands(order: tuple[str, ...]) -> np.ndarray:
    """Bands as bright as they are in the data set, on average."""
    dn = {"B10": 12, "B8A": 2000, "slope": 25, "DEM": 900}
    rng = np.random.default_rng(0)
    return np.stack([rng.normal(dn.get(b, 900), 3, (40, 40)) for b in order]).clip(1).astype(np.uint16)


@pytest.mark.parametrize(
    "order", [BANDS, SENTINEL_2, SPECTRAL, tuple(b for b in SENTINEL_2 if b != "B10")], ids=["14", "13", "12", "L2A"]
)
def test_known_orders_are_told_by_where_b10_stands(write_raster, order: tuple[str, ...]) -> None:
    scene = open_raster(write_raster("scene.tif", bands(order)))
    assert {name: ref.index for name, ref in scene.bands.items()} == {b: i for i, b in enumerate(order, start=1)}
    assert scene.order.value == " ".join(b for b in order)
    assert scene.order.origin == "values"


def test_fourteen_bands_in_which_nothing_speaks_for_an_order_are_assumed_to_be_the_data_sets(write_raster) -> None:
    scene = open_raster(write_raster("scene.tif", np.full((14, 20, 20), 1.0, np.float32)))
    assert list(scene.bands) == list(BANDS)
    assert scene.order.origin == "default"


@pytest.mark.parametrize("last", ["DEM", "B4"])
def test_sentinel_2s_thirteen_and_another_band_are_not_taken_for_the_data_sets(write_raster, last: str) -> None:
    path = write_raster("scene.tif", bands((*SENTINEL_2, last)))
    with pytest.raises(BandError, match="14 bands without names, of which the 11th") as error:
        open_raster(path)
    remedy = str(error.value).split("--bands ")[1].split(", with")[0].split(",")
    assert open_raster(path, remedy).bands["B10"].index == 11


def test_real_products_without_names_are_told(data) -> None:
    folder = data / "s2_l1c_l2a_barbellino"
    level_1c = open_raster(folder / "S2A1C_20190723_022_Barbellino_TOA_10.tif")
    assert level_1c.bands["B11"].index == 11
    assert "no B8A" in level_1c.order.because
    with pytest.raises(BandError, match="11 bands"):
        open_raster(folder / "S2A2A_20190723_022_Barbellino_BOA_10.tif")


@pytest.mark.parametrize("count", [1, 3, 4, 10, 13])
def test_other_rasters_are_not_guessed(write_raster, count: int) -> None:
    dn = np.random.default_rng(0).integers(300, 900, (count, 40, 40)).astype(np.uint16)
    with pytest.raises(BandError, match=f"{count} bands without names"):
        open_raster(write_raster("scene.tif", dn))


def test_names_given_overrule_the_files(write_raster) -> None:
    path = write_raster("scene.tif", bands(("B4", "B3", "B2", "B8A")), names=("B2", "B3", "B4", "B8"))
    scene = open_raster(path, ["B4", "B3", "B2", "-"])
    assert {name: ref.index for name, ref in scene.bands.items()} == {"B4": 1, "B3": 2, "B2": 3}


@pytest.mark.parametrize(
    ("names", "message"),
    [(["B4"], "1 band names were given for the 4"), (["B4", "B3", "B2", "rad"], "'rad' is unknown")],
)
def test_names_that_do_not_fit_are_refused(write_raster, names: list[str], message: str) -> None:
    with pytest.raises(BandError, match=message):
        open_raster(write_raster("scene.tif", bands(("B4", "B3", "B2", "B8"))), names)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("red", "green", "blue"), ("B4", "B3", "B2")),
        (("Blue", "Green", "Red", "NIR", "SWIR16"), ("B2", "B3", "B4", "B8", "B11")),
        (("B02_10m", "B03_10m", "B8A_20m"), ("B2", "B3", "B8A")),
        (("20220105T020549_T54TXN_B4", "20220105T020549_T54TXN_B3", "20220105T020549_T54TXN_SCL"), ("B4", "B3", None)),
        (("B4 (665 nm)", "b03", "mask_B4"), ("B4", "B3", None)),
        (("median_B04", "ratio_B04_B03", "median_B03"), ("B4", None, "B3")),
    ],
)
def test_bands_are_told_by_the_names_that_programs_give_them(write_raster, names, expected) -> None:
    scene = open_raster(write_raster("scene.tif", bands(tuple(e or "B1" for e in expected)), names=names))
    assert {name: ref.index for name, ref in scene.bands.items()} == {b: i for i, b in enumerate(expected, 1) if b}
    if names[0] == "red":
        assert scene.order is not None
        assert scene.order.because == "red, green, blue"
    assert (scene.classes is not None) == any("SCL" in name for name in names)


def test_of_several_dates_in_a_raster_one_is_chosen_as_the_message_says(write_raster) -> None:
    names = tuple(f"{date}_{band}" for date in ("20220105", "20220115") for band in ("B4", "B3", "B2"))
    path = write_raster("series.tif", bands(("B4", "B3", "B2") * 2), names=names)
    with pytest.raises(
        BandError, match=r"more than one band named B2, B3, B4; .* --bands, .* the others - \(6 names\)"
    ):
        open_raster(path)
    scene = open_raster(path, ["-", "-", "-", "B4", "B3", "B2"])
    assert {name: ref.index for name, ref in scene.bands.items()} == {"B4": 4, "B3": 5, "B2": 6}


def test_names_of_colours_can_be_given(write_raster) -> None:
    path = write_raster("scene.tif", bands(("B4", "B3", "B2")))
    assert {name: ref.index for name, ref in open_raster(path, ["red", "green", "blue"]).bands.items()} == {
        "B4": 1,
        "B3": 2,
        "B2": 3,
    }
