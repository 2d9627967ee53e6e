"""Scenes that are given under two names: links, copies, a product's folder and its zip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from l4s_geo.errors import EventError
from l4s_geo.events.scene_facts import SceneFacts

__all__ = ["check_once", "same_acquisitions"]

_SECOND = "2018-09-15T01:26:51"
_END, _PIECE = 1 << 16, 1 << 20


def check_once(scenes: Sequence[SceneFacts], where: str) -> None:
    """Refuse a scene that is given under two names.

    Raises:
        EventError: one is.
    """
    seen: dict[object, SceneFacts] = {}
    for scene in scenes:
        for key in _identities(scene):
            other = seen.setdefault(key, scene)
            if other is not scene:
                raise EventError(
                    f"{where} names one scene twice, as {other.source} and as {scene.source}; expected each once, so "
                    "remove one."
                )
    by_size: dict[object, list[SceneFacts]] = {}
    for scene in scenes:
        if (size := _size(scene)) and scene.bounds:
            by_size.setdefault((size, scene.bounds), []).append(scene)
    for alike in by_size.values():
        for one, other in combinations(alike, 2):
            if _same_bytes(one, other):
                raise EventError(
                    f"{where} names {one.source} and {other.source}, which hold the same bytes; expected each scene "
                    "once, so remove one."
                )


def same_acquisitions(scenes: Sequence[SceneFacts]) -> list[str]:
    """Say of which scenes several products are given: of two levels or baselines, or in parts."""
    found: dict[object, list[SceneFacts]] = {}
    for scene in scenes:
        if scene.tile and len(scene.taken) >= len(_SECOND):
            found.setdefault((scene.tile, scene.taken[: len(_SECOND)]), []).append(scene)
    return [
        f"{' and '.join(scene.name for scene in products)} are products of one acquisition; they count as one day"
        for products in found.values()
        if len(products) > 1
    ]


def _identities(scene: SceneFacts) -> list[object]:
    """Return what no two scenes share: the name of a product, and the files themselves."""
    # The granules of an older product share its name.
    product = [("product", scene.product, scene.tile, scene.bounds)] if scene.product else []
    stats = [os.stat(file) for file in scene.files if os.path.isfile(file)]
    return [*product, *((stat.st_dev, stat.st_ino) for stat in stats if stat.st_ino)]


def _size(scene: SceneFacts) -> int:
    """Return the bytes of a scene's files; 0 if it is not made of files alone."""
    files = [Path(file) for file in scene.files]
    return sum(file.stat().st_size for file in files) if files and all(file.is_file() for file in files) else 0


def _same_bytes(one: SceneFacts, other: SceneFacts) -> bool:
    """Whether two scenes of the same size have the same files."""
    if len(one.files) != len(other.files):
        return False
    pairs = zip(sorted(one.files, key=_by_size), sorted(other.files, key=_by_size), strict=True)
    return all(_alike(Path(left), Path(right)) for left, right in pairs)


def _by_size(file: str) -> tuple[int, str]:
    return os.path.getsize(file), Path(file).name


def _alike(one: Path, other: Path) -> bool:
    """Compare two files, their ends first, which tells most that differ at once."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        for place in (max(0, one.stat().st_size - _END), 0):
            left.seek(place), right.seek(place)
            if left.read(_END) != right.read(_END):
                return False
        while part := left.read(_PIECE):
            if part != right.read(_PIECE):
                return False
    return True
