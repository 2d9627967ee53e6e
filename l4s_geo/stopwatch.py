"""Seconds that a run spends in each of its stages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

__all__ = ["Stopwatch", "stages_line"]


class Stopwatch:
    """Adds up seconds by name, from any thread; stages that overlap in time each count in full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        """Seconds of each stage, in the order in which the stages ended first."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the ``with`` block."""
        started = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - started
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + took


def stages_line(stages: Mapping[str, float]) -> str:
    """Word the seconds of each stage for a log."""
    return "Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items())
