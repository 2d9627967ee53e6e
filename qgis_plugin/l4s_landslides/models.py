"""What is known of the installed bundles: what the engine told when it was last asked."""

from __future__ import annotations

import json

from qgis.core import QgsSettings

from .texts import tr

_SETTING = "l4s_landslides/models"


def remember(bundles: list) -> None:
    """Keep what the engine tells of its bundles."""
    facts = {str(b["name"]): {key: b.get(key) for key in ("description", "needs", "precision")} for b in bundles}
    QgsSettings().setValue(_SETTING, json.dumps(facts))


def known() -> dict[str, dict]:
    """What is known, by the bundles' names."""
    try:
        facts = json.loads(str(QgsSettings().value(_SETTING, "") or "{}"))
    except ValueError:
        facts = {}
    return (
        {str(name): card for name, card in facts.items() if isinstance(card, dict)} if isinstance(facts, dict) else {}
    )


def card(name: str) -> str:
    """Word what a bundle's card says: its measured precision, and what it needs; "" if nothing is known."""
    facts = known().get(name)
    if not facts:
        return ""
    said = []
    precision = facts.get("precision") or {}
    if precision:
        words = {"high": tr("high"), "medium": tr("medium"), "low": tr("low")}
        shares = ", ".join(f"{words.get(kind, kind)} {share:.0%}" for kind, share in precision.items())
        said.append(tr("Right, of its landslides by confidence, on test scenes: {}.").format(shares))
    if needs := facts.get("needs"):
        said.append(tr("Needs {}.").format(", ".join(map(str, needs))))
    return " ".join(said)
