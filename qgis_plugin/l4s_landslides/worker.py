"""A worker process, driven from the thread of an algorithm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import monotonic

from qgis.core import QgsProcessingFeedback
from qgis.PyQt.QtCore import QIODevice, QProcess

from .assumptions import assumption_lines
from .engine import Engine, check_hello, remedy
from .errors import CancelledError, EngineError, EngineMissingError
from .network import environment
from .progress import Progress
from .texts import technical, tr
from .wording import worded

_HELLO_S = 30.0
_POLL_MS = 100
_GRACE_MS = 1500
_TAIL = 4000


class Worker:
    """The engine, running; a context manager that leaves no process behind."""

    def __init__(self, engine: Engine, feedback: QgsProcessingFeedback) -> None:
        self._engine = engine
        self._remedy = engine.remedy or remedy()
        self._feedback = feedback
        self._process = QProcess()
        self._errors = b""
        self._next = 0

    def __enter__(self) -> Worker:
        self._process.setProcessEnvironment(environment())
        self._process.start(self._engine.python, ["-I", "-m", "l4s_geo.worker"], QIODevice.OpenModeFlag.ReadWrite)
        if not self._process.waitForStarted(10_000):
            raise EngineMissingError(
                tr("The interpreter {python} could not be started ({why}); {remedy}.").format(
                    python=self._engine.python, why=self._process.errorString(), remedy=self._remedy
                )
            )
        try:
            self._greet()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.closeWriteChannel()
            if not self._process.waitForFinished(_GRACE_MS):
                self._process.kill()
                self._process.waitForFinished(_GRACE_MS)

    def request(
        self, method: str, params: dict, timeout_s: float | None = None, progress: Progress | None = None
    ) -> dict:
        """Have a request done and return its result; what it says goes to the feedback.

        Raises:
            CancelledError: the user cancelled; the worker is ended.
            EngineError: the engine answered with an error, or ended.
        """
        self._next += 1
        shown = progress or Progress(self._feedback)
        line = json.dumps({"id": self._next, "method": method, "params": params}).encode() + b"\n"
        self._process.write(line)
        for message in self._messages(timeout_s):
            if message.get("id") != self._next:
                continue
            kind = message.get("type")
            if kind == "progress":
                shown.update(message)
            elif kind == "log":
                tell = self._feedback.pushDebugInfo if message.get("level") == "detail" else self._feedback.pushInfo
                tell(worded(message, "text"))
            elif kind == "assumptions":
                for text in assumption_lines(message.get("assumptions") or {}):
                    self._feedback.pushInfo(text)
            elif kind == "result":
                return message.get("result") or {}
            elif kind == "error":
                text = worded(message, "message") or tr("The engine failed without a message.")
                if detail := str(message.get("detail", "")):
                    technical(detail)
                    text = f"{text} {tr('The log messages panel has more (Landslide4Sense).')}"
                raise EngineError(text, str(message.get("kind", "")))
        raise EngineError(self._ended(), "Crash")

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def _greet(self) -> None:
        for message in self._messages(_HELLO_S):
            if message.get("type") == "hello":
                check_hello(message, self._engine)
                return
        text = self._tail()
        if "No module named" in text:
            raise EngineMissingError(
                tr("The interpreter {python} does not have the engine ({last}); {remedy}.").format(
                    python=self._engine.python,
                    last=text.strip().splitlines()[-1],
                    remedy=self._remedy,
                )
            )
        raise EngineMissingError(f"{self._ended()} {tr('If that does not help, {}.').format(self._remedy)}")

    def _messages(self, timeout_s: float | None) -> Iterator[dict]:
        """Yield messages until the process ends."""
        deadline = monotonic() + timeout_s if timeout_s else None
        while True:
            if self._feedback.isCanceled():
                self.__exit__()
                raise CancelledError(tr("Cancelled; nothing was written."))
            if deadline and monotonic() > deadline:
                self.__exit__()
                raise EngineError(
                    tr("The engine at {python} does not answer within {seconds:.0f} s; try again, or {remedy}.").format(
                        python=self._engine.python, seconds=timeout_s, remedy=self._remedy
                    ),
                    "Timeout",
                )
            while self._process.canReadLine():
                if (message := self._parse(bytes(self._process.readLine()))) is not None:
                    yield message
            self._drain()
            if self._process.state() == QProcess.ProcessState.NotRunning and not self._process.canReadLine():
                return
            self._process.waitForReadyRead(_POLL_MS)

    def _parse(self, line: bytes) -> dict | None:
        """Read a message; what is not one is passed to the panel of log messages."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict):
            return message
        technical(line[:500].decode(errors="replace").rstrip())
        return None

    def _drain(self) -> None:
        if chunk := bytes(self._process.readAllStandardError()):
            self._errors = (self._errors + chunk)[-_TAIL:]
            technical(chunk.decode(errors="replace").rstrip())

    def _tail(self) -> str:
        self._drain()
        return self._errors.decode(errors="replace")

    def _ended(self) -> str:
        last = self._tail().strip().splitlines()
        how = tr("crashed") if self._process.exitStatus() == QProcess.ExitStatus.CrashExit else tr("ended")
        return tr("The engine {how} without an answer (exit status {code}{last}); try again.").format(
            how=how, code=self._process.exitCode(), last=f": {last[-1]}" if last else ""
        )
