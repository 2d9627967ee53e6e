"""What an inventory says of itself: the provenance of its run, read back from any format."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l4s_geo.output.geopackage import LAYER
from l4s_geo.output.siblings import PROVENANCE
from l4s_geo.sources.vectors import vector_file

__all__ = ["parse_facts", "read_facts", "terrain_files"]

PathLike = str | os.PathLike[str]

_MOST_FACTS = 4 << 20


def read_facts(path: PathLike) -> dict[str, Any]:
    """Read what an inventory says of itself: the provenance in a GeoPackage or GeoParquet file, or beside another file.

    Args:
        path: the inventory.

    Returns:
        Facts by name, as `l4s_geo.provenance.provenance` collects them; {} if there are none that can be read.
    """
    place = Path(vector_file(path))
    text = {".gpkg": _from_geopackage, ".parquet": _from_geoparquet}.get(place.suffix.lower(), _from_sidecar)(place)
    return parse_facts(text)


def parse_facts(text: str) -> dict[str, Any]:
    """Read facts from JSON; {} if the text is none, or longer than any provenance."""
    try:
        facts = json.loads(text) if text and len(text) <= _MOST_FACTS else {}
    except (ValueError, RecursionError):
        facts = {}
    return facts if isinstance(facts, dict) else {}


def terrain_files(facts: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the DEM files that a run read, if all of them are still there on this machine; none otherwise.

    A file says them of itself, so nothing is fetched from elsewhere by their names.

    Args:
        facts: the run's provenance.
        folder: that of the file that says so, for names that are relative to where the command ran.
    """
    named = facts.get("dem")
    paths = [folder / path for path in named if isinstance(path, str)] if isinstance(named, list) else []
    return [str(path) for path in paths] if all(path.is_file() for path in paths) else []


def _from_geopackage(path: Path) -> str:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        metadata = pyogrio.read_info(path, layer=LAYER).get("layer_metadata") or {}
    except (DataSourceError, DataLayerError):
        return ""
    return str(metadata.get("l4s", ""))


def _from_geoparquet(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return ""
    return bytes(metadata.get(b"l4s", b"")).decode("utf-8", "replace")


def _from_sidecar(path: Path) -> str:
    beside = path.with_name(path.name + PROVENANCE)
    try:
        with beside.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_FACTS + 1)
    except OSError:
        return ""
