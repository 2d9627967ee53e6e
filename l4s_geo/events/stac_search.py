"""What a STAC API has of a collection, by place and time: `pystac_client` asks, `l4s_geo.sources.http` fetches.

So a search is as patient as all other reading over HTTP, waits as long as a host asks for, and follows neither
redirects nor pages to where an answer from the web must not lead. Everything is asked for by GET, which all APIs
answer. Not every API heeds on every page all of what it is asked; whoever calls this checks what comes back.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from l4s_geo.address import shown
from l4s_geo.errors import EventError
from l4s_geo.sources.http import DOCUMENT_BYTES, check_step, fetch
from l4s_geo.sources.stac import Json

__all__ = ["search_items"]

_PAGE = 100
_MOST = 5000
_TODO = (
    "check the address and the connection, try again later or another API (--api), or write scenes of your own into "
    "the event file"
)


def search_items(
    url: str,
    collection: str,
    box: tuple[float, float, float, float],
    interval: str | None = None,
    cloud: float | None = None,
) -> list[Json]:
    """Find the items of a collection that meet a box.

    Args:
        url: the API's landing page.
        collection: the collection's id.
        box: west, south, east, north, in degrees.
        interval: times as STAC writes them, ``2018-09-07T00:00:00Z/2018-11-05T23:59:59Z``; None for any.
        cloud: the highest eo:cloud_cover in percent that is asked for, of APIs that can be asked; None for any.

    Returns:
        The items as JSON, each once.

    Raises:
        EventError: the API cannot be reached, refuses, is none, or has more items than anybody would look at.
    """
    from pystac_client import Client
    from pystac_client.stac_api_io import StacApiIO

    class Io(StacApiIO):
        """Requests by GET, through `fetch`."""

        def request(
            self,
            href: str,
            method: str | None = None,
            headers: dict[str, str] | None = None,
            parameters: dict[str, Any] | None = None,
        ) -> str:
            if (method or "GET").upper() != "GET":
                raise EventError(f"The STAC API {url} wants a page asked for by {method}; expected GET, so {_TODO}.")
            asked = f"{href}{'&' if '?' in href else '?'}{urlencode(parameters)}" if parameters else href
            return _answer(url, asked)

    found: dict[str, Json] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of what an API does not announce, and asks for it all the same
            client = Client.open(url, stac_io=Io())
            query = {"eo:cloud_cover": {"lte": cloud}} if cloud is not None and client.conforms_to(_query()) else None
            pages = client.search(
                method="GET", collections=[collection], bbox=box, datetime=interval, query=query, limit=_PAGE
            ).pages_as_dicts()
            for page in pages:
                items = list(_items(page, url))
                new = {str(item.get("id")): item for item in items if str(item.get("id")) not in found}
                if items and not new:
                    raise EventError(f"The STAC API {url} answers with the same page again and again; {_TODO}.")
                found |= new
                if len(found) > _MOST:
                    raise EventError(
                        f"The STAC API {url} has more than {_MOST} items of {collection} there; expected those of one "
                        "event, so give a smaller area or fewer days (--before-days, --after-days)."
                    )
    except EventError:
        raise
    except Exception as cause:  # whatever a client makes of a document that is no STAC
        said = f"{type(cause).__name__}: {cause}".splitlines()[0][:200]
        raise EventError(
            f"The address {url} does not answer as a STAC API does ({said}); expected the landing page of one, such as "
            "https://earth-search.aws.element84.com/v1, so correct --api."
        ) from None
    return list(found.values())


def _query() -> Any:
    from pystac_client.conformance import ConformanceClasses

    return ConformanceClasses.QUERY


def _answer(url: str, asked: str) -> str:
    """Return an API's answer, which is JSON.

    Raises:
        EventError: there is none, it is something else, or it comes from where the API must not lead.
    """
    try:
        check_step(url, asked)
    except ValueError as problem:
        raise EventError(f"The STAC API {url} is not to be followed: {problem}; {_TODO}.") from None
    raw, _ = fetch(asked, EventError, _TODO)
    text = raw.decode("utf-8", "replace")
    try:
        if len(raw) > DOCUMENT_BYTES:
            raise ValueError(f"larger than {DOCUMENT_BYTES >> 20} MiB")
        json.loads(text)
    except (ValueError, RecursionError):
        begins = " ".join(shown(text[:60]).split())
        raise EventError(
            f"The address {asked} answers with something that is not JSON ({begins!r} …); expected a STAC API, so "
            "check that the address is its landing page and that no login stands before it."
        ) from None
    return text


def _items(page: Json, url: str) -> Iterator[Json]:
    """Yield the items of a page.

    Raises:
        EventError: it is no page of items.
    """
    features = page.get("features")
    if not isinstance(features, list):
        raise EventError(
            f"The STAC API {url} answers a search with {str(page.get('type'))!r}, without features; expected a "
            "FeatureCollection, so correct --api."
        )
    yield from (feature for feature in features if isinstance(feature, dict))
