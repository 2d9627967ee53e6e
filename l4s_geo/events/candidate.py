"""Scenes that a search has found: what their STAC items say that matters for a choice between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import shapely
from shapely.geometry import shape

from l4s_geo.address import shown
from l4s_geo.sources.http import check_step
from l4s_geo.sources.stac import Json

__all__ = ["Candidate", "candidate_of", "without_repeats"]

_TILE = re.compile(r"(?<![0-9A-Z])(?:MGRS-|T)?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?![0-9A-Z])")
_TILE_FIELDS = ("grid:code", "s2:mgrs_tile", "s2:tile_id", "s2:product_uri")
_BASELINE_FIELDS = ("s2:processing_baseline", "processing:version")


@dataclass(frozen=True)
class Candidate:
    """A scene that may be taken."""

    name: str
    """The item's id."""
    href: str
    """The item's address, without query, user and password."""
    when: datetime
    """When it was taken, UTC."""
    tile: str
    """The MGRS tile, such as 54TWN; "" if the item does not tell it."""
    footprint: shapely.Geometry
    """The ground that it shows, in degrees."""
    cloud: float | None
    """Cloud cover of the whole scene in percent; None if the item does not tell it."""
    baseline: str = ""
    """Processing baseline, such as 05.00; "" if unknown."""
    item: Json = field(default_factory=dict, repr=False, compare=False)
    """The item itself."""


def candidate_of(item: Json, api: str) -> Candidate | None:
    """Return what an item of an API says of its scene; None if it says too little to be one.

    Args:
        item: the item.
        api: address of the API, from which the item must not lead to this machine or its network.
    """
    properties = item.get("properties")
    stated = properties if isinstance(properties, dict) else {}
    try:
        when = datetime.fromisoformat(str(stated.get("datetime") or stated.get("start_datetime")))
        ground = shapely.make_valid(shape(item["geometry"]))
        href = _href(item, api)
        if not isinstance(item.get("assets"), dict):
            return None
        check_step(api, href)
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError):
        return None
    cloud = stated.get("eo:cloud_cover")
    names = [str(stated.get(key) or "") for key in _TILE_FIELDS] + [str(item.get("id"))]
    tile = next((match[1] for name in names if (match := _TILE.search(name.replace("_", " ")))), "")
    return Candidate(
        name=str(item.get("id")),
        href=shown(href),
        when=when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC),
        tile=tile,
        footprint=ground,
        cloud=float(cloud) if isinstance(cloud, int | float) and not isinstance(cloud, bool) else None,
        baseline=next((str(stated[key]) for key in _BASELINE_FIELDS if stated.get(key)), ""),
        item=item,
    )


def without_repeats(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep one of the products that were made of the same picture: that of the latest baseline.

    Catalogues keep scenes under several names when they are processed anew.
    """
    best: dict[tuple[object, ...], Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: (c.baseline, c.name)):
        minute = candidate.when.replace(second=0, microsecond=0)
        place = candidate.tile or candidate.footprint.wkt
        best[place, minute] = candidate
    return sorted(best.values(), key=lambda c: (c.when, c.name))


def _href(item: Json, api: str) -> str:
    """Return an item's own address, as it says or as APIs name items."""
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("href"), str):
            return str(link["href"])
    return f"{api.rstrip('/')}/collections/{item['collection']}/items/{item['id']}"
