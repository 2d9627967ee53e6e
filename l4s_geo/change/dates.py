"""The scenes of a map that compares dates, as a user gives them: nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from l4s_geo import defaults
from l4s_geo.errors import L4SError, SceneError

__all__ = ["METHODS", "Dates", "Method", "SceneLike", "scenes_of"]

SceneLike = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]
"""What one scene is given as; see `l4s_geo.stack.open.Inputs`."""

Method = Literal["greenest", "median", "latest"]
"""How several observations of a pixel become one; see `l4s_geo.change.composite`."""

METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Dates:
    """Which scenes show the ground before and after; `l4s_geo.map_scene` explains the settings."""

    also: tuple[SceneLike, ...] = ()
    """Further scenes of the later side, beside the one that `Inputs` names."""
    before: tuple[SceneLike, ...] = ()
    """Scenes of the earlier side; none for a map of one side."""
    composite: Method = defaults.COMPOSITE
    """How several scenes of one side become one."""
    only_new: bool = defaults.ONLY_NEW
    """Whether only new landslides are mapped; otherwise all are, and new ones flagged. Without `before`, all are."""
    strict_dates: bool = False
    """Whether earlier scenes that are later by their dates are an error, and not only worth a warning."""

    def __post_init__(self) -> None:
        if self.composite not in METHODS:
            raise SceneError(f"The composite {self.composite!r} is unknown; expected one of {', '.join(METHODS)}.")

    @property
    def several(self) -> bool:
        """Whether there is more than one scene in all."""
        return bool(self.also or self.before)


def scenes_of(given: SceneLike | Sequence[SceneLike] | None, what: str = "scene") -> tuple[SceneLike, ...]:
    """Return a scene, or the scenes of a list, as a tuple.

    Raises:
        L4SError: the list holds something that is no scene.
    """
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike | Mapping):
        return (given,)
    scenes = tuple(given)
    if wrong := [s for s in scenes if not isinstance(s, str | os.PathLike | Mapping)]:
        raise L4SError(
            f"The {what} {wrong[0]!r} is neither a path nor band files by name; give one scene or a list of scenes."
        )
    return scenes
