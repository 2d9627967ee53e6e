"""What a run says about itself in its outputs, so that somebody else can judge and repeat it."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from l4s_geo.address import shown, shown_all
from l4s_geo.bundles.taught import Taught
from l4s_geo.change.evidence import NewnessModel
from l4s_geo.change.sides import Sides
from l4s_geo.inference.predict import Prediction
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.plan import Plan
from l4s_geo.stack.assumed import assumptions_of
from l4s_geo.stack.stack import Stack

__all__ = ["comparison_facts", "provenance"]


def provenance(
    stack: Stack, model: LoadedBundle, plan: Plan, prediction: Prediction, created: str, hidden_share: float
) -> dict[str, Any]:
    """Collect the facts about a run.

    Args:
        stack: the scene.
        model: the networks that ran.
        plan: the plan, fitted to the scene.
        prediction: what the networks said.
        created: when the run began, ISO 8601.
        hidden_share: the share of the mapping grid that masks hide.

    Returns:
        JSON-serialisable facts by name; without credentials, where addresses have them.
    """
    scene, bundle, predict, vectorize = stack.scene, plan.bundle, plan.predict, plan.vectorize
    facts = {
        "software": f"l4s-geo {version('l4s-geo')}",
        "scene": scene.name,
        **{key: value for key, value in asdict(scene.acquisition).items() if value},
        "bands": {band: f"{shown(ref.path)}#{ref.index}" for band, ref in scene.bands.items()},
        "units": stack.units,
        "assumptions": assumptions_of(stack).facts(),
        "offset": {band: ref.offset for band, ref in scene.bands.items() if ref.offset},
        "sensor": plan.inputs.sensor,
        "dem": list(stack.dem.paths) if stack.dem else [],
        "slope": stack.dem.slope_path if stack.dem else None,
        "crs": stack.grid.crs_name,
        "transform": list(stack.grid.transform)[:6],
        "shape": list(stack.grid.shape),
        "bundle": bundle.name,
        "bundle_version": bundle.version,
        "bundle_sha256": bundle.sha256,
        "taught": _taught(bundle.taught) if bundle.taught else None,
        "device": model.device,
        "runtime": model.runtime,
        "created": created,
        "event": plan.event.columns() if plan.event else None,
        "threshold": vectorize.threshold,
        "min_area": vectorize.min_area,
        "overlap": predict.overlap,
        "tta": predict.tta,
        "skip_flat": predict.skip_flat,
        "connectivity": vectorize.connectivity,
        "fill_holes": vectorize.fill_holes,
        "simplify": vectorize.simplify,
        "crf": asdict(plan.refinement.parameters) if plan.refinement else None,
        "terrain_prior": asdict(predict.prior) if predict.prior else None,
        "statistics": asdict(prediction.statistics) if prediction.statistics else None,
        "statistics_error": prediction.statistics_error,
        "valid_share": round(prediction.valid / math.prod(stack.grid.shape), 6),
        "masked_share": round(hidden_share, 6),
    }
    said: dict[str, Any] = shown_all(facts)
    return said


def comparison_facts(sides: Sides, plan: Plan, newness: NewnessModel | None, compared: int) -> dict[str, Any]:
    """Collect the facts about further scenes of a run, and about what they were compared by.

    Args:
        sides: the scenes.
        plan: the plan, fitted to the scenes.
        newness: what told new landslides from old ones; None if there was no earlier side.
        compared: number of pixels that both sides show.

    Returns:
        JSON-serialisable facts by name; none for a run on a single scene.
    """
    if not plan.dates.several:
        return {}
    facts = {"composite": plan.dates.composite, **sides.facts()}
    if newness:
        model = newness.description
        facts |= {
            "only_new": plan.only_new,
            "newness_sha256": model.sha256,
            "newness_threshold": model.threshold,
            "compared_share": round(compared / math.prod(sides.after.grid.shape), 6),
        }
    said: dict[str, Any] = shown_all(facts)
    return said


def _taught(taught: Taught) -> dict[str, Any]:
    """What a taught bundle decides by, and on what labels: without where its base lies on this machine."""
    facts = asdict(taught)
    return {name: value for name, value in facts.items() if name not in ("base_location", "base_found")}
