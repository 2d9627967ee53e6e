"""Maps with a taught bundle: what the base's networks said goes, with the other features, to the trees.

Block by block in flat memory; a block is read with `l4s_geo.inference.features.HALO` pixels around it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import SPECTRAL
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import BandError, BundleError
from l4s_geo.grid import Grid, Window
from l4s_geo.inference.devices import onnxruntime
from l4s_geo.inference.features import HALO, Known, View, available, bands_of, compute, earlier_bands_of, group_of
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.sun import Sun, sun_of

__all__ = [
    "ClearBefore",
    "Light",
    "Sight",
    "Trees",
    "blocks",
    "judge_surface",
    "known_of",
    "light_of",
    "require_features",
]

_ROWS = 32
"""Rows that the trees judge at once."""
BLOCK = (512, 512)
"""Rows and columns of the blocks that are computed at once, without what lies around them."""


@dataclass(frozen=True)
class Light:
    """Where the sun stood over a scene, and how that is known."""

    sun: Sun | None
    """None if it is not known."""
    because: str
    """On what grounds, for the user."""


def light_of(stack: Stack, given: Sun | None = None, taught: tuple[float, float] | None = None) -> Light:
    """Find where the sun stood over a scene.

    Args:
        stack: the scene.
        given: what the user says, which goes before everything.
        taught: azimuth and elevation over the scene on which a bundle was taught, for want of anything better.
    """
    if given:
        return Light(given, "as it was given")
    if sun := sun_of(stack):
        return Light(sun, f"computed from the time {stack.scene.acquisition.acquired}")
    if taught:
        return Light(Sun(*taught), "taken from where the bundle was taught, since the scene does not say its time")
    return Light(None, "the scene does not say its time")


def known_of(stack: Stack, spread: bool, sun: bool, before: Stack | None = None) -> Known:
    """Return what a scene has for features.

    Args:
        stack: the scene.
        spread: whether the base bundle gives the spread of its networks.
        sun: whether it is known where the sun stood.
        before: the earlier date on the same grid, if there is one.
    """
    bands = tuple(b for b in SPECTRAL if b in stack.bands)
    earlier = tuple(b for b in bands if before and b in before.bands)
    return Known(bands, spread, stack.has_terrain, sun, earlier)


def require_features(bundle: Bundle, stack: Stack, spread: bool, before: Stack | None = None) -> None:
    """Check that a scene, and the earlier one if there is one, have what a taught bundle decides by.

    Raises:
        BandError: it lacks features; the message says what to add.
    """
    if bundle.taught is None:
        return
    sun = light_of(stack, taught=bundle.taught.sun).sun is not None
    there = available(known_of(stack, spread, sun, before))
    missing = [name for name in bundle.taught.features if name not in there]
    if not missing:
        return
    bands = [band for band in bands_of(missing) if band not in stack.bands]
    unseen = [band for band in earlier_bands_of(missing) if before is None or band not in before.bands]
    ground = any(group_of(name) in ("terrain", "light") for name in missing) and not stack.has_terrain
    remedies = [
        *([f"the bands {', '.join(bands)} (--band {bands[0]}=FILE)"] if bands else []),
        *([f"the bands {', '.join(unseen)} of the earlier date (--before-band {unseen[0]}=FILE)"] if unseen else []),
        *(["elevations (--dem)"] if ground else []),
        *(["several views (--tta flips)"] if "spread" in missing else []),
    ]
    raise BandError(
        f"The scene {stack.scene.name} lacks {len(missing)} of the {len(bundle.taught.features)} features by which the "
        f"bundle {bundle.name} was taught to decide ({', '.join(missing[:4])}{'…' if len(missing) > 4 else ''}); add "
        f"{' and '.join(remedies) or 'what is missing'}, or teach again without."
    )


def blocks(grid: Grid) -> list[list[Window]]:
    """Return the blocks of a grid: strips from the top, and in each the blocks from left to right."""
    rows, cols = BLOCK
    return [
        [Window(strip.row, col, strip.height, min(cols, grid.width - col)) for col in range(0, grid.width, cols)]
        for strip in grid.rows(rows)
    ]


class ClearBefore:
    """The pixels that an earlier date shows clearly, in all bands by which a taught bundle decides."""

    def __init__(self, before: Stack, features: Collection[str]) -> None:
        """Take the earlier date, and the names of the features."""
        self._before, self._bands = before, earlier_bands_of(features)

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window: True where the earlier date shows clear ground."""
        if not self._bands:
            return np.ones((window.height, window.width), bool)
        known = np.isfinite(self._before.read(self._bands, window))
        clear: NDArray[np.bool_] = np.logical_and.reduce(known)
        return clear


class Sight:
    """Computes features of a scene's windows."""

    def __init__(
        self,
        stack: Stack,
        layers: ScratchRaster,
        features: tuple[str, ...],
        sun: Sun | None,
        before: Stack | None = None,
    ) -> None:
        """Prepare.

        Args:
            stack: the scene.
            layers: what the base said, see `l4s_geo.inference.predict.Prediction`.
            features: names of the features wanted, in order.
            sun: where the sun stood.
            before: the earlier date, on the same grid and normalised to the later one; None if no feature is of it.
        """
        self._stack, self._layers, self.features, self._sun, self._before = stack, layers, features, sun, before
        self._bands, self._earlier = bands_of(features), earlier_bands_of(features)
        # To get fresh memory for every window costs as much as a third of the features.
        self._room = np.empty(0, np.float32)
        groups = {group_of(name) for name in features}
        self._terrain = bool(groups & {"terrain", "light"})

    def read(self, window: Window) -> NDArray[np.float32]:
        """Compute the features of a window.

        Returns:
            (features, rows, cols) float32, finite; 0 where one is unknown. The next window takes the same memory.
        """
        around = window.grown(HALO, self._stack.grid.shape)
        top, left = window.row - around.row, window.col - around.col
        inner = (slice(top, top + window.height), slice(left, left + window.width))
        said = self._layers.read(around)
        values = self._stack.read(self._bands, around) if self._bands else ()
        earlier = self._before.read(self._earlier, around) if self._before and self._earlier else ()
        terrain = self._stack.terrain(around) if self._terrain else None
        view = View(
            dict(zip(self._bands, values, strict=True)),
            said[0],
            said[1] if len(said) > 1 else None,
            terrain.elevation if terrain else None,
            self._sun,
            dict(zip(self._earlier, earlier, strict=True)),
        )
        needed = len(self.features) * window.height * window.width
        if self._room.size < needed:
            self._room = np.empty(needed, np.float32)
        return compute(view, self.features, inner, self._room)


class Trees:
    """The trees of a taught bundle, ready to run on the CPU."""

    def __init__(self, file: bytes, features: int, what: str) -> None:
        """Open the trees.

        Args:
            file: the ONNX file.
            features: how many features they take.
            what: the file's name, for messages.

        Raises:
            BundleError: the file is not of this kind.
        """
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.log_severity_level = 4
        # Threads that wait for more work would take as much processor time as those that have some.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's classes have no base of their own
            raise BundleError(
                f"{what} is not a file of trees that ONNX Runtime {ort.__version__} can run ({error}); teach again."
            ) from error
        shapes = [value.shape for value in (*self._session.get_inputs(), *self._session.get_outputs())]
        if [shape[1:] for shape in shapes] != [[features], [1]]:
            raise BundleError(
                f"{what} has inputs and outputs of the shapes {shapes}; expected (n, {features}) and (n, 1), so teach "
                "again."
            )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (n,) float32 probabilities of pixels with (n, features) float32 features."""
        (probability,) = self._session.run(None, {self._input: np.ascontiguousarray(features, np.float32)})
        out: NDArray[np.float32] = probability[:, 0]
        return out


def judge_surface(
    stack: Stack,
    bundle: Bundle,
    layers: ScratchRaster,
    parts: ResumeStore,
    sun: Sun | None,
    before: Stack | None = None,
) -> ScratchRaster:
    """Let a taught bundle's trees judge what its base's networks said; the spread stays that of the networks.

    Args:
        stack: the scene; must have the bundle's features, see `require_features`.
        bundle: the taught bundle.
        layers: what the networks said, see `l4s_geo.inference.predict.Prediction`.
        parts: where judged rows are kept, and taken from if they are there.
        sun: where the sun stood.
        before: the earlier date, if the bundle was taught with one.

    Returns:
        Layers as given, with the trees' probabilities.

    Raises:
        L4SError: a file cannot be read, or the disk is full.
    """
    if bundle.taught is None:
        raise ValueError(f"The bundle {bundle.name} was not taught.")
    trees = Trees(bundle.network(bundle.taught), len(bundle.taught.features), str(bundle.location))
    sight = Sight(stack, layers, bundle.taught.features, sun, before)
    judged = ScratchRaster(parts.path("taught.f32"), layers.bands, layers.width)
    start = judged.height // BLOCK[0] * BLOCK[0] if judged.height < layers.height else layers.height
    with parts.writing():
        judged.keep(start)
    for strip in blocks(stack.grid):
        if strip[0].row < start:
            continue
        whole = layers.read(Window(strip[0].row, 0, strip[0].height, layers.width))
        for window in strip:
            _judge(whole[0, :, window.col : window.col + window.width], sight, trees, window)
        with parts.writing():
            judged.append(whole)
    return judged


def _judge(probability: NDArray[np.float32], sight: Sight, trees: Trees, window: Window) -> None:
    """Put the trees' probabilities in place of the networks', where there are any."""
    mapped = np.isfinite(probability)
    if not mapped.any():
        return
    features = sight.read(window)
    for row in range(0, window.height, _ROWS):
        part = slice(row, row + _ROWS)
        there = mapped[part]
        probability[part][there] = trees(features[:, part][:, there].T)
