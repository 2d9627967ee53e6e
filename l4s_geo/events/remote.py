"""What a worker of a Dask cluster does: one unit a task, described by paths, told by a few lines of JSON.

A worker keeps a job table of its own, in its own folder, and does what a process of ``--workers`` does on it; what
became of the unit goes back to the process that asked (`l4s_geo.events.cluster`), whose table says what is so. Results
go to the event's folder, which every worker must see, or to an object store, by way of the worker's folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

from l4s_geo.address import is_network, shown
from l4s_geo.assumptions import Assumptions
from l4s_geo.chatter import without_chatter
from l4s_geo.errors import EventError, L4SError
from l4s_geo.events.job_table import JobTable
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.units import Unit
from l4s_geo.events.work import Worker
from l4s_geo.progress import Silent

__all__ = ["Needs", "Order", "UnreachableError", "fitness", "map_unit", "send_unit"]


class UnreachableError(Exception):
    """A unit failed that needs a network, and may not if tried again; its argument is what `map_unit` would return."""


@dataclass(frozen=True)
class Needs:
    """What a worker must have."""

    version: str
    """Of l4s-geo."""
    paths: tuple[str, ...] = ()
    """Files and folders that it must see."""
    mark: str = ""
    """A file that whoever asks has just written into the folder of the results; "" if they go to a store."""
    store: tuple[str, str] | None = None
    """Bucket and folder of an object store that it must be able to write to."""
    gpu: bool = False
    """Whether units are shared out by the GPUs that workers announce, and not by their threads."""


@dataclass(frozen=True)
class Order:
    """One unit to map, as text a worker understands."""

    unit: Unit
    needs: Needs
    told: Mapping[str, Any]
    """What is known of it, by `l4s_geo.events.job_table.Job.told`."""
    digests: Mapping[str, Any]
    """What is known of its files, by `l4s_geo.events.content.Contents.digests`."""
    retry: bool
    """Whether to try it again if it has failed."""
    topic: str
    """Under which the scheduler passes on what is said."""

    def json(self) -> str:
        """Return it as JSON."""
        return json.dumps({**vars(self), "unit": self.unit.json(), "needs": vars(self.needs)})

    @classmethod
    def of(cls, text: str) -> Order:
        """Take up what `json` gave."""
        given = json.loads(text)
        return cls(**{**given, "unit": Unit.of(given["unit"]), "needs": _needs(given["needs"])})


def fitness(needs: str, dask_worker: Any) -> str:
    """Return why a worker cannot map, as the end of a sentence that begins with its name; "" if it can.

    Args:
        needs: fields of `Needs`, as JSON.
        dask_worker: the worker that is asked.
    """
    return _unfit(_needs(json.loads(needs)), dask_worker)


def map_unit(order: str) -> str:
    """Map a unit, as a task of a worker.

    Args:
        order: an `Order`, by its `json`.

    Returns:
        JSON: outcome (`l4s_geo.events.work.Outcome`), told (`l4s_geo.events.job_table.Job.told`), digests of the files
        that were read, and tags of the objects that were written to a store, by name.

    Raises:
        EventError: this worker lacks something.
        UnreachableError: it failed, and may not elsewhere or later.
        L4SError: see `l4s_geo.events.work.Worker.work`.
    """
    from distributed import get_worker

    here, given = get_worker(), Order.of(order)
    if problem := _unfit(given.needs, here):
        raise EventError(f"The worker {here.address} {problem}")
    name, unit = given.unit.name, given.unit
    store = ObjectStore(*given.needs.store) if given.needs.store else None
    desk = _desk(here, given.topic)
    with without_chatter(), desk.lock:
        if store:
            unit = replace(unit, out=str(desk.folder / "units" / Path(unit.out).name))
            _fetch_unit(store, unit)
        desk.table.plan([unit])
        desk.table.take(name, given.told)
        for place, (stamp, digest) in given.digests.items():
            desk.table.keep_digest(place, (stamp[0], stamp[1], stamp[2]), digest)
        desk.worker.retry = given.retry
        desk.worker.contents.digests.clear()
        ((job, outcome),) = desk.worker.work([name])
        result: dict[str, Any] = {"outcome": outcome, "told": job.told(), "digests": desk.worker.contents.digests}
        if store and job.state == "done":
            try:
                result["tags"] = send_unit(store, unit)
            except L4SError as error:
                outcome = "failed"
                result |= {"outcome": outcome, "told": {**job.told(), "state": "failed", "error": str(error)}}
    text = json.dumps(result)
    if outcome == "failed" and (store or any(map(is_network, (*unit.after, *unit.before, *unit.dem)))):
        raise UnreachableError(text)
    return text


def send_unit(store: ObjectStore, unit: Unit) -> dict[str, str]:
    """Copy a unit's files into a store, its inventory last; return the tags of the objects by name.

    Raises:
        OutputError: one cannot be copied.
    """
    paths = sorted(unit.outputs.values(), key=lambda path: path == unit.out)
    return {(name := f"units/{Path(path).name}"): store.send(Path(path), name) for path in paths}


def _fetch_unit(store: ObjectStore, unit: Unit) -> None:
    """Take a unit's files from a store, if they are there and not here: a run that is no more may have made them."""
    for path in map(Path, unit.outputs.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            store.fetch(f"units/{path.name}", path)


def _needs(given: Mapping[str, Any]) -> Needs:
    store = given["store"]
    return Needs(**{**given, "paths": tuple(given["paths"]), "store": tuple(store) if store else None})


def _unfit(needs: Needs, worker: Any) -> str:
    if (own := version("l4s-geo")) != needs.version:
        return f"has l4s-geo {own}, and this is {needs.version}; install the same on all machines."
    if not needs.gpu and worker.state.nthreads > 1:
        return (
            f"would map {worker.state.nthreads} units at once; expected one, so start it with one thread (its option "
            "nthreads), or with GPU=1 among its resources if all have a GPU."
        )
    if lacking := [path for path in (*needs.paths, needs.mark) if path and not os.path.exists(path)]:
        return (
            f"does not see {shown(lacking[0])}; expected all workers to have inputs and results under the same paths, "
            "so mount them alike, or give addresses of an object store."
        )
    if needs.store:
        try:
            ObjectStore(*needs.store).check()
        except L4SError as error:
            return f"cannot be used: {error}"
    return ""


class _Desk:
    """What a worker keeps from unit to unit of a run: its table, and the networks that it has loaded."""

    def __init__(self, folder: Path, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.table = _TellingTable(folder / "jobs.sqlite", tell)
        self.worker = Worker(self.table, _Telling(tell))
        self.lock = Lock()


@lru_cache(1)
def _desk(dask_worker: Any, topic: str) -> _Desk:
    return _Desk(Path(dask_worker.local_directory) / topic, lambda message: dask_worker.log_event(topic, dict(message)))


class _TellingTable(JobTable):
    """A job table of which others hear when a unit is begun."""

    def __init__(self, path: Path, tell: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(path)
        self._tell = tell

    def begin(self, name: str, key: str, died: bool) -> None:
        """Note that this process begins a unit, and tell it."""
        super().begin(name, key, died)
        self._tell({"begins": name, "owner": self.job(name).owner})


class _Telling(Silent):
    """Passes on what every user should see."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell = tell

    def say(self, text: str) -> None:
        """Pass on a line."""
        self._tell({"say": shown(text)})

    def assumes(self, assumptions: Assumptions) -> None:
        """Pass on what is taken for granted, in one piece."""
        self.say("\n".join(assumptions.lines()))
