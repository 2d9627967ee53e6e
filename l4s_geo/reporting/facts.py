"""What a report says in words: key figures, warnings, and the model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.registry import installed
from l4s_geo.errors import BundleError
from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.pixels import scores
from l4s_geo.evaluation.sizes import Sizes
from l4s_geo.grid import PIXEL
from l4s_geo.reporting.landslides import Landslides

__all__ = [
    "Engines",
    "Model",
    "Number",
    "Said",
    "comparison_figures",
    "key_figures",
    "model_of",
    "other_scenes",
    "plain_number",
    "plain_text",
    "shares",
    "warnings_of",
]

_SIDES = ("after_scenes", "before_scenes")
_ASSUMED = ("units", "offset", "order", "sensor", "nodata", "terrain", "date")


@dataclass(frozen=True)
class Number:
    """A number with the decimals it is worth; each language writes it in its own way."""

    value: float
    decimals: int = 0


@dataclass(frozen=True)
class Engines:
    """A text that the engine says in English, or a model of itself; shown in German where that is known."""

    text: str


@dataclass(frozen=True)
class Said:
    """A text by its name in `l4s_geo.reporting.texts.TEXTS`, with what is filled in."""

    name: str
    filled: Mapping[str, Number | str | Engines | Said | tuple[Said, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """The bundle that made an inventory, and what was measured of it."""

    name: str
    version: str
    bundle: Bundle | None
    """The bundle itself; None if it is not installed here."""
    not_for: tuple[str, ...] = ()
    """Paragraphs of its card on what it must not be used for."""
    failures: tuple[str, ...] = ()
    """Entries of its card on how it is known to fail."""

    def precision(self) -> Mapping[str, float]:
        """Return the share of right ones in tests by class of confidence."""
        known = self.bundle.confidence if self.bundle else None
        return known.precision if known else {}


def model_of(facts: Mapping[str, Any]) -> Model | None:
    """Find the bundle that made an inventory, by name and hash; None if the inventory names none."""
    name, version = plain_text(facts.get("bundle")), plain_text(facts.get("bundle_version"))
    if not name:
        return None
    try:
        bundle = installed().get(name)
    except BundleError:
        bundle = None
    if bundle is None or bundle.sha256 != facts.get("bundle_sha256"):
        return Model(name, version, None)
    card = bundle.card()
    return Model(name, version, bundle, _section(card, "Not to be used for"), _section(card, "Known failures"))


def shares(facts: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return the km² of the mapping grid, and the shares of it that were mapped and that masks hid; None if unknown."""
    shape = facts.get("shape")
    sides = [plain_number(side) for side in shape] if isinstance(shape, list) and len(shape) == 2 else []
    whole = math.prod(s for s in sides if s) * PIXEL**2 / 1e6 if len(sides) == 2 and all(sides) else None
    return whole, plain_number(facts.get("valid_share")), plain_number(facts.get("masked_share"))


def comparison_figures(found: Evaluation) -> Iterator[tuple[Number, Said]]:
    """Return the figures of a comparison that come first, each with its words; what is not known is left out."""
    exact, matching = scores(found.pixels), found.matching
    values = {"precision": exact.precision, "recall": exact.recall, "f1": exact.f1}
    for name, value in values.items():
        if math.isfinite(value):
            yield Number(value, 3), Said(f"figure_{name}")
    for name, chosen in (("right", matching.right), ("found", matching.found)):
        if len(chosen):
            yield Number(float(chosen.sum())), Said(f"figure_{name}", {"of": Number(len(chosen))})


def key_figures(
    found: Landslides, facts: Mapping[str, Any], sizes: Sizes | None, masked: float | None
) -> Iterator[tuple[Number, Said]]:
    """Return the figures that come first, each with its words.

    Args:
        found: the landslides.
        facts: what the inventory says of itself.
        sizes: the fits of their sizes.
        masked: the share of the scene that is masked, if it was looked up.
    """
    total = float(found.area.sum()) / 1e6
    whole, valid, hidden = shares(facts)
    yield Number(len(found)), Said("figure_count")
    yield Number(total, 3), Said("figure_area")
    if found.known("is_new"):
        yield Number(float(np.nansum(found.number("is_new")))), Said("figure_new")
    if whole and valid:
        yield Number(whole * valid, 1), Said("figure_looked")
        yield Number(100 * total / (whole * valid), 2), Said("figure_share")
        yield Number(len(found) / (whole * valid), 2), Said("figure_density")
    if len(found):
        yield Number(float(found.area.max())), Said("figure_largest")
        yield Number(float(np.median(found.area))), Said("figure_median")
    share = masked if masked is not None else hidden
    if share is not None:
        yield Number(100 * share, 1), Said("figure_masked")
    if sizes is not None:
        size, low, high = sizes.magnitude
        yield Number(size, 2), Said("figure_magnitude", {"low": Number(low, 2), "high": Number(high, 2)})


def warnings_of(found: Landslides, facts: Mapping[str, Any], model: Model | None) -> Iterator[Said]:
    """Return what a reader should know of an inventory before using it."""
    if model is not None:
        yield Said("warn_model")
    if not facts:
        yield Said("warn_no_facts")
    if not len(found):
        yield Said("warn_empty")
    _, valid, hidden = shares(facts)
    if hidden:
        yield Said("warn_masked", {"share": Number(100 * hidden, 1)})
    if valid is not None and valid < 0.95:
        yield Said("warn_valid", {"share": Number(100 * valid, 1)})
    for name, text in (("touches_edge", "warn_edge"), ("touches_mask", "warn_under_mask")):
        if count := np.nansum(found.number(name)):
            yield Said(text, {"n": Number(float(count))})
    yield from _doubts(found, facts, model)
    yield from _assumed(facts)


def other_scenes(facts: Mapping[str, Any]) -> list[str]:
    """Return the names of scenes that took part in a map beside the one whose files are recorded."""
    sides = [entries if isinstance(entries := facts.get(name), list) else [] for name in _SIDES]
    others = [*sides[0][1:], *sides[1]]
    return [plain_text(entry.get("scene")) for entry in others[:50] if isinstance(entry, dict)]


def _doubts(found: Landslides, facts: Mapping[str, Any], model: Model | None) -> Iterator[Said]:
    bundle = model.bundle if model else None
    precision = model.precision().get("low") if model else None
    low = int((found.words["confidence"] == "low").sum()) if "confidence" in found.words else 0
    if low and precision is not None:
        yield Said("warn_low", {"n": Number(low), "precision": Number(100 * precision)})
    level = plain_text(facts.get("level"))
    if bundle and level and level != bundle.level:
        yield Said("warn_level", {"level": level, "trained": bundle.level})
    if "dem" in facts and not facts["dem"] and not found.known("slope_mean_deg"):
        yield Said("warn_no_terrain")


def _assumed(facts: Mapping[str, Any]) -> Iterator[Said]:
    """What a run took for granted without being told, as `assumptions` in the provenance records it."""
    given = facts.get("assumptions")
    found = []
    for name in _ASSUMED:
        entry = given.get(name) if isinstance(given, dict) else None
        if isinstance(entry, dict) and entry.get("origin") in ("values", "default"):
            because = plain_text(entry.get("because"))
            grounds = Said("because", {"text": Engines(because)}) if because else ""
            found.append(
                Said(f"assumed_{name}", {"value": Engines(plain_text(entry.get("value"))), "because": grounds})
            )
    if found:
        yield Said("warn_assumed", {"list": tuple(found)})


def _section(card: str, title: str) -> tuple[str, ...]:
    """The paragraphs and list entries of a section of a model card, as plain text."""
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", card, re.M | re.S)
    parts = re.split(r"\n\s*\n|\n(?=- )", match[1].strip()) if match else []
    return tuple(re.sub(r"[*`]|^- ", "", " ".join(part.split())) for part in parts if part.strip())


def plain_text(value: Any) -> str:
    """Return what stands in a file for a text, at most 1,000 letters of it; "" if it is none."""
    return str(value)[:1000] if isinstance(value, str | int | float) else ""


def plain_number(value: Any) -> float | None:
    """Return what stands in a file for a number; None if it is none."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None
