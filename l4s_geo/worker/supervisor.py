"""python -m l4s_geo.worker: the engine for programs that drive it from their own process, such as QGIS.

It speaks JSON lines (`l4s_geo.worker.protocol`). The worker itself does no work: it starts a process for each request
(`l4s_geo.worker.methods`), which it can end at any moment, also while a library is busy and hears nobody; and it owns
the hidden folders in which outputs are made, so that it can leave nothing behind. Quick requests without outputs go to
a process that stays, since loading the libraries takes longer than they do.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from l4s_geo.errors import L4SError
from l4s_geo.output.claim import Claim, claimed
from l4s_geo.output.siblings import RASTERS
from l4s_geo.output.staging import check_output, staged
from l4s_geo.worker.protocol import PROTOCOL, QUICK, Channel, ProtocolError, Request, claim_stdout, read_lines

__all__ = ["Worker", "main"]

_OUTPUTS = {
    "map": {
        "out": "result",
        "probability": "probability raster",
        "spread": "spread raster",
        "change": "change raster",
        "report": "report",
    },
    "stack": {"out": "result"},
    "inventory": {"out": "result"},
    "measure": {"out": "result"},
    "evaluate": {"out": "result", "report": "report"},
    "report": {"out": "result"},
    "teach": {"out": "result", "suggestions": "layer of suggestions"},
    "event_run": {"report": "report"},
    "export": {"out": "result"},
}
"""The parameters that are outputs, by method; what one writes ("probability"), another may read."""
_WHOLE_FOLDERS = {"teach": "out"}
"""Outputs that are folders, by method, which the methods put in their places whole by themselves."""
_CUT_SHORT = 1


class _CancelledError(Exception):
    """Stdin ended while a request ran."""


class _FailedError(Exception):
    """A request failed; the arguments are the error message's fields."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.fields = {"kind": kind, "message": message, "detail": detail}


class Worker:
    """Answers requests one after another until stdin ends."""

    def __init__(self, requests: BinaryIO, channel: Channel) -> None:
        self._requests = requests
        self._channel = channel
        self._lines: queue.SimpleQueue[bytes | ProtocolError | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._task: subprocess.Popen[bytes] | None = None
        self._kept: subprocess.Popen[bytes] | None = None

    def serve(self) -> int:
        """Answer requests; return the exit status: 0, or 1 if a request was cut short."""
        facts = {"engine": version("l4s-geo"), "python": platform.python_version(), "executable": sys.executable}
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._channel.send("hello", protocol=PROTOCOL, **facts)
            while not self._stopped.is_set() and (line := self._lines.get()) is not None:
                self._answer(line)
        except (_CancelledError, BrokenPipeError):
            return _CUT_SHORT
        finally:
            if (kept := self._kept) is not None:
                _end(kept)
        return 0

    def stop(self) -> None:
        """End the running request, if there is one, and then `serve`; from any thread or signal handler."""
        self._stopped.set()
        if (task := self._task) is not None:
            task.kill()
        self._lines.put(None)

    def _listen(self) -> None:
        for line in read_lines(self._requests):
            self._lines.put(line)
        self.stop()

    def _answer(self, line: bytes | ProtocolError) -> None:
        id_ = None
        try:
            if isinstance(line, ProtocolError):
                raise line
            request = Request.parse(line)
            id_ = request.id
            with _staging(request) as (params, names, claims):
                result = self._run(Request(id_, request.method, params), names, claims)
            written = _OUTPUTS.get(request.method, {})
            outputs = {name: request.params[name] for name in written if request.params.get(name)}
            self._channel.send("result", id=id_, result=result | ({"outputs": outputs} if outputs else {}))
        except ProtocolError as error:
            self._channel.send("error", id=error.id, kind="ProtocolError", message=str(error), detail="")
        except L4SError as error:
            self._channel.send("error", id=id_, kind=type(error).__name__, message=str(error), detail="")
        except _FailedError as error:
            self._channel.send("error", id=id_, **error.fields)

    def _run(self, request: Request, names: Mapping[str, str], claims: Sequence[Claim]) -> dict[str, Any]:
        """Do a request in a process of its own, or in the one that stays, and pass on what it says."""
        quick = request.method in QUICK and not names
        task = self._kept if quick else None
        if task is None or task.poll() is not None:
            task = _start(claims)
        self._task, self._kept = task, task if quick else self._kept
        if self._stopped.is_set():
            task.kill()
        try:
            answer = self._follow(task, request, names, [str(claim.path) for claim in claims])
        except BaseException:
            task.kill()
            raise
        finally:
            self._task = None
            if not quick:
                _end(task)
        if self._stopped.is_set():
            raise _CancelledError
        if answer is None:
            raise _FailedError("Crash", _epitaph(_end(task)))
        if answer["type"] == "error":
            raise _FailedError(answer["kind"], answer["message"], answer["detail"])
        result: dict[str, Any] = answer["result"]
        return result

    def _follow(
        self, task: subprocess.Popen[bytes], request: Request, names: Mapping[str, str], locks: list[str]
    ) -> dict[str, Any] | None:
        """Pass on messages until the answer; None if the process ends without one."""
        if task.stdin is None or task.stdout is None:
            raise AssertionError("both are pipes")
        try:
            task.stdin.write(request.line(hidden=[*names, *locks]))
            task.stdin.flush()
        except OSError:
            return None
        for line in task.stdout:
            message: dict[str, Any] = json.loads(line)
            for key in ("text", "message"):
                for folder, shown in names.items():
                    if key in message:
                        message[key] = message[key].replace(folder, shown)
            if message["type"] in ("result", "error"):
                return message
            self._channel.send(message.pop("type"), **message)
        return None


def _start(claims: Sequence[Claim]) -> subprocess.Popen[bytes]:
    """Start a process that does requests."""
    options = ["-I"] if sys.flags.isolated else []
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *options, "-m", "l4s_geo.worker.methods"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        # If this process is killed, the other one still holds the claims until it has cleared up.
        pass_fds=[claim.descriptor for claim in claims] if os.name == "posix" else (),
    )


def _end(task: subprocess.Popen[bytes]) -> int:
    """Let a process end, and return its exit status."""
    with task, suppress(OSError):
        if task.stdin is not None:
            task.stdin.close()
    return task.returncode


@contextmanager
def _staging(request: Request) -> Iterator[tuple[dict[str, Any], dict[str, str], tuple[Claim, ...]]]:
    """Claim a request's outputs, give them hidden folders, and move them to their places at the end.

    Yields:
        The parameters with the hidden paths, for each hidden folder the one it stands for, and the claims.
    """
    params, outputs = request.params, _OUTPUTS.get(request.method, {})
    for name in outputs:
        if not isinstance(params.get(name, ""), str | None):
            raise ProtocolError(f"The parameter {name!r} is no path; give it as text.")
    files = [name for name in outputs if name != _WHOLE_FOLDERS.get(request.method)]
    finals = {name: Path(params[name]).absolute() for name in files if params.get(name)}
    for name, final in finals.items():
        suffix = final.suffix.lower()
        # Whether the suffix is allowed is the method's to say; a result that is a raster is a stack.
        check_output(final, (suffix,), outputs[name], styled=name != "out" or suffix not in RASTERS)
    with claimed(*finals.values()) as claims, staged(*finals.values()) as parts:
        paths = dict(zip(finals, filter(None, parts), strict=True))
        folders = {str(path.parent): str(finals[name].parent) for name, path in paths.items()}
        yield {**params, **{name: str(path) for name, path in paths.items()}}, folders, claims


def _epitaph(status: int) -> str:
    """Say how a process ended that did not answer."""
    cause = f"exit status {status}"
    if status < 0:
        cause = f"signal {signal.Signals(-status).name}"
        if -status == getattr(signal, "SIGKILL", 0):
            cause += ", as happens when the memory is used up"
    return f"The engine ended without an answer ({cause}); its last lines on stderr may say why."


def main() -> int:
    """Serve on stdin and stdout."""
    worker = Worker(sys.stdin.buffer, Channel(claim_stdout()))
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: worker.stop())
    return worker.serve()
