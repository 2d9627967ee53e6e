"""From a stack to a probability raster: overlapping windows, blended, a row of windows at a time.

A row of windows is read as one strip, its windows are run, and their weighted probabilities are added up; rows
of pixels that no later window reaches are finished and go to disk. While the networks run on one strip, one thread
reads the next, and another blends and writes the last; neither gets further ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.grid import Window, starts
from l4s_geo.inference.blend import Blend
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inference.scene_statistics import deviation, sample_moments, statistics
from l4s_geo.inference.tta import TestTimeAugmentation, views
from l4s_geo.moments import Moments
from l4s_geo.normalize import Statistics
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.progress import Stopwatch
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.stack.stack import Stack

__all__ = ["OVERLAP", "PredictSettings", "Prediction", "predict"]

OVERLAP = 32
"""Pixels that neighbouring windows share by default."""

Progress = Callable[[int, int], None]
"""Called with (windows done, windows in all)."""

_STATE, _SURFACE = "state.npz", "surface.f32"


@dataclass(frozen=True)
class PredictSettings:
    """How a stack is mapped; `l4s_geo.map_scene` explains the settings."""

    overlap: int = OVERLAP
    """Pixels."""
    tta: TestTimeAugmentation = "none"
    skip_flat: float = 0.0
    """Degrees."""
    prior: TerrainPrior | None = None
    """Weighs the probabilities by the slope of the ground."""


@dataclass(frozen=True)
class Prediction:
    """What the networks say of every pixel."""

    layers: ScratchRaster
    """The probability of landslide, NaN where nothing was mapped; then, if there are several votes, the *spread*: the
    standard deviation of the probabilities over networks and views."""
    statistics: Statistics | None = None
    """Those of the scene that networks with separated normalisation got."""
    statistics_error: float | None = None
    """How far they are off those of all the pixels read; see `l4s_geo.inference.scene_statistics.deviation`."""

    @property
    def has_spread(self) -> bool:
        """Whether there is a spread."""
        return self.layers.bands > 1


_Votes = list[tuple[Blend, list[int], tuple[Any, ...]]]
"""For each replica the first columns of its windows and, window by window, probability and spread."""


@dataclass(frozen=True)
class _Strip:
    """One row of windows, read."""

    wanted: NDArray[np.bool_]
    """(rows, cols): pixels that are valid and asked for."""
    left: int
    """First column of `values`."""
    values: NDArray[np.float32]
    """(bands, rows, columns that some window needs)."""
    columns: list[int]
    """First columns of the windows to run."""
    windows: NDArray[np.float32] | None
    """(windows, bands, side, side), where the networks take them from the host's memory."""
    slope: NDArray[np.float32] | None
    """(rows, cols), degrees, of the rows that are finished with this strip; None if it is not needed."""


def predict(
    stack: Stack,
    model: LoadedBundle,
    parts: ResumeStore,
    how: PredictSettings | None = None,
    progress: Progress = lambda done, total: None,
    watch: Stopwatch | None = None,
) -> Prediction:
    """Map a stack.

    Args:
        stack: the scene; must have the model's bands.
        model: the bundle to run.
        parts: where finished rows are kept, and taken from if they are there.
        how: overlap, augmentation and what to skip: windows whose slope never reaches `PredictSettings.skip_flat`
            degrees are not run, and what only lies in such windows gets the probability 0.
        progress: called after every row of windows.
        watch: measures the stages.

    Returns:
        The surface, NaN where the scene has no valid value in some band that the model needs, a mask hides it, or it
        lies outside the area of interest.

    Raises:
        L4SError: a file cannot be read, the device fails, or the disk is full.
    """
    how, watch = how or PredictSettings(), watch or Stopwatch()
    side, grid = model.bundle.window, stack.grid
    rows, cols = starts(grid.height, side, how.overlap), starts(grid.width, side, how.overlap)
    votes = len(model.bundle.members) * len(views(how.tta))
    work = _Work(
        stack, model, parts, how, watch, ScratchRaster(parts.path(_SURFACE), 2 if votes > 1 else 1, grid.width)
    )

    # The next strip starts so many rows further down: what lies above is finished.
    steps = [below - row for row, below in pairwise([*rows, grid.height])]

    read = with_these_settings(lambda number: work.read(rows[number], steps[number], cols))
    first = work.resume()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead = [reader.submit(read, number) for number in range(first, len(rows))[:1]]
        behind: list[Future[None]] = []
        for number in range(first, len(rows)):
            with watch("waiting for the reader"):
                strip = ahead.pop().result()
            if number + 1 < len(rows):
                ahead.append(reader.submit(read, number + 1))
            voted = work.vote(strip, how.tta)
            with watch("waiting for the writer"):
                while behind:
                    behind.pop().result()
            behind.append(writer.submit(work.write, number + 1, strip, voted, steps[number]))
            progress((number + 1) * len(cols), len(rows) * len(cols))
        while behind:
            behind.pop().result()
    return work.surface()


class _Work:
    """What the three threads do; each of them calls its own methods only."""

    def __init__(
        self,
        stack: Stack,
        model: LoadedBundle,
        parts: ResumeStore,
        how: PredictSettings,
        watch: Stopwatch,
        layers: ScratchRaster,
    ) -> None:
        self._stack, self._model, self._parts, self._how, self._watch = stack, model, parts, how, watch
        self._layers = layers
        self._blends = [Blend(replica, layers.bands, stack.grid.width) for replica in model.replicas]
        self._workers = ThreadPoolExecutor(len(model.replicas)) if len(model.replicas) > 1 else None
        self._on_host = model.xp is np
        self._bands = len(model.bands)
        self._domain: Statistics | None = None
        self._seen = Moments.none(self._bands)

    def resume(self) -> int:
        """Take up what an earlier run has finished; return the number of the first row of windows to run."""
        first = 0
        if self._parts.resumed and _STATE in self._parts.names():
            state = self._parts.load(_STATE)
            first = int(state["number"])
            self._layers.keep(int(state["rows"]))
            self._blends[0].restore(state["sums"])
            self._seen = Moments(*state["seen"])
        else:
            self._parts.begin()
            self._layers.keep(0)
        if any(m.normalization == "domain" for m in self._model.bundle.members):
            name = "statistics.npz"
            if name not in self._parts.names():
                with self._watch("statistics"):
                    sample = sample_moments(self._stack, self._model.bundle)
                self._parts.save(name, count=sample.count, mean=sample.mean, squares=sample.squares)
            self._domain = statistics(Moments(**self._parts.load(name)))
        return first

    def read(self, row: int, step: int, cols: list[int]) -> _Strip:
        """Read one row of windows, only the columns that some window needs; and slopes of the first `step` rows."""
        with self._watch("read"):
            stack, model, side = self._stack, self._model, self._model.bundle.window
            strip = Window(row, 0, min(side, stack.grid.height), stack.grid.width)
            wanted = stack.area.read(strip) if stack.area else np.ones((strip.height, strip.width), bool)
            slope = stack.slope(Window(row, 0, step, strip.width)) if self._how.prior else None
            meeting = [c for c in cols if wanted[:, c : c + side].any()]
            if not meeting:
                return _Strip(wanted, 0, np.empty((self._bands, strip.height, 0), np.float32), [], None, slope)
            left, right = meeting[0], min(meeting[-1] + side, stack.grid.width)
            span = Window(row, left, strip.height, right - left)
            values = stack.read(model.bands, span, model.bundle.optional)
            wanted[:, left:right] &= np.logical_and.reduce([np.isfinite(band) for band in values])
            meeting = [c for c in meeting if wanted[:, c : c + side].any()]
            if self._how.skip_flat > 0:
                steep = stack.slope(span) >= self._how.skip_flat
                meeting = [c for c in meeting if steep[:, c - left : c - left + side].any()]
            windows = self._cut(values, left, meeting) if self._on_host and meeting else None
            return _Strip(wanted, left, values, meeting, windows, slope)

    def vote(self, strip: _Strip, tta: TestTimeAugmentation) -> _Votes:
        """Run a strip's windows, shared among the replicas."""
        shares = np.array_split(np.array(strip.columns, int), len(self._blends))
        jobs = [
            (replica, blend, share.tolist())
            for replica, blend, share in zip(self._model.replicas, self._blends, shares, strict=True)
            if len(share)
        ]

        def run(replica: LoadedBundle, blend: Blend, columns: list[int]) -> tuple[Blend, list[int], tuple[Any, ...]]:
            with replica.active():
                windows = self._put(replica, strip, columns) if strip.windows is None else strip.windows
                with self._watch("networks"):
                    return blend, columns, replica.predict_with_spread(windows, self._domain, tta)[: self._layers.bands]

        if self._workers is None:
            return [run(*job) for job in jobs]
        return [done.result() for done in [self._workers.submit(run, *job) for job in jobs]]

    def write(self, number: int, strip: _Strip, voted: _Votes, step: int) -> None:
        """Blend a strip, finish its first `step` rows and keep them, with all that going on from here needs."""
        with self._watch("blend"):
            for blend, columns, layers in voted:
                blend.add(columns, *layers)
            sums = np.asarray(sum(blend.finish(step) for blend in self._blends))
            rest = np.asarray(sum(blend.state(self._model.bundle.window - step) for blend in self._blends))
        with self._watch("write rows"):
            share, *totals = sums
            share[share == 0] = 1
            values = np.stack([total / share for total in totals])
            values[:, ~strip.wanted[:step]] = np.nan
            if self._how.prior and strip.slope is not None:
                values[0] = self._how.prior.apply(values[0], strip.slope)
            with self._parts.writing():
                self._layers.append(values)
            if self._domain:
                self._seen += Moments.of(strip.values[:, :step])
            seen = np.stack([self._seen.count, self._seen.mean, self._seen.squares])
            state = {"number": np.array(number), "rows": np.array(self._layers.height), "sums": rest, "seen": seen}
            self._parts.save(_STATE, **state)

    def surface(self) -> Prediction:
        """Return the finished surface."""
        if self._workers:
            self._workers.shutdown()
        complete = self._domain and self._seen.count.all() and self._stack.area is None
        error = deviation(self._domain, statistics(self._seen)) if self._domain and complete else None
        return Prediction(self._layers, self._domain, error)

    def _cut(self, values: NDArray[np.float32], left: int, columns: list[int]) -> NDArray[np.float32]:
        """Cut windows out of a strip's values, whose first column is `left`."""
        side, values = self._model.bundle.window, self._padded(values)
        return np.stack([values[:, :, c - left : c - left + side] for c in columns])

    def _put(self, replica: LoadedBundle, strip: _Strip, columns: list[int]) -> Any:
        """Cut windows out of a strip on a replica's device, to which each pixel is copied once."""
        side, values = self._model.bundle.window, self._padded(strip.values)
        held = replica.to_device(values[:, :, columns[0] - strip.left : columns[-1] - strip.left + side])
        return replica.xp.stack([held[:, :, c - columns[0] : c - columns[0] + side] for c in columns])

    def _padded(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mirror the values of a scene that is smaller than a window."""
        side = self._model.bundle.window
        _, height, width = values.shape
        if height >= side and width >= side:
            return values
        return np.pad(values, [(0, 0), (0, max(side - height, 0)), (0, max(side - width, 0))], mode="symmetric")
