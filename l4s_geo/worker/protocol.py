"""The lines that a worker and the program that drives it exchange; version 1.

`python -I -m l4s_geo.worker` reads requests on stdin and writes messages on stdout, each one JSON object in one line of
UTF-8. What else the engine or its libraries print goes to stderr.

**Requests** are ``{"id": 7, "method": "map", "params": {…}}``. The id is a number or a string that the driver chooses;
every message about the request carries it. Requests run one after another, in the order they came; a driver that wants
several runs at once starts several workers. A line is at most `MAX_LINE` bytes long.

| method | params | result |
| --- | --- | --- |
| environment | none | engine, python, executable, packages, device, runtime, cuda, bundles |
| check | those of `l4s_geo.stack.open.Inputs`, bundle | scene, bands, level, crs, shape, assumptions, doubts, bundles |
| map | those of `l4s_geo.map_scene` but reporter, and report | outputs, features, area_m2, provenance |
| stack | those of `l4s_geo.stack.open.Inputs`, out | outputs |
| inventory | those of `l4s_geo.make_inventory` but reporter | outputs, features, area_m2 |
| outlines | those of `l4s_geo.review.outlines.outlines` | polygons, area_m2, threshold, pixel, crs, took_s |
| measure | those of `l4s_geo.measure` but reporter | attributes, outputs |
| evaluate | those of `l4s_geo.evaluate`, out, report | `l4s_geo.evaluation.summary.figures`, outputs |
| report | those of `l4s_geo.report` but evaluation | outputs, bytes |
| teach | those of `l4s_geo.teach` but reporter | bundle, threshold, scores, outputs |
| event_new | those of `l4s_geo.events.event_file.new_event` | event |
| event_run | those of `l4s_geo.map_event` but reporter | inventory, features, area_m2, units, outputs |
| event_status | those of `l4s_geo.events.run.event_status` | units |
| event_search | those of `l4s_geo.events.search` but reporter | scenes, dem, notes |
| event_describe | that of `l4s_geo.events.describe` | collection |
| export | those of `l4s_geo.events.export` | features, outputs |

Of each unit of an event the result says name, state, attempts, seconds, error and out, and of one that is done
features, area_m2 and valid_m2; a unit that failed is no error of the request.

In a comparison's settings, an object, the sun is [azimuth, elevation]. Doubts are the sentences, each in parts (below),
that tell of bands that seem to have changed places. The polygons of outlines are WKB in base64, in
the CRS that is given as WKT; attributes are an object for each polygon, in the file's order, null where nothing is
known. Outlines, and measure without out, are done in a process that stays, so that the next answer comes at once: ask
for one after the other, and leave out what has been overtaken.

So the keywords of `l4s_geo.map_scene` and the fields of `l4s_geo.stack.open.Inputs` are part of the protocol: to rename
one, or to let it mean something else, takes a new version; new ones that may be left out do not.

**Messages** have a type:

- ``{"type": "hello", "protocol": 1, "engine": "0.1.0", "python": "3.11.2", "executable": "…"}`` comes first, once. A
  driver that does not know the protocol's number stops here.
- ``{"type": "log", "id": 7, "level": "info", "text": "…", "parts": […]}``: a line for the user; level "detail" for
  those who ask for more.
- ``{"type": "assumptions", "id": 7, "assumptions": {"units": {"value": "…", "origin": "values", "because": "…",
  "option": "units"}, …}}``: what the run takes for granted of its scene, once, before it maps: the fields of
  `l4s_geo.assumptions.Assumptions`, each one an `l4s_geo.assumptions.Assumption`.
- ``{"type": "progress", "id": 7, "stage": "map", "done": 12, "total": 64, "rate": 33.5, "remaining_s": 1.6}``: stage is
  "open", "map" (done and total count windows; strips in a stack) or "write"; in a stage that counts nothing, done and
  total are 0. Rate is per second; it and remaining_s are null while unknown.
- ``{"type": "result", "id": 7, "result": {…}}``: the request is done and its outputs are in place.
- ``{"type": "error", "id": 7, "kind": "BandError", "message": "…", "parts": […], "detail": "…"}``: it failed, and
  left nothing (but a complete result under another name, if the kind is "OutputKeptError", as the message says). Kind
  is a class of `l4s_geo.errors` for what a user can mend; "ProtocolError" for a request that is not one (id null if it
  has none); "Crash" if the engine ended without an answer; "Bug" otherwise, with a traceback as detail.

Lines and errors name options and programs as the command line does. Their parts are the same sentence for a driver that
has neither: texts, ``{"parameter": "units", "value": "dn"}`` for an option (the value may be empty), and
``{"program": "gdalwarp", "arguments": "…"}`` (`l4s_geo.mentions`).

Either result or error ends a request. New message types and fields may come without a new version; skip those you do
not know.

**End of stdin** is the way to cancel, and what a driver's death looks like: within a second the worker ends a running
request, removes what that had begun, and exits. So keep stdin open until the answer is there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from l4s_geo.address import shown
from l4s_geo.mentions import parts

__all__ = [
    "MAX_LINE",
    "METHODS",
    "PROTOCOL",
    "QUICK",
    "Channel",
    "ProtocolError",
    "Request",
    "claim_stdout",
    "read_lines",
    "sentence",
]

PROTOCOL = 1
"""Version of the protocol; it changes when a driver of the old one would misunderstand."""

MAX_LINE = 1 << 20
"""Length of the longest request, bytes."""

METHODS = (
    *("environment", "check", "map", "stack", "inventory", "outlines", "measure", "evaluate", "report", "teach"),
    *("event_new", "event_run", "event_status"),
    *("event_search", "event_describe", "export"),
)
"""Methods that a request may name."""

QUICK = ("outlines", "measure")
"""Methods that a person waits for, at a slider or after a stroke: without outputs, one process does all of them."""

_FOR_PEOPLE = ("text", "message", "detail")
_SENTENCES = ("text", "message")

Id = int | str | None


class ProtocolError(Exception):
    """A line is not a request; `id` is its id, if it has one."""

    def __init__(self, message: str, id_: Id = None) -> None:
        super().__init__(message)
        self.id = id_


@dataclass(frozen=True)
class Request:
    """One thing that a driver asks a worker to do."""

    id: Id
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, line: bytes) -> Request:
        """Read a request.

        Raises:
            ProtocolError: the line is not one.
        """
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"The line is not JSON in UTF-8 ({error}); expected a request.") from None
        if not isinstance(raw, dict):
            raise ProtocolError("The line is JSON but no object; expected a request with id, method and params.")
        id_ = raw.get("id")
        if isinstance(id_, bool) or not isinstance(id_, int | str):
            raise ProtocolError("The request has no id; give it a number or a string.")
        method, params = raw.get("method"), raw.get("params", {})
        if method not in METHODS:
            raise ProtocolError(f"The method {method!r} is unknown; the methods are {', '.join(METHODS)}.", id_)
        if not isinstance(params, dict):
            raise ProtocolError("The request's params are no object; give them by name.", id_)
        return cls(id_, method, params)

    def line(self, **more: Any) -> bytes:
        """Write the request, with more fields if given."""
        return _line({"id": self.id, "method": self.method, "params": dict(self.params), **more})


class Channel:
    """Writes messages, whole lines at a time, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, type_: str, /, **fields: Any) -> None:
        """Write a message; nothing in it that is for people holds a secret of an address.

        Raises:
            OSError: nobody reads any more.
        """
        fields |= {key: shown(fields[key]) for key in _FOR_PEOPLE if key in fields}
        for key in _SENTENCES:
            if key in fields:
                fields |= {"parts": sentence(fields[key])}
        with self._lock:
            self._stream.write(_line({"type": type_, **fields}))
            self._stream.flush()


def claim_stdout() -> BinaryIO:
    """Keep stdout for the protocol: return it, and send all that is printed from now on to stderr."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def read_lines(stream: BinaryIO) -> Iterator[bytes | ProtocolError]:
    """Yield the lines of a stream until it ends; for one that is too long, the error."""
    while line := stream.readline(MAX_LINE + 1):
        if line.endswith(b"\n"):
            if line.strip():
                yield line
        elif len(line) > MAX_LINE:
            while (line := stream.readline(MAX_LINE)) and not line.endswith(b"\n"):
                pass
            yield ProtocolError(f"The line is longer than {MAX_LINE} bytes; requests are short.")
        # A line without an end is one whose writer died.


def sentence(text: str) -> list[str | dict[str, str]]:
    """Return a sentence's parts, as messages hold them."""
    return [part if isinstance(part, str) else asdict(part) for part in parts(text)]


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, default=str).encode() + b"\n"
