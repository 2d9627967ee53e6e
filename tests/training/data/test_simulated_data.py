"""Simulated data sets: their layout, balance, domain shift, label noise, and likeness to real patches."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import ndimage

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError, OutputError
from l4s_training.cli import main
from l4s_training.data import splits
from l4s_training.data.make.write import new_folder
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.pixels import Pixels, Store
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import Role
from l4s_training.data.simulation import Cover, Region, Soil, Vegetation, simulate_scene
from l4s_training.data.simulation.dataset import Part, SimulatedPatch, simulate_patches
from l4s_training.data.simulation.label_noise import add_label_noise
from l4s_training.data.simulation.likeness import STATISTICS, characteristics
from l4s_training.data.simulation.regions import REGIONS, vary
from l4s_training.data.simulation.spectra import SPECTRA, SURFACES, tinted
from support import sample_patches


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


PARTS: dict[Role, Part] = {
    "train": Part(2, ("island-hills",)),
    "validation": Part(1, ("dry-foothills",)),
    "test": Part(1, ("high-mountains",)),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> tuple[Path, str]:
    """A data set of `PARTS`, and what the command printed, compared with the sample scene's patches."""
    folder = tmp_path_factory.mktemp("simulated") / "set"
    np.savez(folder.with_name("compared.npz"), dn=np.moveaxis(sample_patches()[0], 1, -1))
    counts = ("--train", 2, "--valid", 1, "--test", 1, "--train-regions", "island-hills")
    compare = ("--compare", folder.with_name("compared.npz"))
    result = call("simulate", "--out", folder, *counts, "--seed", 3, "--jobs", 1, *compare)
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def test_it_has_the_official_layout_and_is_read_as_such(simulated):
    folder, _ = simulated
    sets = sources.read_all([folder], BANDS)
    assert [(s.role, len(s), s.shape) for s in sets] == [
        ("train", 2, (14, 128, 128)),
        ("validation", 1, (14, 128, 128)),
        ("test", 1, (14, 128, 128)),
    ]
    assert len(splits.divide(sets, splits.from_text("official")).train) == 2
    assert sorted(p.name for p in (folder / "TestData").rglob("*.h5")) == ["image_1.h5", "mask_1.h5"]
    assert all(s.values.stores[0].array.dtype == np.uint16 for s in sets)


def test_it_says_that_it_is_simulated(simulated):
    record = json.loads((simulated[0] / "simulation.json").read_text())
    assert record["simulated"] is True
    assert record["seed"] == 3
    assert record["splits"]["TrainData"] == {"count": 2, "regions": ["island-hills"]}
    assert "4 simulated patches, landslide to background 1 : " in simulated[1]


def test_a_folder_that_holds_something_is_not_written_to(simulated):
    result = call("simulate", "--out", simulated[0], "--train", 1)
    assert result.exit_code == 2
    assert "exists already" in result.stderr


def test_a_folder_that_fails_to_fill_disappears(tmp_path):
    def fill() -> None:
        with new_folder(tmp_path / "set") as folder:
            (folder / "half").write_bytes(b"written")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        fill()
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "set") as folder:
        (folder / "whole").write_bytes(b"written")
        assert not (tmp_path / "set").exists()
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["whole"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train-regions", "alpine-valley,moon"], "no simulated region 'moon'; expected some of alpine-valley"),
        (["--test-regions", ","], "16 patches were asked for of no region"),
        (["--compare", "nowhere.npz"], "nowhere.npz does not exist"),
    ],
)
def test_a_mistake_is_told_before_anything_is_simulated(tmp_path, arguments, message):
    result = call("simulate", "--out", tmp_path / "set", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "set").exists()


def test_the_same_seed_gives_the_same_patches_with_any_number_of_workers(simulated):
    with ThreadPoolExecutor(2) as workers:
        again = list(simulate_patches(PARTS, 3, 0.3, workers))
    assert [(role, p.region) for role, p in again] == [
        *[("train", "island-hills")] * 2,
        ("validation", "dry-foothills"),
        ("test", "high-mountains"),
    ]
    written = concatenate(sources.read_all([simulated[0]], BANDS))
    for row, (_, patch) in enumerate(again):
        dn = written.windows(np.array([row]))[0] * scale_of(BANDS)[:, None, None]
        assert np.allclose(dn, patch.dn, rtol=1e-6)
        assert np.array_equal(written.masks[row], patch.labels)


def test_another_seed_gives_other_patches(simulated):
    ((_, other),) = simulate_patches({"test": PARTS["test"]}, 4, 0.3)
    first = sources.read(simulated[0] / "TestData", BANDS).values.stores[0].array[0]
    assert (other.dn[:12] != first[:12]).mean() > 0.9


def test_label_noise_moves_outlines_and_leaves_landslides_out():
    rng = np.random.default_rng(0)
    truth = np.zeros((400, 400), bool)
    for row in range(10, 380, 24):
        for col in range(10, 380, 24):
            size = rng.integers(2, 12)
            truth[row : row + size, col : col + size] = True
    scores, counts = [], []
    for strength in (0.0, 0.3, 1.0):
        drawn = add_label_noise(truth, strength, np.random.default_rng(1))
        scores.append(2 * (drawn & truth).sum() / (drawn.sum() + truth.sum()))
        counts.append(ndimage.label(ndimage.binary_dilation(drawn, iterations=2))[1])
    assert scores[0] == 1
    assert 0.75 < scores[1] < 0.98
    assert scores[2] < scores[1] - 0.1
    assert counts[0] > counts[1] > counts[2] > 0.5 * counts[0]


def test_a_region_varies_from_scene_to_scene_around_itself():
    rng = np.random.default_rng(0)
    drawn = [vary(REGIONS["dry-foothills"], rng) for _ in range(50)]
    base = REGIONS["dry-foothills"].relief.base_elevation
    heights = np.array([r.relief.base_elevation for r in drawn]) / base
    assert heights.min() > 0.84
    assert heights.max() < 1.16
    assert heights.std() > 0.05
    assert {r.vegetation for r in drawn} == {REGIONS["dry-foothills"].vegetation}


def test_red_soils_are_redder_and_plants_stay_green():
    red = tinted(Soil(redness=0.3))
    soil, leaf = SURFACES.index("scar_soil"), SURFACES.index("broadleaf")
    before, after = SPECTRA[soil, 3] / SPECTRA[soil, 1], red[soil, 3] / red[soil, 1]
    assert after > 1.3 * before
    assert np.array_equal(red[leaf], SPECTRA[leaf])
    assert np.array_equal(tinted(Soil()), SPECTRA)


def test_outcrops_are_bright_steep_and_no_landslides():
    region = Region(vegetation=Vegetation(outcrops=0.03))
    scene = simulate_scene(region, (128, 128), np.random.default_rng(2))
    bare, forest = scene.cover == Cover.OUTCROP, scene.cover == Cover.FOREST
    assert 0.003 < bare.mean() < 0.05
    assert not (bare & scene.landslides).any()
    red, slope = scene.dn[3].astype(float), scene.dn[12].astype(float)
    assert np.median(red[bare]) > 1.5 * np.median(red[forest])
    assert np.median(slope[bare]) > np.median(slope[forest])


def as_patches(dn: np.ndarray) -> Patches:
    n = len(dn)
    number = np.arange(n)
    values = Pixels.of(Store(dn, tuple(range(14)), BANDS))
    masks = np.zeros((n, *dn.shape[2:]), np.uint8)
    return Patches(values, masks, number, number, np.zeros(n, np.float32), BANDS, "made up")


def test_characteristics_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(3, 14, 40, 50)), (0, 0.5, 2, 2))
    patches = as_patches(np.rint(3000 + 4e4 * smooth).astype(np.uint16))
    found = characteristics(patches)
    x = patches.windows(np.arange(3)).astype(np.float64)
    assert np.allclose(found.mean, x.mean((2, 3)))
    assert np.allclose(found.deviation, x.std((2, 3)))
    pairs = np.corrcoef(x[1, 4, :, 1:].ravel(), x[1, 4, :, :-1].ravel())[0, 1]
    pairs += np.corrcoef(x[1, 4, 1:].ravel(), x[1, 4, :-1].ravel())[0, 1]
    assert found.autocorrelation[1, 4] == pytest.approx(pairs / 2, abs=0.01)
    each = np.stack([np.corrcoef(image.reshape(14, -1)) for image in x])
    assert np.allclose(found.correlation, np.median(each, 0))


@pytest.fixture(scope="module")
def one_of_each() -> list[SimulatedPatch]:
    """A patch of every region."""
    parts: dict[Role, Part] = {"train": Part(len(REGIONS), tuple(REGIONS))}
    return [p for _, p in simulate_patches(parts, 1, 0.0)]


def test_about_one_pixel_in_fifty_is_landslide_and_on_slopes(one_of_each):
    assert 0.01 < np.mean([p.truth.mean() for p in one_of_each]) < 0.03
    slope = np.concatenate([p.dn[12][p.truth] for p in one_of_each])
    assert np.percentile(slope, 1) >= 8  # 10 in real patches, where the median is 37
    assert 28 < np.median(slope) < 46


def test_regions_are_domains_apart(one_of_each):
    """Means of the bands, in deviations of all pixels."""
    dn = np.stack([p.dn for p in one_of_each]).astype(float)
    shift = np.ptp(dn.mean((2, 3)) / dn.std((0, 2, 3)), axis=0)
    assert shift[BANDS.index("B1")] > 1  # haze
    assert shift[BANDS.index("DEM")] > 1.5
    assert np.median(shift) > 0.4


def test_statistics_lie_within_those_of_real_patches(data, one_of_each):
    files = ("l4s_14band_labelled.npz", "l4s_14band_unlabelled.npz")
    real = characteristics(concatenate([sources.read_unlabelled(data / name, BANDS) for name in files]))
    found = characteristics(as_patches(np.stack([p.dn for p in one_of_each])))
    for name, of in STATISTICS.items():
        middle, low, high = np.median(of(found), 0), of(real).min(0), of(real).max(0)
        assert [band for band, m, a, b in zip(BANDS, middle, low, high, strict=True) if not a <= m <= b] == [], name
    upper = np.triu_indices(14, 1)
    assert np.abs(found.correlation - real.correlation)[upper].mean() < 0.2


def test_the_comparison_is_printed(simulated):
    printed = simulated[1]
    b8 = np.median(sample_patches()[0][:, 7].mean((1, 2))) / scale_of(("B8",))[0]
    rows = [line for line in printed.splitlines() if "B8 " in line]
    assert len(rows) == 3
    assert f"{b8:.3f}" in rows[0]
    for title in ("mean", "deviation", "autocorrelation", "correlation of bands"):
        assert title in printed
    assert "against 16 real ones" in printed


def test_wrong_parts_are_refused():
    with pytest.raises(DataError, match="no simulated region 'x'"):
        Part(1, ("x",))
