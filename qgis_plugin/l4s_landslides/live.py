"""The engine for what a person waits for: a worker that stays, asked from the main thread without ever waiting for it.

One request is on its way at a time. Of those that wait, a newer one of the same kind takes the place of the older, so
that a slider's answers never fall behind the slider.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from qgis.PyQt.QtCore import QIODevice, QObject, QProcess, pyqtSignal

from . import engine
from .errors import EngineMissingError
from .network import environment
from .texts import technical, tr
from .wording import worded

_GRACE_MS = 1500


@dataclass(frozen=True)
class _Asked:
    """A request, and what to do with its result."""

    kind: str
    method: str
    params: dict
    then: Callable[[dict], None]


class LiveEngine(QObject):
    """A worker that answers one request after another."""

    failed = pyqtSignal(str)
    """Something went wrong: one sentence."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._process = None
        self._engine = None
        self._waiting: dict[str, _Asked] = {}
        self._flight: _Asked | None = None
        self._number = 0

    def ask(self, kind: str, method: str, params: dict, then: Callable[[dict], None]) -> None:
        """Ask for something; `then` gets the result, unless a newer request of the same kind overtakes this one."""
        self._waiting.pop(kind, None)
        self._waiting[kind] = _Asked(kind, method, params, then)
        self._send()

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked is answered."""
        return self._flight is None and not self._waiting

    def stop(self) -> None:
        """End the worker, and forget what was asked."""
        self._waiting.clear()
        self._flight = None
        process, self._process = self._process, None
        if process is None:
            return
        process.readyReadStandardOutput.disconnect(self._read)
        process.finished.disconnect(self._ended)
        process.closeWriteChannel()
        if not process.waitForFinished(_GRACE_MS):
            process.kill()
            process.waitForFinished(_GRACE_MS)
        process.deleteLater()

    def _send(self) -> None:
        if self._flight is not None or not self._waiting:
            return
        try:
            self._start()
        except EngineMissingError as error:
            self._waiting.clear()
            self.failed.emit(str(error))
            return
        self._flight = self._waiting.pop(next(iter(self._waiting)))
        self._number += 1
        request = {"id": self._number, "method": self._flight.method, "params": self._flight.params}
        self._process.write(json.dumps(request).encode() + b"\n")

    def _start(self) -> None:
        """Start the worker, if it does not run."""
        if self._process is not None:
            return
        self._engine = engine.find()
        process = QProcess(self)
        process.setProcessEnvironment(environment())
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(process.readAllStandardError)
        process.finished.connect(self._ended)
        process.start(self._engine.python, ["-I", "-m", "l4s_geo.worker"], QIODevice.OpenModeFlag.ReadWrite)
        self._process = process

    def _read(self) -> None:
        while self._process is not None and self._process.canReadLine():
            try:
                message = json.loads(bytes(self._process.readLine()))
            except ValueError:
                continue
            if isinstance(message, dict):
                self._take(message)

    def _take(self, message: dict) -> None:
        kind = message.get("type")
        if kind == "hello":
            try:
                engine.check_hello(message, self._engine)
            except EngineMissingError as error:
                self.stop()
                self.failed.emit(str(error))
        elif kind in ("result", "error") and message.get("id") == self._number and self._flight is not None:
            asked, self._flight = self._flight, None
            if kind == "error":
                technical(str(message.get("detail", "")))
                self.failed.emit(worded(message, "message") or tr("The engine failed without a message."))
            elif asked.kind not in self._waiting:
                asked.then(message.get("result") or {})
            self._send()

    def _ended(self, *_) -> None:
        """The worker has ended by itself: the next request starts another."""
        process, self._process = self._process, None
        self._flight = None
        self._waiting.clear()
        if process is not None:
            process.deleteLater()
        self.failed.emit(
            tr("The engine at {} ended without an answer; try again, or run “Check environment”.").format(
                self._engine.python if self._engine else ""
            )
        )
