"""Ends a training between two steps when the process is told to end, so that the last step is kept.

Ctrl-C and SIGTERM, which schedulers send before they kill, are remembered until the step that is under way is done. A
second Ctrl-C ends at once, and keeps what was written last.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopRequest", "heeding_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether the process was told to end, and by which signal."""

    def __init__(self) -> None:
        self._signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self._signal is not None

    def error(self) -> BaseException:
        """Return what ends the training: KeyboardInterrupt, or for SIGTERM the exit that a shell reports of it."""
        return SystemExit(128 + signal.SIGTERM) if self._signal == signal.SIGTERM else KeyboardInterrupt()

    def heed(self, number: int, _: FrameType | None) -> None:
        """Remember a signal; raise what ends the program at once if it is the second."""
        if self.asked:
            raise self.error()
        self._signal = number


@contextmanager
def heeding_signals(request: StopRequest) -> Iterator[None]:
    """Let a request know of Ctrl-C and SIGTERM while the block runs; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, request.heed) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
