"""From a stack to a probability raster: overlapping windows, blended, a row of windows at a time.

A row of windows is read as one strip, its windows are run, and their weighted probabilities are added up; rows
of pixels that no later window reaches are finished and go to disk. While the networks run on one strip, one thread
reads the next, and another blends and writes the last; neither gets further ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.errors import L4SError
from l4s_geo.grid import Window, starts
from l4s_geo.inference.blend import Blend
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inference.scene_statistics import deviation, sample_moments, statistics
from l4s_geo.inference.tta import TTA, TestTimeAugmentation, views
from l4s_geo.moments import Moments
from l4s_geo.normalize import Statistics
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.progress import Stopwatch
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.stack.masks import Mask
from l4s_geo.stack.stack import Stack

__all__ = ["STATE_LAYOUT", "PredictSettings", "Prediction", "predict"]

STATE_LAYOUT = 3
"""Number of the layout in which `predict` keeps its state; a run cannot go on from a state of another layout."""

Progress = Callable[[int, int], None]
"""Called with (windows done, windows in all)."""

_STATE, _STATISTICS, _SURFACE = "state.npz", "statistics.npz", "surface.f32"
_STATE_HOLDS = {"number", "rows", "checksum", "valid", "sums", "seen"}


@dataclass(frozen=True)
class PredictSettings:
    """How a stack is mapped; `l4s_geo.map_scene` explains the settings."""

    overlap: int = defaults.OVERLAP
    """Pixels that neighbouring windows share."""
    tta: TestTimeAugmentation = defaults.TTA
    """Test-time augmentation: the views in which the networks see every window."""
    skip_flat: float = defaults.SKIP_FLAT
    """Windows whose slope never reaches so many degrees are not run and count as landslide-free."""
    prior: TerrainPrior | None = None
    """Weighs the probabilities by the slope of the ground; None leaves them as they are."""

    def __post_init__(self) -> None:
        if not (self.skip_flat >= 0 and math.isfinite(self.skip_flat)):
            raise L4SError(f"The setting skip_flat is {self.skip_flat}; expected 0 or more.")
        if self.tta not in TTA:
            raise L4SError(f"Test-time augmentation {self.tta!r} is unknown; expected one of {', '.join(TTA)}.")

    def check(self, bundle: Bundle) -> None:
        """Check that a bundle can be run like this.

        Raises:
            L4SError: neighbouring windows cannot share so many pixels.
        """
        if not 0 <= self.overlap < bundle.window:
            raise L4SError(f"The overlap is {self.overlap} pixels; expected 0 to {bundle.window - 1}.")

    def gives_spread(self, bundle: Bundle) -> bool:
        """Whether every pixel gets several probabilities, from several networks or in several views."""
        return len(bundle.members) * len(views(self.tta)) > 1


@dataclass(frozen=True)
class Prediction:
    """What the networks say of every pixel."""

    layers: ScratchRaster
    """The probability of landslide, NaN where nothing was mapped; then, if every pixel got several probabilities, the
    *spread*: their standard deviation over networks and views."""
    valid: int
    """Number of pixels that were mapped."""
    statistics: Statistics | None = None
    """The scene's statistics, as networks with separated normalisation got them; None if there is no such network."""
    statistics_error: float | None = None
    """How far they are off those of all the pixels read; see `l4s_geo.inference.scene_statistics.deviation`."""


@dataclass(frozen=True)
class _Strip:
    """One row of windows, read."""

    mapped: NDArray[np.bool_]
    """(rows, cols): True where a pixel is valid and in the area of interest, so that it gets a probability."""
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


@dataclass(frozen=True)
class _Answers:
    """What one replica of the networks says of its share of a strip's windows."""

    blend: Blend
    """Where the replica's windows are added up."""
    columns: list[int]
    """First columns of the windows."""
    layers: tuple[Any, ...]
    """Probability and, if it is wanted, spread, each (windows, side, side) float32 on the replica's device."""


def predict(
    stack: Stack,
    model: LoadedBundle,
    parts: ResumeStore,
    settings: PredictSettings | None = None,
    progress: Progress = lambda done, total: None,
    watch: Stopwatch | None = None,
    wanted: Mask | None = None,
) -> Prediction:
    """Map a stack.

    Args:
        stack: the scene; must have the model's bands.
        model: the bundle to run.
        parts: where finished rows are kept, and taken from if they are there.
        settings: overlap, augmentation and what to skip: windows whose slope never reaches
            `PredictSettings.skip_flat` degrees are not run, and what only lies in such windows gets the probability 0.
        progress: called after every row of windows.
        watch: measures the stages.
        wanted: tells which pixels are to get a probability; None for all. Windows without one are not run.

    Returns:
        What the networks say, NaN where the scene has no valid value in some band that the model needs, where a mask
        hides it, outside the area of interest, and where no probability is wanted.

    Raises:
        L4SError: the settings do not fit the bundle, a file cannot be read, the device fails, or the disk is full.
    """
    settings, watch = settings or PredictSettings(), watch or Stopwatch()
    settings.check(model.bundle)
    side, grid = model.bundle.window, stack.grid
    rows, cols = starts(grid.height, side, settings.overlap), starts(grid.width, side, settings.overlap)
    steps = _Steps(stack, model, parts, settings, watch, wanted)

    # The next strip starts so many rows further down: what lies above is finished.
    finished = [below - row for row, below in pairwise([*rows, grid.height])]

    read = with_these_settings(lambda number: steps.read(rows[number], finished[number], cols))
    first = steps.resume()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead = [reader.submit(read, number) for number in range(first, len(rows))[:1]]
        behind: list[Future[None]] = []
        for number in range(first, len(rows)):
            with watch("waiting for the reader"):
                strip = ahead.pop().result()
            if number + 1 < len(rows):
                ahead.append(reader.submit(read, number + 1))
            answers = steps.run_networks(strip)
            with watch("waiting for the writer"):
                while behind:
                    behind.pop().result()
            behind.append(writer.submit(steps.write, number + 1, strip, answers, finished[number]))
            progress((number + 1) * len(cols), len(rows) * len(cols))
        while behind:
            behind.pop().result()
    return steps.prediction()


class _Steps:
    """The three steps of mapping a strip; each of three threads takes one: `read`, `run_networks`, `write`."""

    def __init__(
        self,
        stack: Stack,
        model: LoadedBundle,
        parts: ResumeStore,
        settings: PredictSettings,
        watch: Stopwatch,
        wanted: Mask | None,
    ) -> None:
        self._stack, self._model, self._parts, self._settings, self._watch = stack, model, parts, settings, watch
        self._wanted = wanted
        layers = 2 if settings.gives_spread(model.bundle) else 1
        self._layers = ScratchRaster(parts.path(_SURFACE), layers, stack.grid.width)
        self._blends = [Blend(replica, layers, stack.grid.width) for replica in model.replicas]
        self._workers = ThreadPoolExecutor(len(model.replicas)) if len(model.replicas) > 1 else None
        self._on_host = model.xp is np
        self._bands = len(model.bands)
        self._statistics: Statistics | None = None
        self._seen = Moments.none(self._bands)
        self._valid = 0

    def resume(self) -> int:
        """Take up what an earlier run has finished; return the number of the first row of windows to run."""
        first = 0
        if (state := self._state()) is not None:
            first, self._valid = int(state["number"]), int(state["valid"])
            self._blends[0].restore(state["sums"])
            self._seen = Moments(*state["seen"])
        else:
            self._parts.begin()
            self._layers.keep(0)
        if any(m.normalization == "domain" for m in self._model.bundle.members):
            found = self._parts.load(_STATISTICS)
            if found is None:
                with self._watch("statistics"):
                    sample = sample_moments(self._stack, self._model.bundle)
                found = {"count": sample.count, "mean": sample.mean, "squares": sample.squares}
                self._parts.save(_STATISTICS, **found)
            self._statistics = statistics(Moments(**found))
        return first

    def _state(self) -> dict[str, NDArray[Any]] | None:
        """Return what an earlier run kept of its state, if that and the rows it speaks of are whole."""
        state = self._parts.load(_STATE) if self._parts.resumed else None
        if state is None or not state.keys() >= _STATE_HOLDS:
            return None
        self._layers.keep(int(state["rows"]))
        return state if self._layers.checksum == int(state["checksum"]) else None

    def read(self, row: int, finished: int, cols: list[int]) -> _Strip:
        """Read one row of windows.

        Args:
            row: first row of pixels.
            finished: how many rows no later window reaches; slopes are read of these alone.
            cols: first columns of all windows; only those columns of pixels are read that some window needs.
        """
        with self._watch("read"):
            stack, model, side = self._stack, self._model, self._model.bundle.window
            strip = Window(row, 0, min(side, stack.grid.height), stack.grid.width)
            mapped = stack.area.read(strip) if stack.area else np.ones((strip.height, strip.width), bool)
            if self._wanted:
                mapped &= self._wanted.read(strip)
            slope = stack.slope(Window(row, 0, finished, strip.width)) if self._settings.prior else None
            meeting = [c for c in cols if mapped[:, c : c + side].any()]
            if not meeting:
                return _Strip(mapped, 0, np.empty((self._bands, strip.height, 0), np.float32), [], None, slope)
            left, right = meeting[0], min(meeting[-1] + side, stack.grid.width)
            span = Window(row, left, strip.height, right - left)
            values = stack.read(model.bands, span, model.bundle.optional)
            mapped[:, left:right] &= np.logical_and.reduce([np.isfinite(band) for band in values])
            meeting = [c for c in meeting if mapped[:, c : c + side].any()]
            if self._settings.skip_flat > 0:
                steep = stack.slope(span) >= self._settings.skip_flat
                meeting = [c for c in meeting if steep[:, c - left : c - left + side].any()]
            windows = self._windows_on_host(values, left, meeting) if self._on_host and meeting else None
            return _Strip(mapped, left, values, meeting, windows, slope)

    def run_networks(self, strip: _Strip) -> list[_Answers]:
        """Run a strip's windows, shared among the replicas."""
        shares = np.array_split(np.array(strip.columns, int), len(self._blends))
        jobs = [
            (replica, blend, share.tolist())
            for replica, blend, share in zip(self._model.replicas, self._blends, shares, strict=True)
            if len(share)
        ]

        def run(replica: LoadedBundle, blend: Blend, columns: list[int]) -> _Answers:
            with replica.active():
                windows = strip.windows if strip.windows is not None else self._windows_on(replica, strip, columns)
                with self._watch("networks"):
                    layers = replica.predict_with_spread(windows, self._statistics, self._settings.tta)
            return _Answers(blend, columns, layers[: self._layers.bands])

        if self._workers is None:
            return [run(*job) for job in jobs]
        return [done.result() for done in [self._workers.submit(run, *job) for job in jobs]]

    def write(self, number: int, strip: _Strip, answers: list[_Answers], finished: int) -> None:
        """Blend a strip, and keep its finished rows with all that going on from here needs.

        Args:
            number: how many rows of windows are done with this one.
            strip: the strip.
            answers: of the replicas that had windows of it.
            finished: how many of its rows no later window reaches.
        """
        with self._watch("blend"):
            for answer in answers:
                answer.blend.add(answer.columns, *answer.layers)
            sums = np.asarray(sum(blend.finish(finished) for blend in self._blends))
            rest = np.asarray(sum(blend.state(self._model.bundle.window - finished) for blend in self._blends))
        with self._watch("write rows"):
            weights, *totals = sums
            weights[weights == 0] = 1
            values = np.stack([total / weights for total in totals])
            values[:, ~strip.mapped[:finished]] = np.nan
            if self._settings.prior and strip.slope is not None:
                values[0] = self._settings.prior.apply(values[0], strip.slope)
            with self._parts.writing():
                self._layers.append(values)
            self._valid += int(np.isfinite(values[0]).sum())
            if self._statistics:
                self._seen += Moments.of(strip.values[:, :finished])
            self._parts.save(
                _STATE,
                number=np.array(number),
                rows=np.array(self._layers.height),
                checksum=np.array(self._layers.checksum),
                valid=np.array(self._valid),
                sums=rest,
                seen=np.stack([self._seen.count, self._seen.mean, self._seen.squares]),
            )

    def prediction(self) -> Prediction:
        """Return what was found, when all strips are written."""
        if self._workers:
            self._workers.shutdown()
        whole = self._stack.area is None and self._wanted is None
        complete = self._statistics and self._seen.count.all() and whole
        error = deviation(self._statistics, statistics(self._seen)) if self._statistics and complete else None
        return Prediction(self._layers, self._valid, self._statistics, error)

    def _windows_on_host(self, values: NDArray[np.float32], left: int, columns: list[int]) -> NDArray[np.float32]:
        """Cut windows out of a strip's values, whose first column is `left`."""
        side, values = self._model.bundle.window, self._padded(values)
        return np.stack([values[:, :, c - left : c - left + side] for c in columns])

    def _windows_on(self, replica: LoadedBundle, strip: _Strip, columns: list[int]) -> Any:
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
