"""What a review is put into words by: a landslide in one line, all decisions in a table."""

from __future__ import annotations

from .review import ACCEPTED, ADDED, EDITED, FIELD_CHECK, REJECTED, Row
from .review_summary import Count, Summary
from .texts import tr


def line(row: Row) -> str:
    """A landslide: its number, confidence, area and decision."""
    confidence = {"high": tr("high confidence"), "medium": tr("medium confidence"), "low": tr("low confidence")}
    decision = {
        ACCEPTED: tr("accepted"),
        REJECTED: tr("rejected"),
        FIELD_CHECK: tr("field check"),
        EDITED: tr("accepted with another outline"),
        ADDED: tr("drawn by hand"),
    }
    return tr("<b>No. {number}</b>, {confidence}, {area} m²: {decision}").format(
        number=row.number,
        confidence=confidence.get(row.confidence, tr("without confidence")),
        area=f"{row.area:,.0f}",
        decision=decision.get(row.review, tr("not decided")),
    )


def table(summary: Summary) -> str:
    """The decisions by class: the accepted share of each is the model's precision on this scene."""
    names = {"high": tr("High"), "medium": tr("Medium"), "low": tr("Low"), "": tr("None")}
    rows = [(names[name], *_cells(count)) for name, count in summary.classes.items()]
    rows.append((tr("All"), *_cells(summary.every)))
    heads = (tr("Confidence"), tr("mapped"), tr("right"), tr("wrong"), tr("precision"))
    lines = ["".join(f"<td style='padding-right:6px'>{cell}</td>" for cell in row) for row in rows]
    head = "".join(f"<th align='left' style='padding-right:6px'>{cell}</th>" for cell in heads)
    cells = f"<table><tr>{head}</tr>{''.join(f'<tr>{cell}</tr>' for cell in lines)}</table>"
    beside = tr("Field check: {doubtful}; drawn by hand: {added}")
    return cells + beside.format(doubtful=summary.every.doubtful, added=summary.added)


def _cells(count: Count) -> tuple:
    share = "–"
    if count.share is not None:
        low, high = count.interval
        share = f"{count.share:.0%} ({100 * low:.0f}–{100 * high:.0f}%)"
    return count.of, count.right, count.wrong, share
