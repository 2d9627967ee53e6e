"""The model card of a taught bundle."""

from __future__ import annotations

from collections import Counter

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.taught import Scores, Taught
from l4s_geo.inference.features import GROUPS, group_of

__all__ = ["card"]


def card(bundle: Bundle, taught: Taught, looked: bool) -> str:
    """Write the card, Markdown.

    Args:
        bundle: the taught bundle.
        taught: what was taught.
        looked: whether some ground was fully looked at.
    """
    groups = Counter(group_of(name) for name in taught.features)
    kinds = ", ".join(f"{groups[group]} of {group}" for group in GROUPS if groups[group])
    sun = f"azimuth {taught.sun[0]:g}°, elevation {taught.sun[1]:g}°" if taught.sun else "not known"
    earlier = f"| earlier scene | {taught.before} (needed to map, too) |\n" if taught.before else ""
    return f"""# {bundle.name}

{bundle.description[0].upper()}{bundle.description[1:]}.

| | |
| --- | --- |
| base | {taught.base}, SHA-256 {taught.base_sha256} |
| landslides | {taught.landslides} polygons, {taught.landslide_m2 / 1e4:,.1f} ha learned from |
| background | {taught.backgrounds} polygons, {taught.background_m2 / 1e4:,.1f} ha learned from |
| features | {len(taught.features)}: {kinds} |
| sun | {sun} |
{earlier}| threshold | {bundle.threshold:.3f} |

Out of fold, on labelled ground that lay apart from what the trees had seen:

| | F1 | precision | recall |
| --- | --- | --- | --- |
{_row(bundle.name, taught.scores)}
{_row(f"{taught.base} at its best threshold there", taught.base_scores)}

{_LOOKED if looked else _POLYGONS} It is meant for the event and the season it was taught on; elsewhere it has not been
measured.
"""


_LOOKED = "The shares of the labelled ground are those of ground that was fully looked at."
_POLYGONS = (
    "Single polygons were drawn: precision and recall are among what was drawn, not of the scene, and the\n"
    "probabilities are no frequencies."
)


def _row(name: str, scores: Scores) -> str:
    return f"| {name} | {scores.f1:.3f} | {scores.precision:.3f} | {scores.recall:.3f} |"
