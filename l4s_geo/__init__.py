"""Landslide inventories from Sentinel-2 scenes.

    >>> import l4s_geo
    >>> landslides = l4s_geo.map_scene("scene.tif", dem="dem.tif", out="inventory.gpkg")

`map_scene` maps a scene, `map_event` all scenes of an event, `map_scenes` many without an event file; `make_inventory`
makes another inventory of a map's probabilities, and `measure` measures one anew after somebody drew in it; `teach`
learns from what a person drew on a scene; `evaluate` compares an inventory with a reference; `report` writes a page
about one for people without a GIS; `load_bundle` loads a model for use on arrays; every error a user can cause is an
`L4SError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l4s_geo.errors import L4SError

if TYPE_CHECKING:
    from l4s_geo.evaluation.evaluate import evaluate
    from l4s_geo.events.run import map_event, map_scenes
    from l4s_geo.inference.runtime import load_bundle
    from l4s_geo.pipeline import map_scene
    from l4s_geo.reporting.report import report
    from l4s_geo.review.make import make_inventory
    from l4s_geo.review.measure import measure
    from l4s_geo.teaching.teach import teach

__all__ = [
    "L4SError",
    "evaluate",
    "load_bundle",
    "make_inventory",
    "map_event",
    "map_scene",
    "map_scenes",
    "measure",
    "report",
    "teach",
]


def __getattr__(name: str) -> Any:
    """Import the heavy modules when they are first used, so that `--help` starts at once."""
    if name == "map_scene":
        from l4s_geo.pipeline import map_scene

        return map_scene
    if name in ("map_event", "map_scenes"):
        from l4s_geo.events import run

        return getattr(run, name)
    if name == "make_inventory":
        from l4s_geo.review.make import make_inventory

        return make_inventory
    if name == "measure":
        from l4s_geo.review.measure import measure

        return measure
    if name == "evaluate":
        from l4s_geo.evaluation.evaluate import evaluate

        return evaluate
    if name == "report":
        from l4s_geo.reporting.report import report

        return report
    if name == "load_bundle":
        from l4s_geo.inference.runtime import load_bundle

        return load_bundle
    if name == "teach":
        from l4s_geo.teaching.teach import teach

        return teach
    raise AttributeError(f"module 'l4s_geo' has no attribute {name!r}")
