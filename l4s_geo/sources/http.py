"""Reading over HTTP: how patient it is, GDAL's settings for it, and whole documents.

Pixels are read through GDAL's drivers (/vsicurl/, /vsis3/), which try again by themselves after a refusal. A
response cut in the middle they do not; the stack then opens the file anew (`NETWORK_ATTEMPTS`).
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from l4s_geo.errors import SceneError

__all__ = ["DOCUMENT_BYTES", "HTTP", "HttpLimits", "fetch", "http_options", "is_network", "is_url", "shown"]

DOCUMENT_BYTES = 16 * 2**20
"""Largest document that is fetched, in bytes."""

_TRANSIENT = (429, 500, 502, 503, 504)


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
    """Seconds without data after which an attempt has failed."""
    item: int = 60
    """Seconds that an item's JSON may take altogether."""


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
        "GDAL_HTTP_LOW_SPEED_TIME": str(HTTP.stalled),
        "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
        "GDAL_NUM_THREADS": "1",
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/http:/vsis3/",
    }


def fetch(url: str) -> tuple[bytes, str]:
    """Download a document, trying again after errors that may pass; return it and its final URL."""
    reason = ""
    for attempt in range(HTTP.retries + 1):
        if attempt:
            time.sleep(HTTP.delay * 2 ** (attempt - 1))
        try:
            return _download(url)
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code} {error.reason}"
            if error.code not in _TRANSIENT:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        except ValueError as error:
            reason = str(error)
            break
    raise SceneError(
        f"{shown(url)} cannot be fetched ({reason}, attempt {attempt + 1} of {HTTP.retries + 1}); "
        "check the address and the connection, or save the document and give its path."
    )


def _download(url: str) -> tuple[bytes, str]:
    # Built by hand, so that a redirect cannot lead to a local file or an FTP server.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    headers = {"Accept": "application/geo+json, application/json", "User-Agent": "l4s-geo"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener speaks HTTP only
    deadline = time.monotonic() + HTTP.item
    body = bytearray()
    with opener.open(request, timeout=HTTP.stalled) as response:
        while len(body) <= DOCUMENT_BYTES and (part := response.read1(2**16)):
            body += part
            if time.monotonic() > deadline:
                raise TimeoutError(f"not complete after {HTTP.item} s")
        if response.length and len(body) <= DOCUMENT_BYTES:
            raise http.client.IncompleteRead(bytes(body), response.length)
        return bytes(body), response.geturl()


def is_network(path: str) -> bool:
    """Tell whether GDAL reads a path over a network."""
    return path.startswith(("/vsicurl/", "/vsis3/"))


def is_url(text: str) -> bool:
    """Tell whether a text is an http or https address."""
    return text.lower().startswith(("http://", "https://"))


def shown(text: str) -> str:
    """Return an address as messages and provenance show it: without its query, which may hold a signature."""
    return re.sub(r"\?\S*", "", text.removeprefix("/vsicurl/")) if "://" in text else text
