"""Windows of scenes without landslides, as training patches.

Nearly every patch of Landslide4Sense holds a landslide, so that a network learns to find one everywhere. Windows of
landslide-free ground teach it not to. They must not differ from the other patches by anything but that, or the network
learns the difference instead:

level
    The patches are Level-1C. Surface reflectance is brought to it by the line that fits a pair of products of one scene
    best, band by band (``L1C = slope * L2A + path``), and for each window by a random share of it, because the air is
    not the same everywhere.
colour
    A scene has a colour cast of its own. Every window is used twice: as it is, and with the band medians of a patch
    drawn from the training set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import RGB
from l4s_geo.errors import DataError
from l4s_geo.grid import Window, starts
from l4s_geo.output.atomic import atomic_write
from l4s_geo.stack.open import Inputs, open_stack
from l4s_training.data import provenance

__all__ = ["Atmosphere", "fit_atmosphere", "negatives", "recast", "scene_windows", "write_negatives"]

_SHARE = (0.3, 1.0)
"""Least and greatest share of the atmosphere's line that a window gets."""
_FIRST_NUMBER = 100_000
"""Number of the first window, far from the official ones, so that no split takes a window for a patch's neighbour."""


@dataclass(frozen=True)
class Atmosphere:
    """What turns surface reflectance into that at the top of the atmosphere, in L4S units: ``slope * x + path``."""

    slope: NDArray[np.float64]
    """(bands,) share of the light from the surface that arrives."""
    path: NDArray[np.float64]
    """(bands,) light scattered on the way, L4S units."""

    def apply(self, windows: NDArray[np.float32], share: NDArray[np.float64]) -> NDArray[np.float32]:
        """Add a share of the atmosphere to each window.

        Args:
            windows: (n, bands, rows, cols) float32.
            share: (n,), 0 for none to 1 for all of it.
        """
        part = share[:, None, None, None]
        slope, path = self.slope[:, None, None], self.path[:, None, None]
        return (windows * (1 - part * (1 - slope)) + part * path).astype(np.float32)


def fit_atmosphere(l1c: str, l2a: str, bands: Sequence[str] = RGB) -> Atmosphere:
    """Fit a line per band, by least squares, to two products of one scene.

    Raises:
        L4SError: one cannot be read.
        DataError: they are not on the same grid.
    """
    values = []
    for path in (l1c, l2a):
        with open_stack(Inputs(_named(path), mask_classes=())) as stack:
            values.append((stack.grid, stack.read(tuple(bands), stack.grid.whole)))
    (first, top), (second, ground) = values
    if first != second:
        raise DataError(f"{l1c} and {l2a} are not on the same grid; name two products of one scene.")
    known = np.isfinite(top).all(0) & np.isfinite(ground).all(0)
    lines = [np.polyfit(x[known], y[known], 1) for x, y in zip(ground, top, strict=True)]
    slope, path = np.array(lines, np.float64).T
    return Atmosphere(slope, path)


def scene_windows(
    scene: str, side: int = 128, overlap: int = 32, bands: Sequence[str] = RGB
) -> tuple[NDArray[np.float32], str]:
    """Cut a scene into windows, those with invalid pixels left out.

    Args:
        scene: a path as `l4s_geo.map_scene` takes it, or the files of B4, B3 and B2 with commas between them; none of
            it may be a landslide.
        side: rows and columns of a window; a scene smaller than that is mirrored.
        overlap: pixels that neighbouring windows share at least.
        bands: the bands wanted.

    Returns:
        (n, bands, side, side) float32, L4S units, and the scene's processing level ("" if unknown).
    """
    with open_stack(Inputs(_named(scene))) as stack:
        rows, cols = starts(stack.grid.height, side, overlap), starts(stack.grid.width, side, overlap)
        cut = [
            _mirrored(stack.read(tuple(bands), _window(stack.grid.shape, row, col, side)), side)
            for row in rows
            for col in cols
        ]
        level = stack.scene.acquisition.level
    valid = [window for window in cut if np.isfinite(window).all()]
    return np.stack(valid) if valid else np.empty((0, len(bands), side, side), np.float32), level


def recast(windows: NDArray[np.float32], medians: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Give each window the band medians of a patch drawn at random.

    Args:
        windows: (n, bands, rows, cols) float32.
        medians: (patches, bands), above zero.
        rng: draws the patches.
    """
    own = np.maximum(np.median(windows, axis=(2, 3)), 1e-6)
    factor = medians[rng.integers(0, len(medians), len(windows))] / own
    return (windows * factor[:, :, None, None]).astype(np.float32)


def negatives(
    scenes: Sequence[str],
    atmosphere: Atmosphere | None,
    medians: NDArray[np.float64] | None,
    surface: Sequence[str] = (),
    seed: int = 0,
) -> NDArray[np.float32]:
    """Collect the windows of scenes without landslides.

    Args:
        scenes: Level-1C, or of a level that does not matter.
        atmosphere: for the scenes under ``surface``.
        medians: (patches, bands) band medians of training patches; None leaves out the windows' second use.
        surface: Level-2A scenes, which are brought to Level-1C.
        seed: of everything random.

    Returns:
        (n, 3, 128, 128) float32, L4S units.

    Raises:
        L4SError: a scene cannot be read.
        DataError: there are no windows, or Level-2A scenes without an atmosphere.
    """
    if surface and atmosphere is None:
        raise DataError("Level-2A scenes need a pair of products to learn the atmosphere from (--pair).")
    rng = np.random.default_rng(seed)
    parts = [scene_windows(path)[0] for path in scenes]
    for path in surface:
        windows, _ = scene_windows(path)
        if atmosphere is not None:
            windows = atmosphere.apply(windows, rng.uniform(*_SHARE, len(windows)))
        parts.append(windows)
    found = np.concatenate(parts) if parts else np.empty((0,), np.float32)
    if not len(found):
        raise DataError("No window was found without invalid pixels; name larger scenes.")
    return found if medians is None else np.concatenate([found, recast(found, medians, rng)])


def write_negatives(windows: NDArray[np.float32], out: Path, note: str = "") -> None:
    """Write windows as an RGB file, like the 8-bit pairs: each scaled by its maximum (see `rgb_pairs`).

    Args:
        windows: (n, 3, rows, cols) float32 of B4, B3, B2, L4S units.
        out: an ``.npz``.
        note: where they come from, see `l4s_training.data.provenance`.
    """
    n = len(windows)
    highest = windows.max(axis=(1, 2, 3), keepdims=True)
    rgb = np.floor(255 * np.clip(windows, 0, None) / np.maximum(highest, 1e-6)).astype(np.uint8).transpose(0, 2, 3, 1)
    number = np.arange(n)
    mask = np.zeros(rgb.shape[:3], np.uint8)
    arrays = {"rgb": rgb, "mask": mask, "id": number, "number": _FIRST_NUMBER + number}
    if note:
        arrays[provenance.KEY] = np.array(provenance.as_text(note))
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _named(scene: str) -> str | dict[str, str]:
    files = scene.split(",")
    return dict(zip(RGB, files, strict=True)) if len(files) == len(RGB) else scene


def _window(shape: tuple[int, int], row: int, col: int, side: int) -> Window:
    return Window(row, col, min(side, shape[0] - row), min(side, shape[1] - col))


def _mirrored(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror a window of a scene smaller than a window, as the mapper does."""
    missing = [(0, 0), (0, side - values.shape[1]), (0, side - values.shape[2])]
    return np.pad(values, missing, mode="symmetric")
