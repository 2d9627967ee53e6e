"""The figures of a comparison, as JSON and as tables of words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from l4s_geo.evaluation.evaluate import ClassRow, Evaluation
from l4s_geo.evaluation.objects import outcomes
from l4s_geo.evaluation.pixels import intervals, scores

__all__ = ["Table", "figures", "lines", "tables"]

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A title, the heads of the columns, and rows."""

_SCORES = ("precision", "recall", "f1", "iou")
_NAMES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "iou": "IoU"}


def figures(found: Evaluation) -> dict[str, Any]:
    """Return all figures of a comparison, JSON-serialisable; null where nothing is known."""
    exact, tolerant = scores(found.pixels), scores(found.pixels, tolerant=True)
    plain: dict[str, Any] = _plain(
        {
            "settings": {k: v for k, v in asdict(found.settings).items() if k != "sun" or v is not None},
            "notes": list(found.layers.notes),
            "area_given": found.layers.area is not None,
            "pixels": {
                "scores": {name: getattr(exact, name) for name in _SCORES},
                "intervals_95": intervals(found.pixels),
                "with_one_pixel_of_tolerance": {name: getattr(tolerant, name) for name in _SCORES},
                "tolerant_intervals_95": intervals(found.pixels, tolerant=True),
                "counts": {
                    "both": int(found.pixels.both.sum()),
                    "inventory": int(found.pixels.mapped.sum()),
                    "reference": int(found.pixels.reference.sum()),
                },
            },
            "landslides": _objects(found),
            "area_m2": dict(zip(("inventory", "reference", "common"), found.ground, strict=True)),
            "mapping_error": found.mapping_error,
            "offset_m": found.offset and dict(zip(("east", "north", "distance"), found.offset, strict=True)),
            "classes": [asdict(row) for row in found.classes],
            "sizes": dict(zip(("inventory", "reference"), (s and asdict(s) for s in found.sizes), strict=True)),
            "probability": _probability(found),
        }
    )
    return plain


def _objects(found: Evaluation) -> dict[str, Any]:
    matching, shared = found.matching, found.shared
    pieces, holds = matching.pieces > 1, matching.holds > 1
    words = outcomes(matching)
    return {
        "inventory": len(shared.mapped_area),
        "reference": len(shared.reference_area),
        "fragments": dict(zip(("inventory", "reference"), _fragments(found), strict=True)),
        "matched_one_to_one": len(matching.pairs),
        "mean_iou_of_matches": float(matching.iou.mean()) if len(matching.iou) else None,
        "right": int(matching.right.sum()),
        "found": int(matching.found.sum()),
        "right_area_m2": float(shared.mapped_area[matching.right].sum()),
        "found_area_m2": float(shared.reference_area[matching.found].sum()),
        "split": {"reference": int(pieces.sum()), "area_m2": float(shared.reference_area[pieces].sum())},
        "amalgamated": {"inventory": int(holds.sum()), "area_m2": float(shared.mapped_area[holds].sum())},
        "outcomes": {
            side: {str(word): int((names == word).sum()) for word in np.unique(names)}
            for side, names in zip(("inventory", "reference"), words, strict=True)
        },
    }


def _fragments(found: Evaluation) -> tuple[int, int]:
    """Landslides of both sides that are not counted, though their pixels are: less than half of them is judged."""
    return len(found.layers.mapped.fragments), len(found.layers.reference.fragments)


def _probability(found: Evaluation) -> dict[str, Any] | None:
    if found.curve is None:
        return None
    thresholds, precision, recall = found.curve.points()
    threshold, f1 = found.curve.best
    return {
        "average_precision": found.curve.average_precision,
        "best_threshold": threshold,
        "best_f1": f1,
        "expected_calibration_error": found.curve.reliability().error,
        "reliability": [
            {"pixels": n, "mean_probability": p, "share_of_landslide": s}
            for n, p, s in found.curve.reliability().rows()
        ],
        "curve": [
            {"threshold": t, "precision": p, "recall": r}
            for t, p, r in zip(thresholds[::20].tolist(), precision[::20].tolist(), recall[::20].tolist(), strict=True)
        ],
    }


def tables(found: Evaluation) -> Iterator[Table]:
    """Return the tables that a terminal and a report show."""
    exact, tolerant = scores(found.pixels), scores(found.pixels, tolerant=True)
    drawn = intervals(found.pixels)
    yield (
        "Pixels of 10 m",
        ("", "score", "95 %", "with one pixel of tolerance"),
        [
            (_NAMES[n], _number(getattr(exact, n)), _between(drawn.get(n)), _number(getattr(tolerant, n)))
            for n in _SCORES
        ],
    )
    yield ("Landslides", ("", "inventory", "reference"), _landslides(found))
    for kind in dict.fromkeys(row.kind for row in found.classes):
        rows = [_class(row) for row in found.classes if row.kind == kind]
        yield (f"By {kind}", ("", "reference", "found", "recall", "inventory", "right", "precision"), rows)
    if any(found.sizes):
        yield ("Sizes", ("", "inventory", "reference"), _sizes(found))
    if found.curve is not None:
        threshold, f1 = found.curve.best
        yield (
            "Probabilities",
            ("", ""),
            [
                ("Average precision", _number(found.curve.average_precision)),
                ("Greatest F1", f"{f1:.3f} at the threshold {threshold:.3f}"),
                ("Expected calibration error", f"{found.curve.reliability().error:.4f}"),
            ],
        )


def lines(found: Evaluation) -> Iterator[str]:
    """Return the tables and notes as lines of text, each figure with the head of its column."""
    for title, heads, rows in tables(found):
        yield f"{title}:"
        for name, *cells in rows:
            said = (f"{head} {cell}".lstrip() for head, cell in zip(heads[1:], cells, strict=True) if cell)
            yield f"  {name}: {'; '.join(said)}"
    for note in found.layers.notes:
        yield f"Note: {note}."


def _landslides(found: Evaluation) -> list[tuple[str, ...]]:
    matching, shared = found.matching, found.shared
    pieces, holds = matching.pieces > 1, matching.holds > 1
    mapped, reference = len(shared.mapped_area), len(shared.reference_area)
    share = f"{found.settings.share:.0%}"
    rows = [
        ("Landslides", f"{mapped:,}", f"{reference:,}"),
        ("Area, km²", f"{found.ground[0] / 1e6:.3f}", f"{found.ground[1] / 1e6:.3f}"),
        (f"Right, found (by {share} of its area)", _of(matching.right), _of(matching.found)),
        (
            f"Matched one to one (IoU from {found.settings.iou:g})",
            *(_of_count(len(matching.pairs), n) for n in (mapped, reference)),
        ),
        ("In several pieces (split)", "", f"{pieces.sum():,}, {shared.reference_area[pieces].sum() / 1e6:.3f} km²"),
        ("Over several (amalgamated)", f"{holds.sum():,}, {shared.mapped_area[holds].sum() / 1e6:.3f} km²", ""),
        ("Mapping error (A or B - A and B) / (A or B)", _number(found.mapping_error), ""),
    ]
    if any(cut := _fragments(found)):
        rows.insert(1, ("Cut, counted by pixels alone", *(f"{n:,}" for n in cut)))
    if found.offset:
        east, north, distance = found.offset
        rows.append(
            ("Offset of matched centroids, m", f"{east:+.1f} east, {north:+.1f} north", f"{distance:.1f} median")
        )
    return rows


def _class(row: ClassRow) -> tuple[str, ...]:
    recall, precision = (_ratio(a, b) for a, b in ((row.found, row.reference), (row.right, row.mapped)))
    return (row.name, f"{row.reference:,}", f"{row.found:,}", recall, f"{row.mapped:,}", f"{row.right:,}", precision)


def _sizes(found: Evaluation) -> list[tuple[str, ...]]:
    def cell(side: int, kind: str) -> str:
        sizes = found.sizes[side]
        if sizes is None:
            return "too few"
        if kind == "magnitude":
            return f"{sizes.magnitude[0]:.2f} ({sizes.magnitude[1]:.2f} to {sizes.magnitude[2]:.2f})"
        if kind == "cutoff":
            return f"{sizes.cutoff:,.0f}"
        fit, name = {
            "alpha": (sizes.power_law, "alpha"),
            "truncated": (sizes.truncated, "alpha"),
            "rho": (sizes.inverse_gamma, "rho"),
        }[kind]
        low, high = fit.intervals[name]
        return f"{fit.parameters[name]:.2f} ({low:.2f} to {high:.2f})"

    kinds = {
        "magnitude": "Landslide-event magnitude mLS",
        "cutoff": "Power law from, m²",
        "alpha": "Exponent of the power law",
        "truncated": "Exponent, with an exponential cutoff",
        "rho": "rho of the inverse gamma",
    }
    return [(text, cell(0, kind), cell(1, kind)) for kind, text in kinds.items()]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _between(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval and not math.isnan(interval[0]) else ""


def _of(chosen: Any) -> str:
    return _of_count(int(chosen.sum()), len(chosen))


def _of_count(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})" if whole else f"{part:,}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else ""


def _plain(value: Any) -> Any:
    """Turn numbers that JSON does not know into null, and arrays and tuples into lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
