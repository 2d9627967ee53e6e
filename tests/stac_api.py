"""A STAC API on this machine (stac-fastapi-static) over items that tests make, which misbehaves on request."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pystac
import uvicorn
from stac_fastapi.static.api import Settings, make_api


class Faulty:
    """Passes requests on to an application, but for those that are to fail: the first so many of a path."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.faults: dict[str, tuple[str, int]] = {}
        """What goes wrong with a path, and how often: a status, "html", "cut" or "hang"."""
        self.headers: dict[str, str] = {}
        """Headers of the answers that are a status."""
        self.requests: list[str] = []
        """The paths and queries of all requests."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        self.requests.append(f"{path}?{scope['query_string'].decode()}")
        fault, times = self.faults.get(path, ("", 0))
        if not fault or times <= 0:
            await self.app(scope, receive, send)
            return
        self.faults[path] = (fault, times - 1)
        if fault == "hang":
            await asyncio.sleep(30)
        status = int(fault) if fault.isdigit() else 200
        body = b"" if fault.isdigit() else b"<!doctype html><title>Sign in</title>"
        headers = {"content-type": "text/html", "content-length": str(len(body) + 100 * (fault == "cut"))}
        head = [(key.encode(), value.encode()) for key, value in {**headers, **self.headers}.items()]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def stac_api(root: Path, collections: dict[str, Sequence[dict[str, Any]]]) -> Iterator[tuple[str, Faulty]]:
    """Serve items from a thread.

    Args:
        root: an empty folder for the catalogue.
        collections: items by the collection they are in.

    Yields:
        The API's address, and what makes it fail.
    """
    write_catalogue(root, collections)
    settings = Settings(catalog_href=f"file://{root / 'catalog.json'}", log_level="warning")
    app = make_api(settings).app
    # It is for browsers, and stac-fastapi 5.2 calls newer versions of Starlette with arguments in the wrong order.
    app.user_middleware = [part for part in app.user_middleware if part.cls.__name__ != "CORSMiddleware"]
    faulty = Faulty(app)
    server = uvicorn.Server(uvicorn.Config(faulty, host="127.0.0.1", port=0, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", faulty
    server.should_exit = server.force_exit = True
    thread.join(10)


def write_catalogue(root: Path, collections: dict[str, Sequence[dict[str, Any]]]) -> None:
    """Write a static catalogue."""
    catalogue = pystac.Catalog("test", "Scenes made by a test")
    for name, items in collections.items():
        extent = pystac.Extent(
            pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]), pystac.TemporalExtent([[None, None]])
        )
        collection = pystac.Collection(name, name, extent)
        collection.add_items(pystac.Item.from_dict(json.loads(json.dumps(item))) for item in items)
        catalogue.add_child(collection)
    catalogue.normalize_and_save(str(root), pystac.CatalogType.SELF_CONTAINED)
