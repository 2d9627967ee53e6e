"""L4S folders on disk and in zips: the official layout, the cache, and what is said of broken ones."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import archive, cache, l4s_h5
from l4s_training.data.readers import read as sources
from l4s_training.data.readers.archive import Directory

M = scale_of(BANDS)


def everything(patches: Patches) -> np.ndarray:
    return patches.windows(np.arange(len(patches)))


def raw_values(n: int, seed: int = 0) -> np.ndarray:
    """(n, 14, 16, 16) raw values as a scene has them."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(1, 9000, (n, 14, 16, 16)).astype(float)
    raw[:, 12] = rng.integers(0, 60, (n, 16, 16))
    return raw


@pytest.fixture
def write_raw(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes patches of raw values in the official form and returns their folder."""

    def write(name: str, n: int = 3, masks: bool = True, seed: int = 0) -> Path:
        folder = tmp_path / name
        for kind in ("img", "mask") if masks else ("img",):
            (folder / kind).mkdir(parents=True)
        for number, raw in enumerate(raw_values(n, seed), 1):
            with h5py.File(folder / "img" / f"image_{number}.h5", "w") as file:
                file["img"] = raw.transpose(1, 2, 0) / M
            if masks:
                with h5py.File(folder / "mask" / f"mask_{number}.h5", "w") as file:
                    file["mask"] = (raw[0] > 4500).astype(np.uint8)
        return folder

    return write


def zipped(folder: Path, *inside: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Zip a folder under a name inside the zip."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as file:
        for part in sorted(folder.rglob("*.h5")):
            file.write(part, "/".join((*inside, str(part.relative_to(folder)))))
    return path


@pytest.mark.parametrize("kept", ["off", "cache"])
def test_published_values_are_kept_as_the_integers_they_are_made_of(write_raw, tmp_path, kept):
    place = kept if kept == "off" else tmp_path / kept
    patches = sources.read(write_raw("TrainData"), BANDS, cache=place)
    raw = raw_values(3)
    store = patches.values.stores[0]
    assert store.array.dtype == np.uint16
    assert np.array_equal(store.array, raw)
    assert isinstance(store.array, np.memmap) == (kept == "cache")
    expected = (raw / M[:, None, None]).astype(np.float32)
    np.testing.assert_array_max_ulp(everything(patches), expected, 2)
    assert np.array_equal(patches.masks, raw[:, 0] > 4500)


def test_real_files_survive_the_cache_unchanged(data, tmp_path):
    patches = sources.read(data / "l4s_h5", BANDS, cache=tmp_path)
    for number, image in zip(patches.numbers, everything(patches), strict=True):
        with h5py.File(data / "l4s_h5" / f"image_{number}.h5") as file:
            original = file["img"][()].transpose(2, 0, 1)
        np.testing.assert_array_max_ulp(image, original.astype(np.float32), 2)
        stored = patches.values.stores[0].array[int(np.flatnonzero(patches.numbers == number)[0])]
        assert np.abs(stored - original * M[:, None, None]).max() < 1e-9


def test_values_that_are_no_integers_over_m_are_kept_as_they_are(write_h5, tmp_path):
    folder = write_h5(2)
    patches = sources.read(folder, BANDS, cache=tmp_path / "cache")
    with h5py.File(folder / "img" / "image_2.h5") as file:
        assert np.array_equal(everything(patches)[1], file["img"][()].transpose(2, 0, 1).astype(np.float32))


def test_the_cache_is_used_while_the_files_stay_as_they_are(write_raw, tmp_path):
    folder, place = write_raw("TrainData"), tmp_path / "cache"
    first = everything(sources.read(folder, RGB, cache=place))
    (entry,) = place.iterdir()
    stamp = (entry / "images.npy").stat().st_mtime_ns
    assert np.array_equal(everything(sources.read(folder, RGB, cache=place)), first)
    assert (entry / "images.npy").stat().st_mtime_ns == stamp
    with h5py.File(folder / "img" / "image_1.h5", "w") as file:
        file["img"] = raw_values(1, seed=9)[0].transpose(1, 2, 0) / M
    changed = everything(sources.read(folder, RGB, cache=place))
    assert not np.array_equal(changed[0], first[0])
    assert np.array_equal(changed[1:], first[1:])


def test_a_damaged_cache_is_replaced(write_raw, tmp_path):
    folder, place = write_raw("TrainData"), tmp_path / "cache"
    first = everything(sources.read(folder, RGB, cache=place))
    (entry,) = place.iterdir()
    images = entry / "images.npy"
    images.write_bytes(images.read_bytes()[:500])
    for _ in range(2):
        assert np.array_equal(everything(sources.read(folder, RGB, cache=place)), first)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(write_raw, tmp_path, monkeypatch):
    folder = write_raw("TrainData")
    expected = everything(sources.read(folder, RGB, cache="off"))
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    assert np.array_equal(everything(sources.read(folder, RGB, cache=occupied)), expected)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    assert np.array_equal(everything(sources.read(folder, RGB, cache=tmp_path / "full")), expected)
    assert list((tmp_path / "full").iterdir()) == []


def test_a_broken_patch_leaves_nothing_in_the_cache(write_raw, tmp_path):
    folder = write_raw("TrainData")
    path = folder / "img" / "image_3.h5"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"image_3\.h5 cannot be read as HDF5"):
        sources.read(folder, RGB, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("L4S_CACHE", "off")
    assert cache.folder() is None
    monkeypatch.delenv("L4S_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "l4s"


@pytest.mark.parametrize("inside", [(), ("TrainData",), ("download", "TrainData")])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_in_place(write_raw, tmp_path, inside, method):
    folder = write_raw("TrainData")
    path = zipped(folder, *inside, method=method)
    expected = sources.read(folder, RGB)
    shutil.rmtree(folder)
    patches = sources.read(path, RGB, cache=tmp_path / "cache")
    assert np.array_equal(everything(patches), everything(expected))
    assert np.array_equal(patches.masks, expected.masks)
    assert patches.role == "train"
    assert {p.name for p in tmp_path.iterdir()} == {"TrainData.zip", "cache"}


def test_a_file_in_a_zip_is_named_when_it_is_broken(write_raw, tmp_path):
    folder = write_raw("TrainData")
    path = folder / "mask" / "mask_2.h5"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"TrainData\.zip/TrainData/mask/mask_2\.h5 cannot be read as HDF5"):
        sources.read(zipped(folder, "TrainData"), RGB)


def test_a_zip_with_damaged_contents_is_named(write_raw):
    path = zipped(write_raw("TrainData"), method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = content.find(b"image_2.h5") + 5000
    content[at : at + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"image_2\.h5 cannot be read from its zip .*damaged"):
        sources.read(path, RGB)


def test_a_zip_cut_short_is_refused(write_raw):
    path = zipped(write_raw("TrainData"))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"TrainData\.zip cannot be read as a zip"):
        sources.read(path, RGB)


def test_a_member_that_would_fill_the_memory_is_refused(write_raw, monkeypatch):
    path = zipped(write_raw("TrainData"))
    monkeypatch.setattr(archive, "LARGEST", 20_000)
    with pytest.raises(DataError, match=r"image_1\.h5 has 0 MB; expected at most"):
        sources.read(path, RGB)


def test_a_zip_of_too_many_files_is_refused(write_raw, monkeypatch):
    path = zipped(write_raw("TrainData"))
    monkeypatch.setattr(archive, "_MEMBERS", 3)
    with pytest.raises(DataError, match="holds 6 files; expected at most 3"):
        sources.read(path, RGB)


@pytest.fixture
def root(write_raw, tmp_path) -> Path:
    """The official folders, test data without masks."""
    write_raw("root/TrainData", 4)
    write_raw("root/ValidData", 2, seed=1)
    write_raw("root/TestData", 3, masks=False, seed=2)
    return tmp_path / "root"


@pytest.mark.parametrize("zip_it", [False, True])
def test_a_root_gives_a_set_for_each_official_folder_with_masks(root, zip_it):
    path = zipped(root) if zip_it else root
    train, validation = sources.read_all([path], RGB)
    assert (train.role, len(train), validation.role, len(validation)) == ("train", 4, "validation", 2)
    assert train.source == "TrainData"
    assert concatenate([train, validation]).role is None


@pytest.mark.parametrize("top", ["same", "none", "other"])
def test_zips_side_by_side_are_read_as_published(root, tmp_path, top):
    """TrainData.zip, ValidData.zip, TestData.zip in one folder, whatever their own top folder is called."""
    expected = sources.read_all([root], RGB)
    for name in ("TrainData", "ValidData", "TestData"):
        zipped(root / name, *{"same": (name,), "none": (), "other": ("data",)}[top])
        shutil.rmtree(root / name)
    found = sources.read_all([root], RGB)
    assert [p.role for p in found] == ["train", "validation"]  # TestData has no masks
    assert [p.source for p in found] == ["TrainData", "ValidData"]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(everything(one), everything(other))
        assert np.array_equal(one.masks, other.masks)
    assert sources.official_roles([root]) == ["train", "validation"]
    (test,) = sources.read_role_unlabelled([root], "test", RGB)
    assert (len(test), test.labelled, test.role) == (3, False, "test")
    with pytest.raises(DataError, match="TrainData and ValidData and TestData, of which one is wanted"):
        sources.read_unlabelled(root, RGB)
    assert {p.name for p in root.iterdir()} == {"TrainData.zip", "ValidData.zip", "TestData.zip"}  # nothing unpacked


def test_files_beside_the_top_folder_of_a_zip_do_not_hide_its_patches(root):
    """A notice that somebody zipped beside TrainData/ and ValidData/ made both vanish."""
    expected = [len(p) for p in sources.read_all([root], RGB)]
    for name in ("TrainData", "ValidData"):
        path = zipped(root / name, name)
        shutil.rmtree(root / name)
        with zipfile.ZipFile(path, "a") as file:
            for spare in ("README.txt", f"{name}/.DS_Store", f"__MACOSX/{name}/img/._image_1.h5"):
                file.writestr(spare, b"x")
    assert [len(p) for p in sources.read_all([root], RGB)] == expected


def test_official_folders_may_be_flat(root):
    for name in ("TrainData", "ValidData"):
        for file in (root / name).rglob("*.h5"):
            file.rename(root / name / file.name)
        for kind in ("img", "mask"):
            (root / name / kind).rmdir()
    assert [len(p) for p in sources.read_all([root], RGB)] == [4, 2]


def test_training_patches_without_masks_are_named(root):
    shutil.rmtree(root / "TrainData" / "mask")
    with pytest.raises(DataError, match=r"root/TrainData has no mask/mask_N\.h5, and training needs them"):
        sources.read_all([root], RGB)


def test_two_files_of_one_number_are_refused(write_raw):
    folder = write_raw("TrainData", 2)
    shutil.copy(folder / "img" / "image_1.h5", folder / "img" / "image_01.h5")
    with pytest.raises(DataError, match="have the same number"):
        sources.read(folder, RGB)
    (folder / "img" / "image_01.h5").unlink()
    path = zipped(folder, "TrainData")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("TrainData/img/image_1.h5", b"another")
    with pytest.raises(DataError, match=r"holds 'TrainData/img/image_1\.h5' twice"):
        sources.read(path, RGB)


def test_a_folder_unpacked_beside_its_zip_counts_once(root):
    zipped(root / "TrainData", "TrainData")
    assert [len(p) for p in sources.read_all([root], RGB)] == [4, 2]


@pytest.mark.parametrize("name", ["../outside/image_9.h5", "/image_9.h5", "TrainData/../../image_9.h5"])
def test_names_that_point_out_of_a_zip_are_refused(write_raw, tmp_path, name):
    path = zipped(write_raw("TrainData", 2), "TrainData")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, b"hostile")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"TrainData\.zip names a file '.*image_9\.h5', which lies outside of it"):
        sources.read(path, RGB, cache="off")
    assert sorted(tmp_path.rglob("*")) == before


def test_roles_are_told_without_reading_a_patch(root, tmp_path):
    (root / "TrainData" / "img" / "image_1.h5").write_bytes(b"broken")
    np.savez(tmp_path / "a.npz", dn=np.zeros(1))
    assert sources.official_roles([root, tmp_path / "a.npz", root / "TestData"]) == [
        "train",
        "validation",
        None,
        "test",
    ]


def test_one_official_folder_has_to_be_named_where_one_is_wanted(root):
    with pytest.raises(DataError, match="TrainData and ValidData and TestData, of which one is wanted"):
        sources.read_unlabelled(root, RGB)


def test_official_folders_without_any_masks_are_refused(root):
    for name in ("TrainData", "ValidData"):
        shutil.rmtree(root / name / "mask")
    with pytest.raises(DataError, match="none of them with a folder mask"):
        sources.read_all([root], RGB)


def test_unlabelled_patches_have_masks_of_zeros(root):
    patches = sources.read_unlabelled(root / "TestData", RGB)
    assert not patches.labelled
    assert patches.masks.shape == (3, 16, 16)
    assert not patches.masks.any()
    labelled = sources.read_unlabelled(root / "TrainData", RGB)
    assert not labelled.labelled
    assert not labelled.masks.any()
    with pytest.raises(DataError, match=r"TestData has no labels and ValidData has"):
        concatenate([sources.read(root / "ValidData", RGB), patches])


def test_unlabelled_npz_files_are_read(tmp_path):
    raw = raw_values(18).astype(np.uint16)
    path = tmp_path / "unlabelled.npz"
    np.savez(path, dn=raw.transpose(0, 2, 3, 1), name=np.array([f"image_{n}" for n in range(18)]))
    patches = sources.read_unlabelled(path, ("B10", "slope"))
    np.testing.assert_allclose(everything(patches) * scale_of(("B10", "slope"))[:, None, None], raw[:, [9, 12]], 1e-6)
    assert len(patches) == 18
    with pytest.raises(DataError, match="no array 'mask'"):
        sources.read(path, RGB)


def test_several_missing_masks_are_counted(write_raw):
    folder = write_raw("TrainData", 4)
    for number in (2, 3):
        (folder / "mask" / f"mask_{number}.h5").unlink()
    with pytest.raises(DataError, match=r"image_2\.h5 has no mask: .*\(2 masks are missing\)"):
        sources.read(folder, RGB)


def test_a_mask_without_its_image_is_named(write_raw):
    folder = write_raw("TrainData", 4)
    (folder / "img" / "image_4.h5").unlink()
    with pytest.raises(DataError, match=r"mask_4\.h5 has no image"):
        sources.read(folder, RGB)


def test_gaps_in_an_official_folder_are_told(write_raw):
    folder = write_raw("TrainData", 4)
    for path in (folder / "img" / "image_2.h5", folder / "mask" / "mask_2.h5"):
        path.unlink()
    with pytest.warns(UserWarning, match="holds 3 patches with numbers up to 4: 1 are not there, the first is 2"):
        assert sources.read(folder, RGB).numbers.tolist() == [1, 3, 4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources.read(folder.rename(folder.with_name("mine")), RGB)


@pytest.mark.parametrize(
    ("band", "value", "message"),
    [
        ("B2", 1200.0, "B2 from .* to 1200; expected 0 to 79.47"),  # a raw value
        ("B8", -0.1, "B8 from -0.1 to"),
        ("slope", 5.0, "slope from 0 to 5; expected 0 to 4.435, which is 0 to 90 divided by M"),
        ("DEM", 20.0, "DEM from .* to 20; expected -0.647 to 11.65"),
    ],
)
def test_values_that_are_not_in_l4s_units_are_named(write_raw, band, value, message):
    folder = write_raw("TrainData")
    with h5py.File(folder / "img" / "image_2.h5", "r+") as file:
        file["img"][3, 3, BANDS.index(band)] = value
    with pytest.raises(DataError, match=rf"image_2\.h5 holds {message}"):
        sources.read(folder, RGB)


@pytest.mark.parametrize(("kind", "key"), [("image", "img"), ("mask", "mask")])
@pytest.mark.parametrize("what", ["text", "group"])
def test_a_key_that_holds_no_numbers_is_named(write_raw, kind, key, what):
    folder = write_raw("TrainData")
    path = folder / key / f"{kind}_1.h5"
    with h5py.File(path, "w") as file:
        if what == "text":
            shape = (16, 16, 14) if kind == "image" else (16, 16)
            file.create_dataset(key, data=np.full(shape, b"x", "S1"))
        else:
            file.create_group(key)
    with pytest.raises(DataError, match=rf"{kind}_1\.h5 (holds values of type|has no key)"):
        sources.read(folder, RGB)


def test_declared_nodata_becomes_nan_and_undeclared_is_an_error(tmp_path):
    raw = raw_values(1)[0]
    raw[:, 2:5, 3] = np.nan
    for kind in ("img", "mask"):
        (tmp_path / kind).mkdir()
    l4s_h5.write_image(tmp_path / "img" / "image_1.h5", raw)
    l4s_h5.write_mask(tmp_path / "mask" / "mask_1.h5", np.zeros((16, 16), bool))
    for place in ("off", None):
        (image,) = everything(sources.read(tmp_path, BANDS, cache=place))
        assert np.array_equal(np.isnan(image), np.isnan(raw))
        assert np.allclose(image * M[:, None, None], raw, rtol=1e-6, equal_nan=True)
    with h5py.File(tmp_path / "img" / "image_1.h5", "r+") as file:
        del file["img"].attrs["_FillValue"]
    with pytest.raises(DataError, match=r"image_1\.h5 holds 42 values that are not finite"):
        sources.read(tmp_path, BANDS)


def test_written_patches_are_in_the_official_form(tmp_path):
    raw = raw_values(1)[0]
    l4s_h5.write_image(tmp_path / "image_1.h5", raw + 0.3)
    with h5py.File(tmp_path / "image_1.h5") as file:
        assert (file["img"].shape, file["img"].dtype) == ((16, 16, 14), np.float64)
        assert np.abs(file["img"][()] * M - raw.transpose(1, 2, 0)).max() < 1e-9
    read = l4s_h5.read_image(Directory(tmp_path), "image_1.h5")
    assert np.abs(read * M[:, None, None] - raw).max() < 1e-9
