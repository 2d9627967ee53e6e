"""The work of one process on the units of an event: take one that nobody has, map it, note what came of it.

Several processes may do so at once, on the same table. While a unit is mapped, the inputs of the next are read, which
brings them into the system's memory and finds out what they hold.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from l4s_geo import defaults
from l4s_geo.address import shown
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import L4SError
from l4s_geo.events.content import Contents
from l4s_geo.events.hearing import Hearing
from l4s_geo.events.job_table import Job, JobTable
from l4s_geo.events.run_unit import clear_up, is_result, make_folder, result_of, run_unit
from l4s_geo.events.units import Unit
from l4s_geo.output.claim import claimed_if_free
from l4s_geo.progress import Reporter

if TYPE_CHECKING:
    from l4s_geo.inference.runtime import LoadedBundle

__all__ = ["Outcome", "Worker", "line_of"]

Outcome = Literal["mapped", "kept", "failed", "elsewhere"]
"""What came of a unit: it was mapped, was done already (or had failed and is not to be tried again), failed now, or
another process is at it."""

_MOST_DEATHS = 5
"""So many processes may die of a unit before it counts as failed."""


def line_of(job: Job, outcome: Outcome) -> str:
    """Return a line that says what came of a unit."""
    if job.state == "failed":
        again = "" if outcome == "failed" else " before, and --retry tries it again"
        return f"Unit {job.name} failed{again}: {job.error}"
    found = job.result
    area = f"{found['area_m2'] / 1e6:.3f} km² of {found['valid_m2'] / 1e6:.1f} km²"
    return f"Unit {job.name}: {found['features']} landslides, {area}, {job.seconds:.0f} s"


@dataclass
class Worker:
    """Maps units of a table, one after another."""

    table: JobTable
    tell: Reporter
    retry: bool = False
    """Whether to try again what has failed."""
    tried: set[str] = field(default_factory=set)
    """Units that it has begun itself, which it does not try again."""
    _models: dict[tuple[Any, ...], LoadedBundle] = field(default_factory=dict)

    @property
    def contents(self) -> Contents:
        """What it knows of the contents of files."""
        return self._contents

    def __post_init__(self) -> None:
        self._contents = Contents(self.table)
        self._hearing = Hearing(self.tell)

    def work(self, names: Sequence[str]) -> Iterator[tuple[Job, Outcome]]:
        """Do what is to be done of some units.

        Args:
            names: the units, in the order of work.

        Yields:
            Each unit's row, as it is then, and what came of it.

        Raises:
            OutputError: the table or the folder of the results cannot be written to.
            BundleError: there is no such bundle.
            DeviceError: the device is not to be had.
        """
        with ThreadPoolExecutor(1) as ahead:
            keys: dict[str, Future[str]] = {}
            for place, name in enumerate(names):
                following = names[place + 1 : place + 2]
                read_next = partial(self._read_ahead, ahead, keys, following)
                outcome = self._attempt(name, keys.pop(name, None), read_next)
                yield self.table.job(name), outcome

    def _read_ahead(self, pool: ThreadPoolExecutor, keys: dict[str, Future[str]], names: Sequence[str]) -> None:
        """Begin to read the inputs of units; whatever is wrong with them is said when they are mapped."""
        for name in names:
            job = self.table.job(name)
            if job.state != "done" and name not in keys:
                keys[name] = pool.submit(self._contents.key, job.unit)

    def _attempt(self, name: str, key: Future[str] | None, meanwhile: Callable[[], None]) -> Outcome:
        """Map a unit, unless it is done, or somebody else's."""
        unit = self.table.job(name).unit
        place = Path(unit.out).with_suffix("")
        make_folder(place.parent)
        with claimed_if_free(place) as free:
            return self._claimed(name, unit, key, meanwhile) if free else "elsewhere"

    def _claimed(self, name: str, unit: Unit, known: Future[str] | None, meanwhile: Callable[[], None]) -> Outcome:
        job = self.table.job(name)
        started = perf_counter()
        try:
            key = known.result() if known else self._contents.key(unit)
        except L4SError as error:
            if job.state == "failed" and not self.retry:
                return "kept"
            return self._failed(name, "", started, str(error))
        same = job.key == key
        if same and job.state == "done" and is_result(unit, key):
            return "kept"
        if same and job.state == "failed" and (not self.retry or name in self.tried):
            return "kept"
        if (result := result_of(unit, key)) is not None:  # of a run that was killed before it could say so
            clear_up(unit)
            self.table.finish(name, key, job.seconds if same else 0.0, result)
            return "kept"
        died = same and job.state == "running"
        if died and job.deaths + 1 >= _MOST_DEATHS:
            reason = (
                f"The processes that mapped it died {_MOST_DEATHS} times without a word (the last was {job.owner}), as "
                "happens when the memory is used up or somebody kills them; close other programs, use fewer workers, "
                "and run again with --retry."
            )
            return self._failed(name, key, started, reason)
        # A device that is not to be had is the user's to know of before the first unit, not after each.
        model = self._model(unit)
        self.tried.add(name)
        self.table.begin(name, key, died)
        meanwhile()
        return self._map(name, unit, key, model, started)

    def _map(self, name: str, unit: Unit, key: str, model: LoadedBundle, started: float) -> Outcome:
        self._hearing.begin(name)
        try:
            result = run_unit(unit, key, self._hearing, model)
        except L4SError as error:
            return self._failed(name, key, started, str(error), begun=True)
        except MemoryError:
            text = "The memory is used up; close other programs, or map with fewer workers, and run again with --retry."
            return self._failed(name, key, started, text, begun=True)
        except KeyboardInterrupt:
            self.table.release(name)
            raise
        except Exception as error:
            # A bug in one unit stops no other; who mends it needs to know where it is.
            self.tell.say(shown(traceback.format_exc()))
            text = f"The engine failed on it, which is a bug ({type(error).__name__}: {error}); please report it."
            return self._failed(name, key, started, shown(text), begun=True)
        self.table.finish(name, key, round(perf_counter() - started, 2), result)
        return "mapped"

    def _failed(self, name: str, key: str, started: float, error: str, begun: bool = False) -> Outcome:
        if not begun:
            self.tried.add(name)
            self.table.begin(name, key, False)
        self.table.fail(name, round(perf_counter() - started, 2), error)
        return "failed"

    def _model(self, unit: Unit) -> LoadedBundle:
        """Return the networks of a unit, loaded once for all units that share them."""
        options = unit.options
        device, precision = options.get("device", defaults.DEVICE), options.get("precision", defaults.PRECISION)
        how = (unit.bundle, device, precision, options.get("batch"))
        if how not in self._models:
            from l4s_geo.inference.runtime import load_networks

            self._models[how] = load_networks(find_bundle(unit.bundle), device, precision, options.get("batch"))
        return self._models[how]
