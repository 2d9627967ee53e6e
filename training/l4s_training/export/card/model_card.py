"""Writes the model card: the template ``card.md.j2``, filled from the records of the runs and from what was measured.

Nothing is said of data but what travels with it (`l4s_training.data.provenance`), nothing of a training but what its
record holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from l4s_geo.bundles.bundle import CLASSES, Bundle
from l4s_training.data.provenance import Provenance
from l4s_training.export.card import networks, sets
from l4s_training.export.card.commands import checks, commands
from l4s_training.export.card.insert import NEWNESS
from l4s_training.export.card.markdown import code, plain
from l4s_training.export.measure import WORTH, Measured, PatchScores
from l4s_training.export.members import ExportedMember
from l4s_training.export.settings import ExportSettings
from l4s_training.runs.record import fitted_weights
from l4s_training.training.network_run import NetworkRun

__all__ = ["Exported", "model_card"]

_TEMPLATE = Path(__file__).with_name("card.md.j2")
_SMOKE = (
    "From a smoke run, a few steps on four patches of each role, to see that all works: not a model, and no figure "
    "here says anything."
)
_SIMULATED = "Trained or measured on simulated patches ({names}): no figure here says anything of real landslides."


@dataclass(frozen=True)
class Exported:
    """All that a card is written of."""

    settings: ExportSettings
    """What was asked for."""
    folders: Sequence[Path]
    """The runs that were exported, of `l4s-train run` or `l4s-train fit`."""
    members: Sequence[ExportedMember]
    """The networks, in order."""
    measured: Measured
    """What was measured, at the bundle's threshold."""
    int8_cost: float | None = None
    """By how much 8-bit weights lower the F1 on the validation patches; None for other weights."""

    @property
    def run(self) -> NetworkRun:
        """The first network's run, whose data and split are those of all."""
        return self.members[0].run

    @property
    def runs(self) -> list[NetworkRun]:
        """Every network's run."""
        return [member.run for member in self.members]

    @property
    def has_validation(self) -> bool:
        """Whether there are validation patches, which then chose calibration and threshold."""
        return self.measured.facts["validation"].patches > 0

    @property
    def smoke(self) -> bool:
        """Whether any of the networks comes from a smoke run."""
        return any(run.learned_from.smoke for run in self.runs)


def model_card(bundle: Bundle, exported: Exported) -> str:
    """Write the card.

    Args:
        bundle: the description that goes into ``bundle.json``.
        exported: what was exported, and what was measured of it.
    """
    # The card is Markdown: nothing of it is escaped for HTML.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(_facts(bundle, exported)).strip() + "\n"


def _facts(bundle: Bundle, exported: Exported) -> dict[str, Any]:
    """All that the template asks for, by name."""
    members, measured, runs = exported.members, exported.measured, exported.runs
    config = exported.run.config
    return {
        "bundle": bundle,
        "measured": measured,
        "warnings": _warnings(exported),
        "networks": networks.networks_line(members),
        "size": f"{sum(m.size for m in members) / 1e6:.1f}",
        "start": networks.start_line(members),
        "threshold": _threshold(exported),
        "rows": _rows(exported, bundle),
        "meaning": sets.meaning(config.plan, measured.facts),
        "normalizations": {run.config.normalization for run in runs},
        "adapted": sets.adapted_lines(runs, measured.facts),
        "shared": sets.shared_lines(measured.facts),
        "sizes": [(f"{size:,}", count, share) for size, (count, share) in measured.recall.items() if count],
        "worth": WORTH,
        "factors": _factors(bundle),
        "prior_patches": next((s.patches for s in measured.scores if s.name.startswith("terrain_prior")), 0),
        "precisions": _precisions(bundle),
        "calibrated": exported.has_validation,
        "checks": checks(bundle.name, exported.run, exported.settings, measured),
        "origins": _origins(exported),
        "split": sets.split_facts(exported.run),
        "trainings": [networks.training_line(member, exported.has_validation) for member in members],
        "newness_heading": NEWNESS,
        "storage": networks.storage_line(members, exported.int8_cost, WORTH),
        "commands": commands(bundle, exported.folders, exported.settings),
        "terrain": bool({"slope", "DEM"} & set(config.bands)),
        "empty": _empty(measured),
    }


def _warnings(exported: Exported) -> list[str]:
    simulated = [o.source for run in exported.runs for o in run.learned_from.every_origin if o.simulated]
    names = ", ".join(map(plain, dict.fromkeys(simulated)))
    return [*[_SMOKE] * exported.smoke, *[_SIMULATED.format(names=names)] * bool(simulated)]


def _threshold(exported: Exported) -> str:
    if exported.has_validation:
        return "the F1 optimum on the validation patches"
    return "as the run has it: there are no validation patches to choose it on"


def _rows(exported: Exported, bundle: Bundle) -> list[dict[str, Any]]:
    """The rows of the table of scores."""
    facts = exported.measured.facts
    fitted = exported.settings.fit_weights or any(map(fitted_weights, exported.folders))
    chosen = sets.chosen_on_validation(exported.runs, fitted and len(exported.members) > 1, bundle.crf is not None)

    def row(scores: PatchScores) -> dict[str, Any]:
        s = scores.scores
        known = facts.get(sets.whole(scores.name)[0])
        return {
            "title": sets.title(scores.name, exported.run.config.plan, facts, chosen),
            "scores": scores,
            "figures": (s.f1, s.precision, s.recall, s.iou, scores.calibration_error),
            "with_landslide": known.with_landslide if known else "",
        }

    return [row(scores) for scores in exported.measured.scores]


def _factors(bundle: Bundle) -> str:
    if bundle.prior is None:
        return ""
    pairs = zip(bundle.prior.slope, bundle.prior.log_ratio, strict=True)
    return ", ".join(f"{np.exp(ratio):.2g} at {slope:g}°" for slope, ratio in pairs)


def _precisions(bundle: Bundle) -> str:
    known: Mapping[str, float] = bundle.confidence.precision if bundle.confidence else {}
    return ", ".join(f"{name} {known[name]:.0%}" for name in CLASSES if name in known)


def _origins(exported: Exported) -> list[str]:
    """What the data of the trainings said of itself."""
    lines: dict[str, None] = {}
    adapted_to = {image for run in exported.runs for image in run.learned_from.adapted_to}
    for run in exported.runs:
        record = run.learned_from
        origins = record.origins or {"data": tuple(Provenance(Path(path).name) for path in run.config.data)}
        for name, sources in origins.items():
            what = {
                "data": "labelled patches",
                "negatives": f"windows without landslides, all of them for training ({record.negatives} in all)",
                "target": f"images adapted to without their labels ({len(adapted_to)} in all)",
            }[name]
            for origin in sources:
                note = plain(origin.note) or "It says nothing of where it comes from."
                lines[f"{code(origin.source)}, {what}{', simulated' if origin.simulated else ''}. {note}"] = None
    return list(lines)


def _empty(measured: Measured) -> str:
    """What the share of patches with landslides means for ground without any."""
    train = measured.facts["train"]
    return (
        f"Of the {train.patches} labelled patches for training {train.with_landslide} hold a landslide. Where "
        "landslides are rarer than in them, expect more false detections than the precision above tells."
    )
