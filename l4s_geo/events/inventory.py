"""Writes the merged inventory of an event from those of its units."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4s_geo import defaults
from l4s_geo.address import shown_all
from l4s_geo.events.content import stamp_of
from l4s_geo.events.units import Request, Unit
from l4s_geo.inventory.facts import read_facts
from l4s_geo.inventory.formats import write_inventory
from l4s_geo.output.claim import claimed
from l4s_geo.output.staging import check_output, staged

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from l4s_geo.events.merge import Part

__all__ = ["merge_key", "merged_file", "write_merged"]

_SHARED = (
    "bundle",
    "bundle_version",
    "bundle_sha256",
    "threshold",
    "min_area",
    "overlap",
    "tta",
    "composite",
    "only_new",
)
"""Facts of units that are said of the whole if all of them agree."""


_OWN = (
    *("unit", "unit_key", "day", "scene", "product", "level", "acquired", "baseline", "dem", "crs", "shape", "created"),
    *("after_scenes", "before_scenes", "valid_share", "masked_share", "compared_share"),
)
"""Facts of each unit that are said beside its name; its own inventory says all."""


def merged_file(request: Request) -> Path:
    """Return where the merged inventory of a request comes to lie."""
    return request.out / f"{request.name}.gpkg"


def merge_key(request: Request, units: Sequence[Unit]) -> str:
    """Return a digest of all that a merged inventory depends on: the units' files as they are, and the event."""
    # A program that has an inventory open, as QGIS does, keeps what was edited in a log beside it.
    places = {unit.name: (unit.out, f"{unit.out}-wal", unit.outputs["seen"]) for unit in units}
    stamps = [
        [name, *(stamp_of(Path(path)) for path in paths if Path(path).exists())] for name, paths in places.items()
    ]
    text = json.dumps([stamps, _event(request), version("l4s-geo")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_merged(request: Request, units: Sequence[Unit], missing: Sequence[str]) -> GeoDataFrame:
    """Merge the inventories of units and write the one of the event, in place of an earlier one.

    Args:
        request: what was mapped.
        units: the units that are done.
        missing: names of those that are not, for the provenance.

    Returns:
        The merged inventory; see `l4s_geo.events.merge.merge`.

    Raises:
        EventError: the inventory of a unit cannot be read.
        OutputError: the merged one cannot be written.
    """
    from l4s_geo.events.merge import merge

    path = merged_file(request)
    check_output(path, (".gpkg",), "inventory")
    facts = {unit.name: read_facts(unit.out) for unit in sorted(units, key=lambda unit: unit.name)}
    frame = merge([_part(unit, facts[unit.name], request) for unit in units], _event(request))
    with claimed(path), staged(path) as (part,):
        if part:
            write_inventory(frame, part, _provenance(request, facts, missing, frame.crs))
    return frame


def _part(unit: Unit, facts: Mapping[str, Any], request: Request) -> Part:
    from l4s_geo.events.merge import Part
    from l4s_geo.events.unit_inventory import read_unit

    landslides, seen = read_unit(unit.out, unit.outputs["seen"])
    taken = date.fromisoformat(unit.day) if unit.day else None
    return Part(
        name=unit.name,
        landslides=landslides,
        seen=seen,
        day=unit.day,
        away=request.event.away(taken) if request.event and taken else 0,
        min_area=float(facts.get("min_area", defaults.MIN_AREA)),
    )


def _event(request: Request) -> dict[str, str]:
    """Return the values of the columns of the event, empty without one."""
    event = request.event
    values = (event.name, event.days, event.trigger, event.type) if event else ("",) * 4
    return dict(zip(("event", "event_date", "trigger", "event_type"), values, strict=True))


def _provenance(
    request: Request, facts: Mapping[str, Mapping[str, Any]], missing: Sequence[str], crs: Any
) -> dict[str, Any]:
    shared = {
        name: next(iter(facts.values()))[name]
        for name in _SHARED
        if all(name in said and said[name] == next(iter(facts.values()))[name] for said in facts.values())
    }
    said: dict[str, Any] = shown_all(
        {
            "software": f"l4s-geo {version('l4s-geo')}",
            **_event(request),
            **shared,
            "crs": ":".join(crs.to_authority() or (crs.name,)),
            "created": max(str(said.get("created", "")) for said in facts.values()),
            "missing": list(missing),
            "units": {name: {key: said[key] for key in _OWN if key in said} for name, said in facts.items()},
        }
    )
    return said
