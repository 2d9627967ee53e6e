"""Synthetic patches: bright scars on darker ground, so that a network has something to learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from l4s_geo.bands import BANDS
from l4s_training import models
from l4s_training.cli import main
from small_training import build_small

SIDE = 64


def scars(n: int, bands: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, SIDE, SIDE, bands) float64 in L4S units and (n, SIDE, SIDE) uint8 masks."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, SIDE, SIDE), np.uint8)
    for mask in masks:
        top, left = rng.integers(0, SIDE - 24, 2)
        mask[top : top + 24, left : left + 12] = 1
    images = 0.8 + 0.1 * rng.random((n, SIDE, SIDE, bands))
    images[..., 0] += masks
    return images, masks


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep cached patches out of the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L4S_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def run_small() -> Callable[[str, Path, Path], Result]:
    """Return a function that runs a recipe's text on data, with small networks, into the folder ``out`` of another."""

    def run(recipe: str, data: Path, folder: Path) -> Result:
        (folder / "small.yaml").write_text(recipe, encoding="utf-8")
        given = [folder / "small.yaml", "--data", data, "--out", folder / "out", "--precision", "32"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(models, "build", build_small)
            result = CliRunner().invoke(main, ["run", *map(str, given)])
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture
def write_h5(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder of L4S files and returns it."""

    def write(n: int = 3, flat: bool = False) -> Path:
        images, masks = scars(n, len(BANDS))
        folder = tmp_path / "h5"
        img, msk = (folder, folder) if flat else (folder / "img", folder / "mask")
        img.mkdir(parents=True)
        msk.mkdir(parents=True, exist_ok=True)
        for i in range(n):
            with h5py.File(img / f"image_{i + 1}.h5", "w") as file:
                file["img"] = images[i]
            with h5py.File(msk / f"mask_{i + 1}.h5", "w") as file:
                file["mask"] = masks[i]
        return folder

    return write


@pytest.fixture(scope="session")
def rgb_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve synthetic patches as 8-bit RGB."""
    images, masks = scars(12, 3)
    path = tmp_path_factory.mktemp("pairs") / "pairs.npz"
    ids = np.arange(12, dtype=np.int16)
    peak = images.max((1, 2, 3), keepdims=True)
    np.savez(path, rgb=(255 * images / peak).astype(np.uint8), mask=masks, id=ids * 10, number=ids * 10 + 1)
    return path
