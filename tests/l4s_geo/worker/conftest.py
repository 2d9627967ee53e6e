"""A worker as a driver sees it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from support import TRANSFORM, UTM

TIMEOUT_S = 240


class Driver:
    """Drives a worker and collects its messages."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "l4s_geo.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        self.messages: list[dict[str, Any]] = []
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def write(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, method: str, *, id: int | str = 1, **params: Any) -> None:
        self.write(json.dumps({"id": id, "method": method, "params": params}).encode() + b"\n")

    def until(self, *types: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message of one of these types, with these fields."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            assert line, f"the worker ended: {self.messages}"
            message = json.loads(line)
            self.messages.append(message)
            if message["type"] in types and all(message.get(key) == value for key, value in fields.items()):
                return message

    def answer(self, id: int | str | None = 1) -> dict[str, Any]:
        return self.until("result", "error", id=id)

    def close(self) -> float:
        """End its stdin and return how long it took to exit, in seconds."""
        began = time.monotonic()
        self.process.stdin.close()
        self.process.wait(TIMEOUT_S)
        return time.monotonic() - began


@pytest.fixture
def start() -> Iterator[Callable[..., Driver]]:
    """Return a function that starts a worker."""
    drivers: list[Driver] = []

    def begin(**environment: str) -> Driver:
        drivers.append(Driver(**environment))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.process.kill()
        driver.process.wait()
        driver.process.stdout.close()
        driver.process.stderr.close()


@pytest.fixture
def worker(start: Callable[..., Driver]) -> Driver:
    """A worker that has said hello."""
    driver = start()
    driver.until("hello")
    return driver


@pytest.fixture
def scene(write_raster) -> Path:
    """A scene with one bright square; its folder's name has a space and letters outside ASCII."""
    dn = np.full((3, 200, 200), 900, np.uint16)
    dn[:, 60:80, 60:90] = 3000
    return write_raster("Tal Übersee 谷/scene one.tif", dn, names=("B4", "B3", "B2"))


@pytest.fixture(scope="session")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene that takes long enough to map that a test can interrupt it: a chessboard of dark and bright squares."""
    path = tmp_path_factory.mktemp("scenes") / "large.tif"
    square = np.kron(
        np.random.default_rng(0).integers(500, 4000, (3, 60, 60), np.uint16), np.ones((1, 30, 30), np.uint16)
    )
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": 1800, "width": 1800}
    with rasterio.open(path, "w", crs=UTM, transform=TRANSFORM, **profile) as dataset:
        dataset.write(square)
        dataset.descriptions = ("B4", "B3", "B2")
    return path
