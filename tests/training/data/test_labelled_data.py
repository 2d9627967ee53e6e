"""Readers of labelled patches, and what they say about damaged ones."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.errors import DataError
from l4s_geo.normalize import normalize, statistics_of
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import read as sources


def everything(patches: Patches) -> np.ndarray:
    return patches.windows(np.arange(len(patches)))


def rewrite(path: Path, key: str, values: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file[key] = values


@pytest.mark.parametrize("flat", [False, True])
def test_both_layouts_of_l4s_files_are_read(write_h5, flat):
    patches = sources.read(write_h5(3, flat), ("B1", "slope"))
    windows = everything(patches)
    assert windows.shape == (3, 2, 64, 64)
    assert windows.dtype == np.float32
    assert patches.ids.tolist() == patches.numbers.tolist() == [1, 2, 3]
    bright = windows[:, 0] > 1.2  # the synthetic scars are bright in the first band only
    assert np.array_equal(bright, patches.masks == 1)


def test_files_are_ordered_by_number_not_by_name(write_h5):
    assert sources.read(write_h5(11), RGB).ids.tolist() == list(range(1, 12))


def test_real_l4s_files_hold_the_raw_values_divided_by_m(data):
    labelled = np.load(data / "l4s_14band_labelled.npz")
    patches = sources.read(data / "l4s_h5", BANDS)
    for image, mask, number in zip(everything(patches), patches.masks, patches.numbers, strict=True):
        at = int(np.flatnonzero(labelled["number"] == number)[0])
        raw = image.transpose(1, 2, 0).astype(np.float64) * scale_of(BANDS)
        assert np.allclose(raw, labelled["dn"][at], rtol=1e-6, atol=1e-3)
        assert np.array_equal(mask, labelled["mask"][at])


def test_channels_of_the_rgb_pairs_are_b4_b3_b2(data):
    """Compared with the same patches in all 14 bands, from another repository."""
    pairs = sources.read(data / "l4s_rgb_pairs.npz", RGB)
    labelled = sources.read(data / "l4s_14band_labelled.npz", RGB)
    shared = [n for n in labelled.numbers.tolist() if n in set(pairs.numbers.tolist())]
    assert len(shared) >= 5
    for number in shared:
        exact = labelled.windows(np.flatnonzero(labelled.numbers == number))[0].astype(np.float64)
        expected = np.floor(255 * exact / exact.max())
        eight_bit = pairs.values[pairs.numbers == number][0]
        assert np.abs(eight_bit - expected).max() <= 1  # float32 may tip a value over an integer
        assert (eight_bit == expected).mean() > 0.99
        assert np.array_equal(pairs.masks[pairs.numbers == number][0], labelled.masks[labelled.numbers == number][0])


def test_bands_come_in_the_order_asked_for(rgb_npz):
    assert np.array_equal(sources.read(rgb_npz, ("B2", "B4")).values, sources.read(rgb_npz, RGB).values[:, [2, 0]])


def test_eight_bit_values_are_dequantised_within_their_step(rgb_npz):
    patches = sources.read(rgb_npz, RGB)
    index = np.arange(4)
    stored = patches.values[index].astype(np.float32)
    assert np.array_equal(patches.windows(index), stored + 0.5)
    drawn = patches.windows(index, np.random.default_rng(0)) - stored
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert drawn.std() == pytest.approx(12**-0.5, rel=0.02)


def test_values_in_l4s_units_are_not_dequantised(write_h5):
    patches = sources.read(write_h5(), RGB)
    assert np.array_equal(patches.windows(np.arange(3), np.random.default_rng(0)), everything(patches))


def test_the_scale_of_a_window_does_not_change_what_the_network_sees(rgb_npz):
    windows = sources.read(rgb_npz, RGB).windows(np.arange(6))
    statistics = statistics_of(windows, "window")
    scaled = windows * np.array([1e-3, 0.5, 1, 3, 40, 1e4], np.float32)[:, None, None, None]
    assert np.allclose(
        normalize(windows, "window", statistics), normalize(scaled, "window", statistics), rtol=1e-4, atol=1e-4
    )


def test_eight_bit_values_are_refused_where_the_scale_matters(rgb_npz):
    patches = sources.read(rgb_npz, RGB)
    with pytest.raises(DataError, match="--normalization window"):
        patches.check_scale("fixed")
    patches.check_scale("window")


def test_sources_are_joined(write_h5, rgb_npz):
    folder, pairs = sources.read(write_h5(), RGB), sources.read(rgb_npz, RGB)
    both = concatenate([folder, pairs])
    assert len(both) == len(folder) + len(pairs)
    assert np.allclose(both.windows(np.array([3, 0])), [pairs.values[0] + 0.5, folder.windows(np.array([0]))[0]])


def test_a_missing_mask_is_named(write_h5):
    folder = write_h5()
    (folder / "mask" / "mask_2.h5").unlink()
    with pytest.raises(DataError, match=r"image_2\.h5 has no mask: .*mask_2\.h5"):
        sources.read(folder, RGB)


def test_a_mask_of_another_shape_is_named(write_h5):
    folder = write_h5()
    rewrite(folder / "mask" / "mask_2.h5", "mask", np.zeros((32, 64), np.uint8))
    with pytest.raises(DataError, match=r"mask_2\.h5 has shape \(32, 64\); expected \(64, 64\)"):
        sources.read(folder, RGB)


def test_a_mask_with_other_values_is_named(write_h5):
    folder = write_h5()
    rewrite(folder / "mask" / "mask_1.h5", "mask", np.full((64, 64), 255, np.uint8))
    with pytest.raises(DataError, match=r"mask_1\.h5 holds mask values from 255 to 255"):
        sources.read(folder, RGB)


@pytest.mark.parametrize(("kind", "key"), [("image", "img"), ("mask", "mask")])
def test_a_file_without_its_key_is_named(write_h5, kind, key):
    folder = write_h5()
    rewrite(folder / key / f"{kind}_1.h5", "data", np.zeros((64, 64)))
    with pytest.raises(DataError, match=rf"{kind}_1\.h5 has no key '{key}' but data"):
        sources.read(folder, RGB)


@pytest.mark.parametrize(("kind", "key"), [("image", "img"), ("mask", "mask")])
def test_a_file_that_is_cut_short_is_named(write_h5, kind, key):
    path = write_h5() / key / f"{kind}_3.h5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{kind}_3\.h5 cannot be read as HDF5"):
        sources.read(path.parents[1], RGB)


def test_an_image_with_too_few_bands_is_named(write_h5):
    folder = write_h5()
    rewrite(folder / "img" / "image_1.h5", "img", np.zeros((64, 64, 3)))
    with pytest.raises(DataError, match=r"image_1\.h5 holds an image of shape \(64, 64, 3\)"):
        sources.read(folder, RGB)


def test_values_that_are_not_finite_are_named(write_h5):
    folder = write_h5()
    image = np.ones((64, 64, 14))
    image[3, 4, BANDS.index("B4")] = np.nan
    rewrite(folder / "img" / "image_2.h5", "img", image)
    with pytest.raises(DataError, match=r"image_2\.h5 holds 1 values that are not finite"):
        sources.read(folder, RGB)


def test_patches_of_different_sizes_are_refused(write_h5):
    folder = write_h5()
    rewrite(folder / "img" / "image_2.h5", "img", np.ones((32, 32, 14)))
    rewrite(folder / "mask" / "mask_2.h5", "mask", np.zeros((32, 32)))
    with pytest.raises(DataError, match=r"image_2\.h5 is \(32, 32\) pixels and those before it \(64, 64\)"):
        sources.read(folder, RGB)


def test_a_folder_without_patches_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no img/image_N"):
        sources.read(tmp_path, RGB)


def test_data_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        sources.read(tmp_path / "nowhere.npz", RGB)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_npz_is_named(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.npz cannot be read"):
        sources.read(path, RGB)


def test_an_npz_that_needs_pickle_is_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, rgb=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="cannot be read"):
        sources.read(path, RGB)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": None}, "no array 'mask'"),
        ({"rgb": np.zeros((12, 64, 64, 3), np.float32)}, "expected uint8"),
        ({"mask": np.zeros((12, 32, 64), np.uint8)}, "'mask' of shape"),
        ({"id": np.arange(5)}, "one id and one number"),
    ],
)
def test_a_malformed_npz_is_named(tmp_path, rgb_npz, change, message):
    arrays = {**np.load(rgb_npz), **change}
    path = tmp_path / "malformed.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(DataError, match=rf"malformed\.npz.*{message}"):
        sources.read(path, RGB)


def test_a_band_that_the_pairs_lack_is_named(rgb_npz):
    with pytest.raises(DataError, match="not B8"):
        sources.read(rgb_npz, ("B4", "B8"))


def test_patches_check_their_shapes():
    with pytest.raises(DataError, match="masks of shape"):
        Patches(
            np.zeros((2, 1, 8, 8), np.float32),
            np.zeros((2, 8, 4), np.uint8),
            np.arange(2),
            np.arange(2),
            np.zeros(2, np.float32),
            ("B4",),
            "made up",
        )
