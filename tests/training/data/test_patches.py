"""Sets of patches: reading without copying, joining, relabelling, statistics."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization, statistics_of
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.pixels import NODATA, Pixels, Store
from l4s_training.data.statistics import domain_statistics, statistics_of_patches

RAW = np.random.default_rng(0).integers(1, 9000, (150, 4, 6, 6)).astype(np.uint16)


def lazy(raw: np.ndarray = RAW, bands: tuple[str, ...] = BANDS[:4], **fields: object) -> Patches:
    n = len(raw)
    store = Store(raw, tuple(range(len(bands))), bands, nodata=bool((raw == NODATA).any()))
    masks = (raw[:, 0] > 6000).astype(np.uint8)
    number = np.arange(1, n + 1)
    return Patches(Pixels.of(store), masks, number, number, np.zeros(n, np.float32), bands, "raw", **fields)


def eager(n: int = 20) -> Patches:
    """8-bit values of the same size."""
    values = np.random.default_rng(1).integers(0, 255, (n, 4, 6, 6)).astype(np.uint8)
    number = np.arange(1, n + 1)
    return Patches(values, (values[:, 0] > 99).astype(np.uint8), number, number, np.ones(n, np.float32), BANDS[:4], "8")


def test_raw_values_are_divided_by_m_when_they_are_read():
    at = np.array([3, 3, 140, 0])
    expected = RAW[at] / scale_of(BANDS[:4])[:, None, None]
    assert np.allclose(lazy().windows(at), expected, rtol=1e-6)


def test_planes_are_read_in_the_order_asked_for():
    store = Store(RAW, (2, 0), (BANDS[2], BANDS[0]))
    expected = RAW[:5, [2, 0]] / scale_of(BANDS)[[2, 0], None, None]
    assert np.allclose(Pixels.of(store)[np.arange(5)], expected, rtol=1e-6)


def test_nodata_is_nan_and_nothing_else_is():
    raw = RAW[:2].copy()
    raw[1, :, 2, 2:4] = NODATA
    windows = lazy(raw).windows(np.arange(2))
    assert np.array_equal(np.isnan(windows), raw == NODATA)


def test_taking_and_joining_do_not_read(monkeypatch):
    def read(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(Store, "read", read)
    joined = concatenate([lazy().take(np.arange(100)), lazy(), eager()])
    assert joined.take(np.arange(5, 200, 7)).shape == (4, 6, 6)
    assert all(store.array is RAW for store in joined.values.stores[:2])


def test_joined_sets_give_each_patch_its_own_values_mask_and_quantum():
    first, second = lazy().take(np.array([7, 1, 9])), eager()
    joined = concatenate([first, second, first])
    at = np.array([23, 1, 4, 0, 25])
    expected = [first.windows(np.array([0]))[0], first.windows(np.array([1]))[0], second.windows(np.array([1]))[0]]
    expected += [first.windows(np.array([0]))[0], first.windows(np.array([2]))[0]]
    assert np.array_equal(joined.windows(at), expected)
    chosen = joined.take(at).take(np.array([2, 1]))
    assert np.array_equal(chosen.windows(np.arange(2)), [expected[2], expected[1]])
    assert np.array_equal(chosen.masks, [second.masks[1], first.masks[1]])
    assert chosen.quantum.tolist() == [1, 0]


def test_pseudo_labels_replace_masks_and_bring_weights():
    masks = np.ones((150, 6, 6), np.uint8)
    weights = np.full((150, 6, 6), 0.5, np.float32)
    patches = lazy().unlabelled()
    assert not patches.labelled
    relabelled = patches.relabelled(masks, weights)
    assert relabelled.labelled
    assert relabelled.take(np.array([4])).weights.tolist() == [[[0.5] * 6] * 6]
    joined = concatenate([lazy(), relabelled])
    assert np.array_equal(joined.weights[:150], np.ones((150, 6, 6)))
    assert np.array_equal(joined.weights[150:], weights)
    assert np.array_equal(joined.windows(np.array([160])), lazy().windows(np.array([10])))


def test_wrong_pseudo_labels_are_refused():
    patches = lazy()
    with pytest.raises(DataError, match="go up to 2"):
        patches.relabelled(patches.masks * 2)
    with pytest.raises(DataError, match="masks of shape"):
        patches.relabelled(patches.masks[:5])
    with pytest.raises(DataError, match="weights of shape"):
        patches.relabelled(patches.masks, np.ones((150, 6, 5), np.float32))


def test_labelled_and_unlabelled_sets_do_not_mix():
    with pytest.raises(DataError, match="raw has no labels and 8 has"):
        concatenate([eager(), lazy().unlabelled()])


def test_sets_of_other_bands_do_not_mix():
    with pytest.raises(DataError, match="must agree"):
        concatenate([lazy(), lazy(bands=BANDS[4:8])])


@pytest.mark.parametrize("kind", ["fixed", "domain", "window"])
@pytest.mark.parametrize("patches", [lazy(), eager(), concatenate([lazy(), eager()])], ids=["raw", "8-bit", "both"])
def test_batched_statistics_are_those_of_all_pixels_at_once(patches: Patches, kind: Normalization):
    expected = statistics_of(patches.windows(np.arange(len(patches))), kind)
    found = statistics_of_patches(patches, kind)
    assert np.allclose(found.mean, expected.mean, rtol=1e-9)
    assert np.allclose(found.std, expected.std, rtol=1e-9)


def test_statistics_leave_out_nodata():
    raw = RAW[:90].copy()
    raw[::3, :, 1:4] = NODATA
    expected = statistics_of(lazy(raw).windows(np.arange(90)), "fixed")
    found = statistics_of_patches(lazy(raw), "fixed")
    assert np.allclose(found.mean, expected.mean, rtol=1e-9)
    assert np.allclose(found.std, expected.std, rtol=1e-9)


def test_only_separated_normalisation_uses_the_statistics_of_the_set_itself():
    training = statistics_of_patches(lazy().take(np.arange(50)), "domain")
    held = lazy().take(np.arange(50, 150))
    assert domain_statistics(held, "domain", training) == statistics_of_patches(held, "domain") != training
    assert domain_statistics(held, "fixed", training) == training


def test_a_band_of_one_value_has_no_statistics():
    raw = RAW.copy()
    raw[:, 2] = 7
    with pytest.raises(DataError, match=rf"no mean and deviation of {BANDS[2]} over 150"):
        statistics_of_patches(lazy(raw), "fixed")
