"""A server of a folder on this machine that misbehaves on request."""

from __future__ import annotations

import base64
import http.server
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from l4s_geo.sources.http import HttpLimits

QUICK = HttpLimits(retries=2, delay=0.02, connect=1, stalled=1, request=3, item=5, read=5, asked=5)
"""Limits that make failures quick."""


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder with range requests; `faults` says by file name what goes wrong, and how often."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults: dict[str, tuple[str, int]] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        """Headers that go with the faults of a file."""
        self.password: str | None = None
        """What every request must bring as "user:password"; None for nothing."""
        self.ranges: list[tuple[int, int]] = []
        """First and last byte of all answers with a file."""
        self.queries: list[str] = []
        """The queries of all requests."""
        self.signature: str | None = None
        """The query that every request must bring; None for any."""
        self.passwords: list[str | None] = []
        """The header Authorization of all requests, None where there was none."""
        self.closing = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Keep the test log clean."""

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(None)

    def answer(self, body: bytes | None) -> None:
        path, _, query = self.path.partition("?")
        self.server.queries.append(query)
        self.server.passwords.append(self.headers.get("Authorization"))
        if self.server.password and self.headers.get("Authorization") != _basic(self.server.password):
            self.send_error(401)
            return
        if self.server.signature and query != self.server.signature:
            self.send_error(403)
            return
        name = path.rpartition("/")[2]
        self.server.requests[name] += 1
        fault, times = self.server.faults.get(name, ("", 0))
        if self.server.requests[name] > times:
            fault = ""
        file = self.server.root / path.lstrip("/")
        if fault.isdigit() or not file.is_file():
            self.send_response(int(fault or 404))
            for key, value in self.server.headers.get(name, {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "hang":
            self.server.closing.wait(30)
        if fault in ("hang", "close", "reset"):
            self.drop(reset=fault == "reset")
            return
        content = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2] or len(content)) if asked else len(content), len(content) - 1)
        part = content[first : last + 1]
        if body is None:
            self.server.ranges.append((first, last))
        if fault == "drip header":
            self.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000)
            return
        if fault == "zeros" and first:
            part = bytes(len(part))
        if fault == "wrong range" and first:
            part = content[: len(part)]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part) * (2 if fault == "long" else 1)))
        if asked:
            shift = 1000 if fault == "lying range" else 0
            self.send_header("Content-Range", f"bytes {first + shift}-{last + shift}/{len(content)}")
        self.end_headers()
        if fault == "drip" and body is None:
            self.drip(part)
        elif fault == "long" and body is None:
            self.wfile.write(part)
            self.drop(reset=False)
        elif fault == "cut" and body is None:
            self.wfile.write(part[: len(part) // 2])
            self.drop(reset=False)
        else:
            self.wfile.write(part if body is None else body)

    def drip(self, content: bytes) -> None:
        """Send a byte every twentieth of a second."""
        for place in range(len(content)):
            if self.server.closing.wait(0.05):
                break
            self.wfile.write(content[place : place + 1])
            self.wfile.flush()

    def drop(self, *, reset: bool) -> None:
        """End the connection, by an orderly FIN or by RST."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


def _basic(password: str) -> str:
    return f"Basic {base64.b64encode(password.encode()).decode()}"


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """Serve a folder from a thread."""
    with Server(root) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()
