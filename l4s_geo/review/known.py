"""What files say of the run that made them, held against what is here: the bundle, and the terrain."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import BundleError
from l4s_geo.inventory.facts import terrain_files
from l4s_geo.sources.vectors import vector_file

__all__ = ["bundle_of", "dem_of", "several"]

PathLike = str | os.PathLike[str]


def bundle_of(facts: Mapping[str, Any], given: PathLike | None) -> tuple[Bundle | None, str]:
    """Find the bundle whose probabilities something is made of, for its classes of confidence.

    Args:
        facts: the run's provenance.
        given: a bundle's name or path, in place of the one that is named there.

    Returns:
        The bundle, and a sentence to say; None where it is not named, not installed, or another one by its hash.

    Raises:
        BundleError: the one that was given is none.
    """
    if given is not None:
        return find_bundle(given), ""
    name = facts.get("bundle")
    if not isinstance(name, str):
        return None, "Confidence: empty, since nothing says which bundle the probabilities are from"
    try:
        found = find_bundle(name)
    except BundleError:
        return None, f"Confidence: empty, since the bundle {name} is not installed"
    if found.sha256 != facts.get("bundle_sha256"):
        return None, f"Confidence: empty, since the bundle {name} that is installed is another than the run's"
    return found, ""


def dem_of(
    facts: Mapping[str, Any], source: PathLike, given: PathLike | Sequence[PathLike] | None
) -> tuple[list[PathLike], str]:
    """Find the DEM files to measure with: those given, or else those of the run.

    Args:
        facts: the run's provenance.
        source: the file that carries it.
        given: what was given.

    Returns:
        The files, and a sentence to say of them.
    """
    if given is not None:
        return several(given), ""
    if known := terrain_files(facts, Path(vector_file(source)).parent):
        return list(known), f"Terrain: {', '.join(known)}, which the map was made with"
    return [], "Terrain: none given, and none known that is still there; the terrain attributes are empty"


def several(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    """Return one path, or several, as a list."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)
