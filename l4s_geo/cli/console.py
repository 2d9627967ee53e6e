"""What the commands share: the way a user's mistake ends, and the progress of a run."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from l4s_geo.address import shown
from l4s_geo.assumptions import Assumptions
from l4s_geo.chatter import without_chatter
from l4s_geo.errors import L4SError
from l4s_geo.progress import stages_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["UNITS_STAY", "Console", "user_errors"]

UNITS_STAY = "units that are done stay, and the same command goes on from here"
"""What whoever stops a run of many units is told."""


@contextmanager
def user_errors(verbose: bool = False, resumes: bool = False, stopped: str = "") -> Iterator[None]:
    """End the command with one sentence on stderr and exit code 2 on a user's mistake, 130 on Ctrl-C.

    Whatever else happens is a bug, and ends in a traceback and exit code 1.

    Args:
        verbose: let through what libraries warn of and log, see `l4s_geo.chatter`.
        resumes: the command has --resume, which whoever stops it is told of.
        stopped: what whoever stops it is told instead.
    """
    try:
        with without_chatter(verbose):
            yield
    except L4SError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        hint = ", and the same command with --resume goes on from here" if resumes else ""
        click.echo(f"Stopped; {stopped or f'no output was written{hint}'}.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        raise  # whoever read the output has gone; click ends without a word
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            click.echo(f"Error: The disk is full ({error}); free some space and start again.", err=True)
            _drop_unprinted()
            sys.exit(2)
        click.echo(shown(traceback.format_exc()), err=True, nl=False)
        sys.exit(1)


def _drop_unprinted() -> None:
    """Drop what stdout still holds, or the interpreter would try to print it at its end and fail once more."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Console:
    """Shows a run on stderr: lines, and a bar with rate and remaining time; a context manager."""

    def __init__(self, quiet: bool, verbose: bool = False, task: str = "Mapping", unit: str = "windows") -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._title = task
        self._unit = unit
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Print a line unless the user asked for quiet."""
        if self._quiet:
            return
        self._stop()
        click.echo(shown(text), err=True)

    def detail(self, text: str) -> None:
        """Print a line if the user asked for more."""
        if self._verbose:
            self.say(text)

    def assumes(self, assumptions: Assumptions) -> None:
        """Print what the run takes for granted, unless the user asked for quiet."""
        for line in assumptions.lines():
            self.say(line)

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._quiet or sys.stderr is None or not sys.stderr.isatty():
            return
        if self._bar is None or self._task is None:
            self._start(total)
        if self._bar is not None and self._task is not None:
            rate = self._bar.tasks[0].finished_speed or self._bar.tasks[0].speed
            self._bar.update(self._task, completed=done, rate=_rate(rate, self._unit) if rate else "")

    def took(self, stages: Mapping[str, float]) -> None:
        """Print the seconds of each stage, if the user asked for more."""
        self.detail(stages_line(stages))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, total: int) -> None:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn(self._title),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Terminal(stderr=True),
        )
        self._task = self._bar.add_task("", total=total, rate="")
        self._bar.start()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def _rate(rate: float, unit: str) -> str:
    """Word a rate per second; a slow one per hour."""
    return f"{rate:.0f} {unit}/s" if rate >= 1 else f"{3600 * rate:.0f} {unit}/h"
