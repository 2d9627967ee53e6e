"""A run's progress in words and percent."""

from __future__ import annotations

from time import monotonic

from qgis.core import QgsProcessingFeedback

from .texts import tr

_EVERY_S = 3.0
_SHARES = {"open": (0.0, 2.0), "map": (2.0, 95.0), "compare": (2.0, 95.0), "write": (95.0, 100.0)}


class Progress:
    """Shows the worker's progress messages; several runs in a row may share one bar."""

    def __init__(self, feedback: QgsProcessingFeedback, part: int = 0, parts: int = 1, counted: str = "") -> None:
        """Show a run that is number `part` of `parts`, and counts what `counted` says."""
        self._feedback = feedback
        self._from = 100.0 * part / parts
        self._width = 100.0 / parts
        self._counted = counted or tr("windows")
        self._stage = ""
        self._said = 0.0
        self._rated = False

    def update(self, message: dict) -> None:
        """Show a progress message."""
        stage, done, total = message.get("stage", ""), message.get("done") or 0, message.get("total") or 0
        low, high = _SHARES.get(stage, (0.0, 0.0))
        percent = low + (high - low) * (done / total if total else 0.0)
        self._feedback.setProgress(self._from + percent / 100.0 * self._width)
        now = monotonic()
        # Processing writes each text to the log, so a few of them must do.
        news = stage != self._stage or (message.get("rate") and not self._rated) or (total and done == total)
        if news or now - self._said > _EVERY_S:
            self._stage, self._said, self._rated = stage, now, bool(message.get("rate"))
            self._feedback.setProgressText(self._text(stage, done, total, message))

    def _text(self, stage: str, done: int, total: int, message: dict) -> str:
        if stage == "open":
            return tr("Opening the scene")
        if stage == "compare":
            return tr("Comparing the inventories")
        if stage == "write":
            return tr("Drawing and writing the results")
        text = tr("Mapping: {done} of {total} {counted}").format(done=done, total=total, counted=self._counted)
        if rate := message.get("rate"):
            text += tr(", {rate:.3g} per second").format(rate=rate)
        if (left := message.get("remaining_s")) and done < total:
            text += tr(", {} left").format(duration(left))
        return text


def duration(seconds: float) -> str:
    """Write a duration as a person would: 45 s, 3 min, 2 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
