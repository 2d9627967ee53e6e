"""What a run says of its scene: what it is, and what can map it; what it takes for granted is `stack.assumed`'s."""

from __future__ import annotations

from l4s_geo.address import shown
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.registry import installed, lacking, suits
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.terrain import MAX_VOID

__all__ = ["able_bundles", "cautions", "details", "findings", "introduction"]


def introduction(stack: Stack) -> list[str]:
    """Return lines that say what a scene is and where it is mapped."""
    scene, grid = stack.scene, stack.grid
    known = scene.acquisition
    baseline = f"baseline {known.baseline}" if known.baseline else ""
    facts = (known.product, known.level, known.acquired, baseline, f"bands {' '.join(scene.bands)}")
    lines = [f"Scene: {scene.name}, {', '.join(fact for fact in facts if fact)}"]
    native = f"warped from {scene.grid.height} × {scene.grid.width} in {scene.grid.crs_name}"
    origin = "the scene's own" if grid == scene.grid else native
    lines.append(f"Grid: {grid.height} × {grid.width} pixels of 10 m in {grid.crs_name}, {origin}")
    return [shown(line) for line in lines]


def cautions(stack: Stack, bundle: Bundle, prior: bool = False) -> list[str]:
    """Return lines that say where a scene is not what a bundle was trained on.

    Args:
        stack: the scene.
        bundle: the bundle.
        prior: whether its terrain prior is wanted.
    """
    level = stack.scene.acquisition.level
    lines = []
    if level not in ("", bundle.level):
        lines.append(
            f"Note: the scene is {level} and the bundle was trained on {bundle.level}; the scene is normalised by its "
            "own statistics"
        )
    for band in bundle.bands:
        if band not in stack.bands:
            lines.append(f"Note: the scene has no {band}; {bundle.optional[band]:g} L4S units stand for it")
    if prior and bundle.prior and bundle.prior.on and not stack.has_terrain:
        lines.append("Note: with a DEM (--dem) the slope of the ground would tell fields and gravel from landslides")
    return lines


def details(bundle: Bundle) -> list[str]:
    """Return lines about a bundle for those who asked for more."""
    return [
        f"Bundle: {bundle.name} {bundle.version}, {bundle.location}, needs {', '.join(bundle.bands)}",
        *(f"Network: {m.architecture}, normalisation {m.normalization}, weight {m.weight:g}" for m in bundle.members),
    ]


def findings(stack: Stack, hidden_share: float) -> list[str]:
    """Return lines that say what is known of a scene once it has been read.

    Args:
        stack: the scene.
        hidden_share: the share of it that masks hide.
    """
    lines = []
    if stack.dem and stack.dem.voids_filled:
        lines.append(f"Terrain: voids of the DEM up to {MAX_VOID} pixels across were filled by interpolation")
    if stack.masks:
        lines.append(f"Masked: {hidden_share:.1%} of the scene")
    return lines


def able_bundles(stack: Stack) -> list[str]:
    """Return a line for each installed bundle: whether it can map a scene, or why not."""
    level = stack.scene.acquisition.level
    lines = []
    for bundle in installed().values():
        if missing := lacking(bundle, stack.bands):
            verdict = f"cannot map it, for lack of {', '.join(missing)}"
        elif not suits(bundle, level):
            verdict = f"cannot map it: trained on {bundle.level} with fixed statistics"
        else:
            verdict = "can map it"
        lines.append(f"Bundle {bundle.name}: {verdict}")
    return lines
