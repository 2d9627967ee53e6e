"""Reading over HTTP: how patient it is, GDAL's settings for it, whole documents, and where it may lead.

Pixels are read through GDAL's drivers (/vsicurl/, /vsis3/), which try again by themselves after a refusal. A
response cut in the middle they do not; the stack then opens the file anew. Nor do they wait as long as a host asks for
(Retry-After); `wait_as_asked` does, between two attempts. Every wait is bounded by `HTTP`, and said.
"""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import logging
import queue
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from l4s_geo.address import is_url, shown, url_of
from l4s_geo.errors import L4SError, SceneError

__all__ = [
    "DOCUMENT_BYTES",
    "HTTP",
    "HttpLimits",
    "check_step",
    "fetch",
    "http_options",
    "is_inner",
    "probe",
    "wait_as_asked",
]

DOCUMENT_BYTES = 16 * 2**20
"""Largest document that is fetched, in bytes."""

_TRANSIENT = (429, 500, 502, 503, 504)
_WAITS = (429, 503)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpLimits:
    """How patient reads over HTTP are with a host."""

    retries: int = 3
    """Number of further attempts after one that failed for a reason that may pass."""
    delay: float = 1.0
    """Seconds before the first further attempt; each next one waits about twice as long."""
    connect: int = 10
    """Seconds that a host has to accept a connection."""
    stalled: int = 20
    """Seconds without data, or with less than `slowest`, after which an attempt has failed."""
    slowest: int = 1000
    """Bytes a second that a host has to send."""
    request: int = 300
    """Seconds that one request for a part of a file may take."""
    item: int = 60
    """Seconds that an item's JSON may take altogether."""
    read: int = 600
    """Seconds after which a file that has failed to be read is not tried again."""
    asked: int = 120
    """Seconds that a host may ask to be left alone for (Retry-After); one that asks for more has refused."""


HTTP = HttpLimits()
"""The limits that all reads over HTTP keep to."""


def http_options() -> dict[str, str]:
    """Return GDAL's settings for reading over HTTP, for `rasterio.Env` around a run.

    A response code of 0 stands for a connection that broke before any answer. Nothing is cached across opening a
    file anew, because GDAL would remember the half of a response that a broken connection left behind. One thread
    decodes, because GDAL's JPEG 2000 driver loses the errors of several and returns garbage.
    """
    return {
        "GDAL_HTTP_MAX_RETRY": str(HTTP.retries),
        "GDAL_HTTP_RETRY_DELAY": str(HTTP.delay),
        "GDAL_HTTP_RETRY_CODES": ",".join(map(str, (0, *_TRANSIENT))),
        "GDAL_HTTP_CONNECTTIMEOUT": str(HTTP.connect),
        "GDAL_HTTP_TIMEOUT": str(HTTP.request),
        "GDAL_HTTP_LOW_SPEED_TIME": str(HTTP.stalled),
        "GDAL_HTTP_LOW_SPEED_LIMIT": str(HTTP.slowest),
        "GDAL_NUM_THREADS": "1",
        "GDAL_VRT_ENABLE_PYTHON": "NO",
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/http:/vsis3/",
    }


def fetch(
    url: str,
    error: type[L4SError] = SceneError,
    todo: str = "check the address and the connection, or save the document and give its path",
) -> tuple[bytes, str]:
    """Download a document, trying again after errors that may pass; return it and its final URL.

    Args:
        url: its address.
        error: class to raise.
        todo: what to do if it cannot be had, for the message.

    Raises:
        L4SError: it cannot be had.
    """
    reason = ""
    for attempt in range(HTTP.retries + 1):
        pause = HTTP.delay * 2 ** (attempt - 1) if attempt else 0.0
        time.sleep(pause)
        try:
            return _within(HTTP.item, partial(_download, url))
        except urllib.error.HTTPError as cause:
            reason = f"HTTP status {cause.code} {cause.reason}"
            if cause.code not in _TRANSIENT:
                break
            if (asked := _asked(cause)) and not _pause(url, asked):
                reason += f", with the request to wait {asked:.0f} s"
                break
        except (OSError, http.client.HTTPException) as cause:
            reason = str(getattr(cause, "reason", cause)) or type(cause).__name__
        except ValueError as cause:
            reason = str(cause)
            break
    raise error(f"{url} cannot be fetched ({reason}, attempt {attempt + 1} of {HTTP.retries + 1}); {todo}.")


def probe(path: str) -> None:
    """Ask for the first byte of a file, and follow where its host leads to.

    Raises:
        ValueError: the host leads somewhere that `check_step` refuses; any other failure is left for GDAL to find.
        HTTPError: the host refuses.
    """
    if url := url_of(path):
        try:
            _within(HTTP.stalled, partial(_download, url, {"Range": "bytes=0-0"}, 1))
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException):
            return


def wait_as_asked(path: str) -> bool:
    """Ask a host that could not be read from whether it wants to be left alone for a while, and wait so long.

    Args:
        path: of the file that could not be read, as GDAL names it.

    Returns:
        Whether the host has asked for that, and the wait is over; False too if it asks for more than `HTTP.asked`.
    """
    try:
        probe(path)
    except urllib.error.HTTPError as error:
        return error.code in _WAITS and (asked := _asked(error)) > 0 and _pause(path, asked)
    except ValueError:
        pass
    return False


def check_step(source: str, target: str) -> None:
    """Refuse a step from a document or an answer of the web to somewhere that it must not lead to.

    Args:
        source: address of what refers, or redirects.
        target: the address it refers to.

    Raises:
        ValueError: the target is not on the web, or on this machine or in its own network while the source is not.
    """
    if not is_url(target):
        raise ValueError(f"it leads to {shown(target)}, which is no http(s) address")
    if is_inner(target) and not is_inner(source):
        host = urlsplit(target).hostname
        raise ValueError(f"it leads from the web to {host}, which is this machine or its own network")


def is_inner(url: str) -> bool:
    """Tell whether an address is this machine's or of its own network; not if nobody knows its host."""
    try:
        places = {entry[4][0] for entry in socket.getaddrinfo(urlsplit(url).hostname or "", None)}
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(str(place).partition("%")[0]).is_global for place in places)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects as `check_step` allows it."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_step(req.full_url, newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, headers: dict[str, str] | None = None, most: int = DOCUMENT_BYTES) -> tuple[bytes, str]:
    """Return what an address answers, at most one byte more than `most`, and the address that it came from."""
    # Built by hand, so that a redirect cannot lead to a local file or an FTP server.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirects,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    bare, password = _credentials(url)
    said = {"User-Agent": "l4s-geo", **(headers or {"Accept": "application/geo+json, application/json"})}
    request = urllib.request.Request(bare, headers=said)  # noqa: S310 - the opener speaks HTTP only
    if password:
        request.add_unredirected_header("Authorization", f"Basic {b64encode(password.encode()).decode()}")
    body = bytearray()
    with opener.open(request, timeout=HTTP.stalled) as response:
        while len(body) <= most and (part := response.read1(2**16)):
            body += part
        if response.length and len(body) <= most:
            raise http.client.IncompleteRead(bytes(body), response.length)
        final = response.geturl()
    same_host = urlsplit(final)[:2] == urlsplit(bare)[:2]
    return bytes(body), urlsplit(final)._replace(netloc=urlsplit(url).netloc).geturl() if same_host else final


def _credentials(url: str) -> tuple[str, str]:
    """Split an address into one without user and password, and these: "user:password", empty if there are none."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), unquote(user)


def _within(seconds: float, work: Callable[[], tuple[bytes, str]]) -> tuple[bytes, str]:
    """Return what some work on a connection gives, if it does so in time, however slowly its host drips."""
    done: queue.SimpleQueue[tuple[bytes, str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put(work())
        except Exception as error:
            done.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"not complete after {seconds} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def _asked(error: urllib.error.HTTPError) -> float:
    """Return for how many seconds a host asks to be left alone, 0 if it does not say: seconds or a date (RFC 9110)."""
    value = (error.headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(until.timestamp() - time.time(), 0.0)


def _pause(path: str, seconds: float) -> bool:
    """Wait as long as a host asks for and say so; False, without a wait, if that is too long."""
    if seconds > HTTP.asked:
        return False
    _log.warning("Waiting %.0f s, as the host of %s asks for", seconds, shown(path))
    time.sleep(seconds)
    return True
