"""Runs an event: units from its scenes, each mapped once, and one inventory of all."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep
from typing import Any

from l4s_geo import defaults
from l4s_geo.address import is_network
from l4s_geo.change.dates import scenes_of
from l4s_geo.errors import EventError
from l4s_geo.events.content import Contents
from l4s_geo.events.delivery import Delivery, check_no_input
from l4s_geo.events.event_file import EventScene, read_event
from l4s_geo.events.inventory import merge_key, merged_file, write_merged
from l4s_geo.events.job_table import Job, JobTable, cluster_claim
from l4s_geo.events.process import work_in_processes
from l4s_geo.events.run_unit import make_folder
from l4s_geo.events.scene_facts import describe
from l4s_geo.events.units import Request, Unit, Units, group, request_of
from l4s_geo.events.work import Worker, line_of
from l4s_geo.output.claim import claimed_if_free, is_claimed
from l4s_geo.progress import Reporter, Silent

__all__ = ["Ran", "event_status", "map_event", "map_scenes", "parse_shard", "run"]

PathLike = str | os.PathLike[str]

_PAUSE_S = 0.5
_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True)
class Ran:
    """What became of an event."""

    jobs: tuple[Job, ...]
    """Its units; of a shard, those of the shard."""
    merged: Path | None
    """The merged inventory; None if there is none, since no unit is done or only a shard was run."""
    landslides: int | None = None
    """Landslides in it; None without."""
    area_m2: float | None = None
    """Their area, m², as it was measured in each unit's zone; None without."""

    @property
    def failed(self) -> tuple[Job, ...]:
        """The units that are not done."""
        return tuple(job for job in self.jobs if job.state != "done")


def map_event(
    event: PathLike,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    shard: str | None = None,
    retry: bool = False,
    report: PathLike | None = None,
    reporter: Reporter | None = None,
) -> Ran:
    """Map all that an event file names, and merge it to one inventory.

    Units that are done already, by the content of their inputs and options, are not mapped again; a unit that was
    stopped goes on where it was. Results lie in the file's `out` folder: the merged inventory, and in ``units`` those
    of the units. The job table lies beside the event file.

    Args:
        event: the event file.
        workers: processes of this machine that map at once.
        scheduler: address (``tcp://HOST:PORT``) or file of the scheduler of a Dask cluster whose workers map, one unit
            each at a time; needs the extra ``dask``.
        shard: "I/N", to map the I-th of N parts of the units alone, with a job table of its own, and not to merge.
        retry: whether units that failed are tried again; otherwise they are reported.
        report: page to write about the merged inventory, .html.
        reporter: hears how it goes.

    Raises:
        L4SError: the file, a scene, an option or the device cannot be used. What goes wrong with one unit is no error:
            it is in `Ran.failed`, and stops no other.
    """
    return run(request_of(read_event(event)), How(workers, scheduler, shard, retry), report, reporter)


def map_scenes(
    scene: PathLike | Sequence[PathLike],
    *,
    out_dir: PathLike,
    before: PathLike | Sequence[PathLike] | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    bundle: PathLike = defaults.BUNDLE,
    aoi: PathLike | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    shard: str | None = None,
    retry: bool = False,
    report: PathLike | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Ran:
    """Map several scenes without an event file, and merge what is found to one inventory; see `map_event`.

    Args:
        scene: scenes, patterns, or folders of scenes.
        out_dir: folder of the results: ``inventory.gpkg``, ``units`` and the job table.
        before: earlier scenes of the same ground.
        dem: elevations in metres, one file or several.
        bundle: name or path of the bundle.
        aoi: area of interest, as for `l4s_geo.map_scene`.
        workers: see `map_event`.
        scheduler: see `map_event`.
        shard: see `map_event`.
        retry: see `map_event`.
        report: see `map_event`.
        reporter: hears how it goes.
        options: further keywords of `l4s_geo.map_scene`; of probability, spread and change, whether they are written.

    Raises:
        L4SError: see `map_event`.
    """
    if is_network(os.fspath(out_dir)) or os.fspath(out_dir).startswith("/vsi"):
        raise EventError(
            f"The folder of the results is {out_dir}; expected one of this machine, so write an event file (l4s event "
            "new), whose out may be in an object store."
        )
    out = Path(out_dir)
    make_folder(out)
    request = Request(
        where="The command",
        name="inventory",
        out=out.absolute(),
        table=out.absolute() / "jobs.sqlite",
        before=_entries(before, "earlier scene"),
        after=_entries(scene, "scene"),
        dem=tuple(os.path.abspath(path) for path in scenes_of(dem, "DEM") if isinstance(path, str | os.PathLike)),
        bundle=os.path.abspath(bundle) if os.path.exists(bundle) else os.fspath(bundle),
        options={name: value for name, value in options.items() if value is not None},
        aoi=None if aoi is None else os.path.abspath(aoi) if os.path.exists(aoi) else os.fspath(aoi),
    )
    return run(request, How(workers, scheduler, shard, retry), report, reporter)


def event_status(event: PathLike) -> tuple[Job, ...]:
    """Return what the job tables of an event say of its units; one whose process ended without a word is "stopped".

    Args:
        event: the event file.

    Raises:
        EventError: the file is none, or nothing of it was run yet.
    """
    request = request_of(read_event(event))
    base = request.table
    tables = [*([base] if base.exists() else []), *_shards_of(base)]
    jobs: dict[str, Job] = {}
    for path in tables or [base]:
        with JobTable(path, read_only=True) as table:
            for job in table.jobs():
                if job.name not in jobs or job.changed > jobs[job.name].changed:
                    jobs[job.name] = job
    away = is_claimed(cluster_claim(base))  # then a worker that this machine knows nothing of may be at a unit
    found = sorted(jobs.values(), key=lambda job: job.place)
    return tuple(job if away else _as_it_is(job) for job in found)


def _as_it_is(job: Job) -> Job:
    """Tell a unit that a process is at from one whose process is no more."""
    alone = job.state == "running" and not is_claimed(Path(job.unit.out).with_suffix(""))
    return replace(job, state="stopped") if alone else job


@dataclass(frozen=True)
class How:
    """Who maps the units of an event; see `map_event`."""

    workers: int = 1
    scheduler: str | None = None
    shard: str | None = None
    retry: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise EventError(f"The number of workers is {self.workers}; expected 1 or more.")
        parse_shard(self.shard)
        if self.scheduler is not None and (self.workers > 1 or self.shard):
            other = "--workers" if self.workers > 1 else "--shard"
            raise EventError(
                f"Both --scheduler and {other} are given; a cluster has its own workers, so leave one out."
            )


def run(
    request: Request, how: How | None = None, report: PathLike | None = None, reporter: Reporter | None = None
) -> Ran:
    """Map and merge what is asked for; see `map_event`.

    Raises:
        L4SError: see `map_event`.
    """
    how, tell = how or How(), reporter or Silent()
    part = parse_shard(how.shard)
    if report:
        from l4s_geo.reporting.report import check_report

        check_report(report)
    make_folder(request.out)
    with JobTable(_table_of(request, part)) as table:
        found = _grouped(request, table)
        _absorb(request, table, part)
        for note in found.notes:
            tell.say(f"Note: {note}")
        number, count = part
        mine = found.units[number - 1 :: count]
        names = {unit.name for unit in mine}
        delivery = Delivery(request.store, table, request.out) if request.store else None
        if any(job.state != "done" for job in table.jobs() if job.name in names):
            _check(mine)
            if request.store:
                check_no_input(request.store, request.out, mine, merged_file(request))
                request.store.check()
        if how.scheduler is not None:
            _map_on_cluster(request, table, mine, how, delivery, tell)
        else:
            _map(table, mine, how, delivery, tell)
        jobs = tuple(job for job in table.jobs() if job.name in names)
        if delivery:
            for job in jobs:
                if job.state == "done":
                    _deliver(delivery, job.unit)
        if count > 1:
            tell.say(f"Shard {number} of {count}: {_counted(jobs)}; when all are run, l4s event run merges them")
            return Ran(jobs, None)
        ran = _merged(request, table, jobs, tell)
        if delivery and request.store and ran.merged:
            delivery.send([ran.merged])
            tell.say(f"All of it lies in {request.store.address}")
    if report and ran.merged:
        from l4s_geo.reporting.report import report as write_report

        write_report(ran.merged, out=report)
    return ran


def parse_shard(text: str | None) -> tuple[int, int]:
    """Return number and count of a shard, "I/N"; 1 and 1 for none.

    Raises:
        EventError: it is no shard.
    """
    if text is None:
        return 1, 1
    match = _SHARD.fullmatch(text)
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count:
        raise EventError(f"The shard is {text!r}; expected I/N, the I-th of N parts, for instance 1/4.")
    return number, count


def _grouped(request: Request, table: JobTable) -> Units:
    """Bring the scenes together, by what the table remembers of them, and take the units into it."""
    contents = Contents(table)
    sensor, bands = request.options.get("sensor", defaults.SENSOR), request.options.get("bands")

    def look(source: str, known: Mapping[str, Any]) -> Any:
        said = {**known, "sensor": sensor, "bands": bands}
        return contents.described(source, said, lambda: describe(source, known, sensor, bands))

    found = group(request, look)
    table.plan(found.units)
    return found


def _check(units: Sequence[Unit]) -> None:
    """Check before any work what would fail every unit alike: options, bundle, folder."""
    from l4s_geo.plan import Plan

    make_folder(Path(units[0].out).parent)
    Plan.of(**units[0].keywords())


def _map_on_cluster(
    request: Request, table: JobTable, units: Sequence[Unit], how: How, delivery: Delivery | None, tell: Reporter
) -> None:
    """Map units on a Dask cluster; what its workers put into a store is copied here, to be merged."""
    from l4s_geo.events.cluster import map_on_cluster

    receive = delivery.received if delivery else None
    map_on_cluster(
        how.scheduler or "", table, units, request.out, tell, retry=how.retry, store=request.store, receive=receive
    )


def _deliver(delivery: Delivery, unit: Unit) -> None:
    """Copy a unit's files into a store, its inventory last."""
    delivery.send(sorted(map(Path, unit.outputs.values()), key=lambda path: str(path) == unit.out))


def _map(table: JobTable, units: Sequence[Unit], how: How, delivery: Delivery | None, tell: Reporter) -> None:
    """Map units until none is left that is not done or failed, be it by this process or by others."""
    workers, retry = how.workers, how.retry
    names = [unit.name for unit in units]
    before = {job.name for job in table.jobs() if job.state == "failed"}
    todo = [name for name in names if table.job(name).state != "done"]
    if min(workers, len(todo)) > 1:
        for reason in work_in_processes(table.path, todo, retry, min(workers, len(todo)), tell.say):
            tell.say(f"Note: {reason}")
    # What workers that died have left, this process does itself.
    worker = Worker(table, tell, retry, tried=set(todo) if workers > 1 else set())
    while names:
        left = []
        for job, outcome in worker.work(names):
            if delivery and job.state == "done":
                _deliver(delivery, job.unit)
            if outcome == "elsewhere":
                left.append(job.name)
            elif outcome != "kept" or (job.name in before and not retry):
                tell.say(line_of(job, outcome))
        if names := left:
            sleep(_PAUSE_S)


def _merged(request: Request, table: JobTable, jobs: Sequence[Job], tell: Reporter) -> Ran:
    """Merge what is done, unless it is merged already."""
    done = [job.unit for job in jobs if job.state == "done"]
    missing = [job.name for job in jobs if job.state != "done"]
    path = merged_file(request)
    if not done:
        tell.say(f"No unit is done, so there is nothing to merge: {_counted(jobs)}")
        return Ran(tuple(jobs), None)
    with _alone(request):
        key = merge_key(request, done)
        found = _found_before(table, key) if path.exists() else None
        if found is None:
            frame = write_merged(request, done, missing)
            found = len(frame), round(float(frame["area_m2"].sum()), 1)
            table.keep_note("merged", json.dumps([key, *found]))
        landslides, area = found
    tell.say(f"{landslides} landslides, {area / 1e6:.3f} km², of {_counted(jobs)}: {path}")
    return Ran(tuple(jobs), path, landslides, area)


def _found_before(table: JobTable, key: str) -> tuple[int, float] | None:
    """Return the number of landslides and their area when the same was merged before; None if it was not."""
    try:
        merged, landslides, area = json.loads(table.note("merged"))
        return (int(landslides), float(area)) if merged == key else None
    except (ValueError, TypeError):
        return None


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """Merge while no other run does."""
    while True:
        with claimed_if_free(request.out / "merging") as free:
            if free:
                yield
                return
        sleep(_PAUSE_S)


def _absorb(request: Request, table: JobTable, part: tuple[int, int]) -> None:
    """Take up what the tables of shards say, if this run is not one itself."""
    if part[1] > 1:
        return
    for other in _shards_of(request.table):
        table.absorb(other)


def _shards_of(table: Path) -> list[Path]:
    """Return the job tables of the shards of an event, by the table of the whole."""
    return sorted(table.parent.glob(f"{glob.escape(table.stem)}.*-of-*{table.suffix}"))


def _table_of(request: Request, part: tuple[int, int]) -> Path:
    number, count = part
    base = request.table
    return base if count == 1 else base.with_name(f"{base.stem}.{number}-of-{count}{base.suffix}")


def _entries(given: Any, what: str) -> tuple[EventScene, ...]:
    entries = []
    for scene in scenes_of(given, what):
        if isinstance(scene, Mapping):
            raise EventError(
                "Band files by name are one scene, and --out-dir maps several; expected paths, so put each scene's "
                "files into a folder of its own."
            )
        text = os.fspath(scene)
        local = os.path.exists(text) or ("://" not in text and not text.startswith("/vsi") and ':"' not in text)
        entries.append(EventScene(os.path.abspath(text) if local else text))
    return tuple(entries)


def _counted(jobs: Sequence[Job]) -> str:
    done = sum(job.state == "done" for job in jobs)
    failed = sum(job.state == "failed" for job in jobs)
    return f"{done} of {len(jobs)} units" + (f", {failed} failed" if failed else "")
