"""Events: from a place and a date to one inventory, by way of one file that says what happened.

    >>> from l4s_geo import events
    >>> found = events.search("iburi.yaml")
    >>> events.export("iburi.gpkg", out="iburi_coolr.gpkg", schema="coolr")

`search` looks for scenes and elevations in a STAC API; `export` writes an inventory in the fields of a landslide
catalogue; `write_item` describes a result as a STAC item, `describe` all results of an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l4s_geo.events.catalogue_export import export
    from l4s_geo.events.scene_search import search
    from l4s_geo.events.stac_item import describe, write_item

__all__ = ["describe", "export", "search", "write_item"]


def __getattr__(name: str) -> Any:
    """Import the heavy modules when they are first used."""
    if name == "search":
        from l4s_geo.events.scene_search import search

        return search
    if name == "export":
        from l4s_geo.events.catalogue_export import export

        return export
    if name in ("describe", "write_item"):
        from l4s_geo.events import stac_item

        return getattr(stac_item, name)
    raise AttributeError(f"module 'l4s_geo.events' has no attribute {name!r}")
