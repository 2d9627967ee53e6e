"""Runs the units of an event on a Dask cluster: one unit a task, paths and never arrays in the graph.

This process alone writes the job table, which stays where it is. It sends out what is not done, hears from the
scheduler what is begun and said, and takes up what came of each unit. A unit whose worker is lost is done again by
another, which goes on where the lost one was if it sees its files. Workers share units out among themselves and with
runs elsewhere by the same locks as processes of one machine (`l4s_geo.output.claim`).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from l4s_geo.address import is_network, shown
from l4s_geo.errors import EventError, L4SError, OutputError
from l4s_geo.events.content import Contents
from l4s_geo.events.job_table import JobTable, cluster_claim
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.remote import Needs, Order, UnreachableError, fitness, map_unit
from l4s_geo.events.run_unit import is_whole
from l4s_geo.events.units import Unit
from l4s_geo.events.work import line_of
from l4s_geo.output.claim import claimed, is_claimed
from l4s_geo.progress import Reporter

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["map_on_cluster"]

_PATIENCE_S = 15.0
"""So long a scheduler, or its file, is waited for."""
_PAUSE_S = 5.0
"""After so long a unit is asked for again that another process was at."""
_RETRIES = 2
"""So often what failed for a network, or for a worker's own folder, is tried again."""
_MOST_PATHS = 200
"""So many files at most are looked for on each worker beforehand; each unit's own are when it is mapped."""
_SCHEME = re.compile(r"[a-z]+://\S+")

Received = Callable[[Mapping[str, str]], None]
"""Takes what a worker has put into a store: entity tags of objects by name."""


def map_on_cluster(
    scheduler: str,
    table: JobTable,
    units: Sequence[Unit],
    folder: Path,
    tell: Reporter,
    *,
    retry: bool = False,
    store: ObjectStore | None = None,
    receive: Received | None = None,
) -> None:
    """Map units on a Dask cluster until all are done or failed; what became of each, the table says.

    Args:
        scheduler: its address, ``tcp://HOST:PORT``, or the file that it wrote (``dask scheduler --scheduler-file``).
        table: the job table, which this process has open.
        units: the units, in the order of work.
        folder: folder of the results; the workers must see it if there is no store.
        tell: hears how it goes.
        retry: whether units that failed are tried again.
        store: where the workers put their results.
        receive: is told what came to lie there.

    Raises:
        EventError: the scheduler is not there or of another version, a worker cannot be used, the scheduler is lost,
            or another run of the event is on a cluster.
        L4SError: what keeps a worker from any work: a bundle that it does not have, a device, a folder.
    """
    with _one_at_a_time(table), _connected(scheduler) as client, _marked(folder, store) as mark:
        _clear(table, units)
        asked = [unit for unit in units if not _is_settled(table, unit, retry, tell)]
        if not asked:
            return
        gpu = _check_cluster(client, scheduler, tell)
        needs = Needs(version("l4s-geo"), mark=mark, store=(store.bucket, store.folder) if store else None, gpu=gpu)
        _check_workers(client, needs, asked)
        run = _Run(client, table, {unit.name: unit for unit in asked}, needs, retry, tell, receive)
        run.follow()


@contextmanager
def _one_at_a_time(table: JobTable) -> Iterator[None]:
    place = cluster_claim(table.path)
    if is_claimed(place):
        raise EventError(
            f"Another run has the event of {table.path} on a cluster; wait for it or end it: two would take the same "
            "units."
        )
    with claimed(place):
        yield


@contextmanager
def _marked(folder: Path, store: ObjectStore | None) -> Iterator[str]:
    """Leave a file in the folder of the results by which workers tell that theirs is the same."""
    if store:
        yield ""
        return
    path = folder.absolute() / f".{uuid4().hex}.l4s-mark"
    try:
        path.touch()
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be written to ({error.strerror}); choose another.") from error
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    """Connect to a scheduler.

    Raises:
        EventError: Dask is not installed, or there is no scheduler that answers in time.
    """
    try:
        from distributed import Client
    except ImportError:
        raise EventError(
            "--scheduler needs the extra dask (pip install 'l4s-geo[dask]'); install it, or use --workers."
        ) from None
    address = _address(scheduler)
    try:
        with ThreadPoolExecutor(1) as asking:  # who calls may have an event loop of his own
            asking.submit(asyncio.run, _asked(address)).result()
        client = Client(address, timeout=_PATIENCE_S, set_as_default=False, name="l4s")
    except Exception as error:
        raise EventError(
            f"No Dask scheduler answers at {address} within {_PATIENCE_S:.0f} s ({type(error).__name__}); start one "
            "(dask scheduler) of the same version of Dask, and give the address that it prints or its file."
        ) from error
    try:
        yield client
    finally:
        with suppress(Exception):  # a scheduler that is gone cannot be taken leave of
            client.close(timeout=_PATIENCE_S)


async def _asked(address: str) -> None:
    """Ask a scheduler what it is, within a time: what listens there and is none may leave a client waiting for ever."""
    from distributed.core import rpc
    from distributed.security import Security

    async with asyncio.timeout(_PATIENCE_S):
        async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
            await scheduler.identity()


def _address(scheduler: str) -> str:
    """Return the address of a scheduler, which its file may tell."""
    if _SCHEME.fullmatch(scheduler):
        return scheduler
    path, until = Path(scheduler), monotonic() + _PATIENCE_S
    while not path.is_file() and monotonic() < until:
        sleep(_PATIENCE_S / 50)
    try:
        address = json.loads(path.read_text(encoding="utf-8"))["address"]
    except OSError as error:
        raise EventError(
            f"The scheduler {scheduler} is neither an address nor a file that can be read ({error.strerror}); expected "
            "tcp://HOST:PORT, or the file that a Dask scheduler writes (its option scheduler-file)."
        ) from None
    except (ValueError, KeyError, TypeError):
        address = None
    if not isinstance(address, str) or not _SCHEME.fullmatch(address):
        raise EventError(
            f"The file {scheduler} does not say where a scheduler is; expected the one that a Dask scheduler "
            "writes (its option scheduler-file)."
        )
    return address


def _clear(table: JobTable, units: Sequence[Unit]) -> None:
    """Take back what a run says to be at that is no more: no other is on a cluster, and locks tell of those here."""
    for unit in units:
        if table.job(unit.name).state == "running" and not is_claimed(Path(unit.out).with_suffix("")):
            table.release(unit.name)


def _is_settled(table: JobTable, unit: Unit, retry: bool, tell: Reporter) -> bool:
    """Whether a unit needs no worker: it is done or has failed, and nothing of it has changed as far as is known."""
    job = table.job(unit.name)
    if job.state not in ("done", "failed"):
        return False
    if job.key != Contents(table).key_if_known(unit):
        return False
    if job.state == "done":
        return is_whole(unit)
    if not retry:
        tell.say(line_of(job, "kept"))
    return not retry


def _check_cluster(client: Client, scheduler: str, tell: Reporter) -> bool:
    """Check the versions of Dask and l4s on a cluster; return whether its workers announce GPUs.

    Raises:
        EventError: one differs.
    """
    found = client.get_versions(packages=["l4s-geo"])
    own = found["client"]["packages"]
    machines = {f"The scheduler {scheduler}": (found["scheduler"], ("distributed", "dask"))}
    machines |= {f"The worker {name}": (worker, ("distributed", "dask")) for name, worker in found["workers"].items()}
    for who, (said, packages) in machines.items():
        for package in packages:
            if (other := said["packages"].get(package)) != own[package]:
                raise EventError(
                    f"{who} runs {package} {other or '(none)'}, and this process {own[package]}; install the same "
                    "version on all machines."
                )
    for name, worker in found["workers"].items():
        if (other := worker["packages"].get("l4s-geo")) != own["l4s-geo"]:
            raise EventError(
                f"The worker {name} has {f'l4s-geo {other}' if other else 'no l4s-geo'}, and this is "
                f"{own['l4s-geo']}; install the same on all machines."
            )
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    gpus = sum(worker.get("resources", {}).get("GPU", 0) >= 1 for worker in workers)
    what = f"{len(workers)} workers" + (f", {gpus} with a GPU, which get the units" if gpus else "")
    tell.say(f"Cluster {scheduler}: {what}" if workers else f"Note: {scheduler} has no worker yet; waiting for one")
    return bool(gpus)


def _check_workers(client: Client, needs: Needs, units: Sequence[Unit]) -> None:
    """Ask each worker whether it has what it needs.

    Raises:
        EventError: one has not; it is named.
    """
    paths = list(dict.fromkeys(path for unit in units for path in _paths(unit)))
    step = -(-len(paths) // _MOST_PATHS) or 1
    asked = json.dumps({**vars(needs), "paths": paths[::step]})
    try:
        answers = client.run(fitness, asked)
    except Exception as error:
        raise EventError(
            f"A worker cannot be asked what it has ({type(error).__name__}: {error}); install the same l4s-geo on all "
            "machines."
        ) from error
    for name, answer in answers.items():
        if answer:
            raise EventError(f"The worker {name} {answer}")


def _paths(unit: Unit) -> list[str]:
    """Return the files and folders of this machine that a worker must see to map a unit."""
    given = [path for files in unit.files.values() for path in files]
    options = (unit.options.get(name) for name in ("mask", "slope", "aoi"))
    given += [*unit.dem, unit.bundle, *(option for option in options if isinstance(option, str))]
    return [path for path in given if os.path.isabs(path) and not is_network(path) and os.path.exists(path)]


@dataclass
class _Run:
    """Units that are out on a cluster."""

    client: Client
    table: JobTable
    waiting: dict[str, Unit]
    """Units that are not settled, by name."""
    needs: Needs
    retry: bool
    tell: Reporter
    receive: Received | None
    topic: str = field(default_factory=lambda: f"l4s-{uuid4().hex}")
    _begun: set[str] = field(default_factory=set)
    _again: dict[str, float] = field(default_factory=dict)
    _futures: dict[str, Any] = field(default_factory=dict)

    def follow(self) -> None:
        """Send the units out, and follow what becomes of them."""
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        total, tries = len(self.waiting), dict.fromkeys(self.waiting, 0)
        self.client.subscribe_topic(self.topic, lambda event: self._inbox.put(event[1]))
        try:
            for name in self.waiting:
                self._submit(name, tries)
            while self.waiting:
                self._hear()
                for name in [name for name, due in self._again.items() if due <= monotonic()]:
                    del self._again[name]
                    self._submit(name, tries)
                self.tell.progress(total - len(self.waiting), total)
        finally:
            with suppress(Exception):
                self.client.unsubscribe_topic(self.topic)
                self.client.cancel(list(self._futures.values()))
            for name in self.waiting:  # what a worker is at it ends; it is found whole then
                if name in self._begun:
                    self.table.release(name)

    def _submit(self, name: str, tries: dict[str, int]) -> None:
        """Send a unit out."""
        unit, contents = self.waiting[name], Contents(self.table)
        contents.key_if_known(unit)
        needs = Needs(**{**vars(self.needs), "paths": tuple(_paths(unit))})
        order = Order(unit, needs, self.table.job(name).told(), contents.digests, self.retry, self.topic)
        tries[name] += 1
        future = self.client.submit(
            map_unit,
            order.json(),
            key=f"{self.topic}-{name}-{tries[name]}",
            pure=False,
            retries=_RETRIES,
            resources={"GPU": 1} if self.needs.gpu else None,
            priority=-list(tries).index(name),
        )
        self._futures[name] = future
        future.add_done_callback(lambda ended: self._inbox.put((name, ended)))

    def _hear(self) -> None:
        """Take up what is heard next, if anything is within a second."""
        try:
            heard = self._inbox.get(timeout=1.0)
        except Empty:
            if self.client.status in ("closed", "closing"):
                raise self._lost() from None
            return
        if isinstance(heard, tuple):
            self._ended(*heard)
        elif "say" in heard:
            self.tell.say(heard["say"])
        elif (name := heard.get("begins")) in self.waiting:
            if name in self._begun:
                self.tell.say(f"Note: {name} is done again: its worker was lost, or a network failed")
            self._begun.add(name)
            attempts = self.table.job(name).attempts + 1
            self.table.take(name, {"state": "running", "owner": heard["owner"], "attempts": attempts})

    def _ended(self, name: str, future: Any) -> None:
        """Take up how a task ended."""
        if name not in self._futures or self._futures[name] is not future:
            return
        if future.status == "finished":
            self._settle(name, json.loads(future.result()))
        elif future.status == "error":
            self._failed(name, future.exception())
        else:
            raise self._lost()

    def _failed(self, name: str, error: BaseException | None) -> None:
        if isinstance(error, UnreachableError):
            self._settle(name, json.loads(error.args[0]))
        elif isinstance(error, L4SError):
            raise error
        elif type(error).__name__ == "KilledWorker":
            reason = (
                f"{error.allowed_failures + 1} workers in a row died of it, as happens when the memory is used up; "  # type: ignore[union-attr]
                "give workers more memory, and run again with --retry."
            )
            told = {**self.table.job(name).told(), "state": "failed", "error": reason}
            self._settle(name, {"outcome": "failed", "told": told, "digests": {}})
        else:
            raise EventError(
                f"A worker could not take up the unit {name} ({type(error).__name__}: {shown(str(error))}); install "
                "the same l4s-geo on all machines."
            ) from error

    def _settle(self, name: str, result: dict[str, Any]) -> None:
        """Write into the table what came of a unit."""
        if result["outcome"] == "elsewhere":
            self._again[name] = monotonic() + _PAUSE_S
            return
        if (tags := result.get("tags")) and self.receive:
            self.receive(tags)
        told = result["told"]
        if name in self._begun:  # lost workers' attempts count as well
            told["attempts"] = self.table.job(name).attempts
        self.table.take(name, told)
        for place, (stamp, digest) in result["digests"].items():
            self.table.keep_digest(place, (stamp[0], stamp[1], stamp[2]), digest)
        del self.waiting[name]
        self._begun.discard(name)
        self._futures.pop(name, None)
        self.tell.say(line_of(self.table.job(name), result["outcome"]))

    def _lost(self) -> EventError:
        return EventError(
            "The Dask scheduler is gone; start it again and give the same command, which goes on from here: units that "
            "are done stay."
        )
