"""The job table: what has become of each unit of an event, in a SQLite file beside the event file.

Processes of one machine may use it at once (write-ahead log). Which of them maps a unit is decided by a lock of the
operating system (`l4s_geo.output.claim`), which ends with the process that holds it, so that nothing has to be
cleared up after one that was killed. SQLite's log does not work between machines: each has a table of its own
(``--shard``), which `JobTable.absorb` takes up.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from l4s_geo.errors import EventError, OutputError
from l4s_geo.events.units import Unit

__all__ = ["Job", "JobTable", "State", "cluster_claim"]

State = Literal["open", "running", "stopped", "done", "failed"]
"""What a unit is. The table itself does not know "stopped", of a unit whose process was killed: the lock tells."""

_APPLICATION = 0x6C347365
_VERSION = 1
_PATIENCE_S = 60.0
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
_SCHEMA = """
CREATE TABLE job (
    name TEXT PRIMARY KEY, place INTEGER NOT NULL, unit TEXT NOT NULL, key TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open', attempts INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL DEFAULT '',
    changed TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE TABLE digest (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TABLE known (source TEXT PRIMARY KEY, stamp TEXT NOT NULL, facts TEXT NOT NULL) STRICT;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_TOLD = ("key", "state", "attempts", "deaths", "seconds", "error", "owner", "result")
_JOB = "name, place, unit, key, state, attempts, deaths, seconds, error, owner, changed, result"


@dataclass(frozen=True)
class Job:
    """A row of the table."""

    name: str
    """The unit's name."""
    place: int
    """Its place in the order of work; below 0 if the event has it no more."""
    unit: Unit
    """What it is."""
    key: str
    """Digest of the contents of its inputs and of its options when it was last begun; "" before."""
    state: State
    attempts: int
    """How often it was begun."""
    deaths: int
    """How often in a row its process ended without a word."""
    seconds: float
    """What the last attempt took."""
    error: str
    """Why it failed; "" if it did not."""
    owner: str
    """The process that began it last: "HOST PID"."""
    changed: str
    """When its row changed last, ISO 8601."""
    result: Mapping[str, Any]
    """What came of it: features, area_m2, valid_m2."""

    def told(self) -> dict[str, Any]:
        """Return what another table has to know of it, JSON-serialisable; `JobTable.take` takes it up."""
        return {name: getattr(self, name) for name in _TOLD}


class JobTable:
    """The table, open; a context manager. Threads may share one."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        """Open a table, or make it.

        Args:
            path: the file.
            read_only: whether it must exist, and is left as it is.

        Raises:
            EventError: there is no table to read, or the file is none.
            OutputError: it cannot be made.
        """
        self.path = path
        self._lock = threading.RLock()
        if read_only and not path.exists():
            raise self._missing()
        with self._failures():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={_mode(path, read_only)}",
                timeout=_PATIENCE_S,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            try:
                self._prepare(read_only)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._connection.close()

    def plan(self, units: Iterable[Unit]) -> None:
        """Take up the units of the event; what is known of them stays, and rows of others leave the order of work."""
        with self._transaction() as database:
            database.execute("UPDATE job SET place = -1 WHERE place >= 0")
            database.executemany(
                "INSERT INTO job (name, place, unit) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET place = excluded.place, unit = excluded.unit",
                [(unit.name, place, json.dumps(unit.json())) for place, unit in enumerate(units)],
            )

    def jobs(self) -> list[Job]:
        """Return the rows of the event's units, in the order of work."""
        rows = self._all(f"SELECT {_JOB} FROM job WHERE place >= 0 ORDER BY place")  # noqa: S608
        return [self._job(row) for row in rows]

    def job(self, name: str) -> Job:
        """Return the row of a unit.

        Raises:
            KeyError: it has none.
        """
        rows = self._all(f"SELECT {_JOB} FROM job WHERE name = ?", name)  # noqa: S608
        if not rows:
            raise KeyError(name)
        return self._job(rows[0])

    def begin(self, name: str, key: str, died: bool) -> None:
        """Note that this process begins a unit, whose last process ended without a word if `died`."""
        self._change(
            name,
            "state = 'running', key = ?, attempts = attempts + 1, deaths = CASE WHEN ? THEN deaths + 1 ELSE 0 END, "
            "error = '', seconds = 0, owner = ?",
            key,
            died,
            _own_name(),
        )

    def finish(self, name: str, key: str, seconds: float, result: Mapping[str, Any]) -> None:
        """Note that a unit is done."""
        self._change(
            name,
            "state = 'done', key = ?, deaths = 0, error = '', seconds = ?, result = ?",
            key,
            seconds,
            json.dumps(dict(result)),
        )

    def fail(self, name: str, seconds: float, error: str) -> None:
        """Note why a unit failed."""
        self._change(name, "state = 'failed', deaths = 0, seconds = ?, error = ?", seconds, error)

    def release(self, name: str) -> None:
        """Note that a unit was stopped, to be gone on with."""
        self._change(name, "state = 'open', deaths = 0")

    def release_own(self) -> None:
        """Note that what this process was at was stopped, to be gone on with."""
        for job in self.jobs():
            if job.state == "running" and job.owner == _own_name():
                self.release(job.name)

    def take(self, name: str, told: Mapping[str, Any]) -> None:
        """Take up what another table says of a unit, by `Job.told`, or some of it."""
        values = {key: json.dumps(dict(told[key])) if key == "result" else told[key] for key in _TOLD if key in told}
        self._change(name, ", ".join(f"{key} = ?" for key in values), *values.values())

    def digest(self, path: str, stamp: tuple[int, int, int]) -> str | None:
        """Return the digest of a file that had this size and these times; None if it is not known."""
        rows = self._all("SELECT size, modified, changed, digest FROM digest WHERE path = ?", path)
        return str(rows[0][3]) if rows and tuple(rows[0][:3]) == stamp else None

    def keep_digest(self, path: str, stamp: tuple[int, int, int], digest: str) -> None:
        """Remember the digest of a file of this size and these times."""
        with self._transaction() as database:
            database.execute("REPLACE INTO digest VALUES (?, ?, ?, ?, ?)", (path, *stamp, digest))

    def known(self, source: str, stamp: str) -> dict[str, Any] | None:
        """Return what was remembered of a source with this stamp; None if nothing was."""
        rows = self._all("SELECT facts FROM known WHERE source = ? AND stamp = ?", source, stamp)
        try:
            facts = json.loads(rows[0][0]) if rows else None
        except ValueError:
            return None
        return facts if isinstance(facts, dict) else None

    def keep_known(self, source: str, stamp: str, facts: Mapping[str, Any]) -> None:
        """Remember facts of a source with a stamp."""
        with self._transaction() as database:
            database.execute("REPLACE INTO known VALUES (?, ?, ?)", (source, stamp, json.dumps(dict(facts))))

    def note(self, name: str) -> str:
        """Return a value that was kept by name; "" if none was."""
        rows = self._all("SELECT value FROM note WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def keep_note(self, name: str, value: str) -> None:
        """Keep a value by name."""
        with self._transaction() as database:
            database.execute("REPLACE INTO note VALUES (?, ?)", (name, value))

    def absorb(self, other: Path) -> None:
        """Take up what another table says of this one's units, where it is the later word, and all digests.

        Raises:
            EventError: the file is no job table.
        """
        with JobTable(other, read_only=True) as found:
            rows = found._all(f"SELECT {_JOB} FROM job WHERE key != ''")  # noqa: S608
            digests = found._all("SELECT * FROM digest")
            known = found._all("SELECT * FROM known")
        with self._transaction() as database:
            database.executemany("INSERT OR IGNORE INTO digest VALUES (?, ?, ?, ?, ?)", digests)
            database.executemany("INSERT OR IGNORE INTO known VALUES (?, ?, ?)", known)
            database.executemany(
                "UPDATE job SET key = ?, state = ?, attempts = ?, deaths = ?, seconds = ?, error = ?, owner = ?, "
                "changed = ?, result = ? WHERE name = ? AND changed < ?",
                [(*row[3:], row[0], row[10]) for row in rows],
            )

    def _prepare(self, read_only: bool) -> None:
        database = self._connection
        database.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000:.0f}")
        mark = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark == 0 and not tables and read_only:  # a first run is about to make it
            raise self._missing()
        if mark != _APPLICATION and (tables or mark):
            raise EventError(
                f"{self.path} is no job table of l4s and would be used as one; move it elsewhere, or rename the event "
                "file."
            )
        if mark == _APPLICATION and (version := database.execute("PRAGMA user_version").fetchone()[0]) != _VERSION:
            raise EventError(
                f"The job table {self.path} has the format {version}; expected {_VERSION}, so use the version of l4s "
                "that wrote it, or delete the table: units that are whole are found again."
            )
        if mark == _APPLICATION and (found := database.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise self._damaged(" ".join(str(found).split()))
        if read_only:
            return
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if mark != _APPLICATION:
            with self._transaction():
                if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
                    for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
                        database.execute(statement)
                    database.execute(f"PRAGMA user_version = {_VERSION}")
                    database.execute(f"PRAGMA application_id = {_APPLICATION}")

    def _change(self, name: str, what: str, *values: Any) -> None:
        changed = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._transaction() as database:
            database.execute(f"UPDATE job SET {what}, changed = ? WHERE name = ?", (*values, changed, name))  # noqa: S608

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._failures(), self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._failures(), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn what SQLite complains of into an error that names the table."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._damaged("its text is none") from error
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in _DAMAGED:
                raise self._damaged(str(error)) from error
            if code == sqlite3.SQLITE_BUSY:
                raise OutputError(
                    f"The job table {self.path} has been locked by another program for {_PATIENCE_S:.0f} s; end that "
                    "program, and run again."
                ) from error
            raise OutputError(
                f"The job table {self.path} cannot be used ({error}); make room, and see that its folder can be "
                "written to."
            ) from error

    def _missing(self) -> EventError:
        return EventError(f"The job table {self.path} does not exist; nothing of the event was run yet: l4s event run.")

    def _damaged(self, why: str) -> EventError:
        return EventError(
            f"{self.path} is no job table, or is damaged ({why}); move it elsewhere, and run again: units that are "
            "whole are found again."
        )

    def _job(self, row: tuple[Any, ...]) -> Job:
        name, place, unit, key, state, attempts, deaths, seconds, error, owner, changed, result = row
        try:
            made, facts = Unit.of(json.loads(unit)), json.loads(result)
        except (ValueError, KeyError, TypeError) as cause:
            raise self._damaged(f"it does not say what the unit {name} is") from cause
        if state not in get_args(State) or not isinstance(facts, dict):
            raise self._damaged(f"it says that the unit {name} is {state!r}, with {facts!r}")
        return Job(name, place, made, key, state, attempts, deaths, seconds, error, owner, changed, facts)


def _own_name() -> str:
    return f"{socket.gethostname()} {os.getpid()}"


def cluster_claim(table: Path) -> Path:
    """Return what a run on a cluster claims, by the job table: while it does, workers anywhere may be at its units."""
    return table.with_name(f"{table.name}.cluster")


def _mode(path: Path, read_only: bool) -> str:
    """Return how SQLite opens a table; one that is only read is left clean where it may be written to."""
    if not read_only:
        return "rwc"
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return "rw"
    # Without its log, which nobody has open then, a table can be read where nothing can be written.
    return "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"
