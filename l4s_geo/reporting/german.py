"""German for what other parts of the engine say in English: tables and notes of comparisons, and what a run assumed.

What is not known here (a message of another library, a model's own description) stays English.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["SENTENCES", "localised", "sentence", "table_words"]

WORDS: dict[str, str] = {
    "Matched one to one (IoU from": "Eins zu eins zugeordnet (IoU ab",
    "Mapping error (A or B - A and B) / (A or B)": "Kartierfehler (A oder B - A und B) / (A oder B)",
    "Landslide-event magnitude mLS": "Magnitude mLS des Ereignisses",
    "Exponent, with an exponential cutoff": "Exponent, mit exponentiellem Abfall",
    "with one pixel of tolerance": "mit einem Pixel Toleranz",
    "Exponent of the power law": "Exponent des Potenzgesetzes",
    "Cut, counted by pixels alone": "Angeschnitten, nur mit Pixeln gezählt",
    "Offset of matched centroids, m": "Versatz zugeordneter Schwerpunkte, m",
    "Expected calibration error": "Erwarteter Kalibrierfehler",
    "In several pieces (split)": "In mehreren Stücken (zerteilt)",
    "Over several (amalgamated)": "Über mehrere (verschmolzen)",
    "rho of the inverse gamma": "rho der inversen Gammaverteilung",
    "Right, found (by": "Richtig, gefunden (mit",
    "of its area)": "der Fläche)",
    "Average precision": "Mittlere Genauigkeit",
    "at the threshold": "bei der Schwelle",
    "Power law from, m²": "Potenzgesetz ab, m²",
    "Pixels of 10 m": "Pixel von 10 m",
    "By illumination": "Nach Beleuchtung",
    "Probabilities": "Wahrscheinlichkeiten",
    "(own shade)": "(Eigenschatten)",
    "Greatest F1": "Größtes F1",
    "Landslides": "Rutschungen",
    "By aspect": "Nach Exposition",
    "By slope": "Nach Neigung",
    "Precision": "Genauigkeit",
    "precision": "Genauigkeit",
    "inventory": "Inventar",
    "reference": "Referenz",
    "(grazed)": "(gestreift)",
    "Area, km²": "Fläche, km²",
    "too few": "zu wenige",
    "By size": "Nach Größe",
    "median": "im Median",
    "Recall": "Trefferquote",
    "recall": "Trefferquote",
    "found": "gefunden",
    "right": "richtig",
    "Sizes": "Größen",
    "score": "Wert",
    "(lit)": "(beschienen)",
    "north": "Nord",
    "south": "Süd",
    "from": "ab",
    "east": "Ost",
    "west": "West",
    "to": "bis",
}
"""German for the words of a comparison's tables; what is longer comes first."""

SENTENCES: dict[str, str] = {
    # Assumptions: units, offset
    "digital numbers (reflectance × 10000)": "digitale Werte (Reflektanz × 10000)",
    "reflectance (0..1)": "Reflektanz (0 bis 1)",
    "reflectance in percent (0..100)": "Reflektanz in Prozent (0 bis 100)",
    "L4S units (raw / M)": "Einheiten von Landslide4Sense (Rohwert / M)",
    "a tenth are under {}, 99 % under {}": "ein Zehntel liegt unter {}, 99 % unter {}",
    "none applied": "keiner",
    "{} applied": "{} angewandt",
    "nothing states one": "nichts nennt einen",
    "{}, but {} of the values would be 0 or below, so it was taken for applied already": (
        "{}, doch {} der Werte lägen bei 0 oder darunter; er gilt daher als schon angewandt"
    ),
    "{} lets expect the offset {}": "{} lässt den Versatz {} erwarten",
    "the day in the name {}, with no metadata of the product around it,": (
        "der Tag im Namen {}, ohne Metadaten des Produkts daneben,"
    ),
    "the name {}": "der Name {}",
    "the metadata {}": "die Metadatendatei {}",
    # Assumptions: bands, sensor, no data
    "every patch has these": "jedes Bildstück hat diese",
    "{} bands without names fit {}": "{} Kanäle ohne Namen, wie {}",
    "{} bands without names may be {}": "{} Kanäle ohne Namen, vielleicht {}",
    "the 14 of Landslide4Sense": "die 14 von Landslide4Sense",
    "Sentinel-2's 13": "die 13 von Sentinel-2",
    "the 12 of Landslide4Sense, no B8A": "die 12 von Landslide4Sense, ohne B8A",
    "Level-2A's 12, no B10": "die 12 von Level-2A, ohne B10",
    "nothing says otherwise": "nichts spricht dagegen",
    "it is the lowest value of {}, and repeated": "es ist der kleinste Wert von {} und kommt öfter vor",
    "what each file declares, and 0 in every band": "was jede Datei angibt, und 0 in allen Kanälen",
    "the files have not been read yet": "die Dateien sind noch nicht gelesen",
    "0 in every band": "0 in allen Kanälen",
    "the files declare none": "die Dateien geben keinen an",
    # Notes of a comparison
    "{} points or lines of the {} are left aside: they have no area": (
        "Punkte oder Linien bleiben beiseite, da sie keine Fläche haben: {} ({})"
    ),
    "{} invalid polygons of the {} were repaired": "ungültige Polygone wurden repariert: {} ({})",
    "{} polygons of the {} share ground with others of it, which counts once": (
        "Polygone, die sich mit anderen derselben Seite überschneiden: {} ({}); gemeinsamer Boden zählt einmal"
    ),
    "no area was given: landslides of the inventory outside the ground that the reference's maker looked at count as "
    "false, so the precision may be too low": (
        "es ist kein durchgesehener Boden angegeben: Rutschungen des Inventars außerhalb dessen, was für die Referenz "
        "durchgesehen wurde, gelten als falsch, die Genauigkeit kann daher zu niedrig sein"
    ),
    "inventory": "Inventar",
    "reference": "Referenz",
    "inventory {}": "Inventar {}",
    "reference {}": "Referenz {}",
}
"""German for sentences; braces stand for what is filled in, which is translated in turn."""

_SWAPPED = {",": ".", ".": ","}
_NUMBER = re.compile(r"-?[\d.,]+ ?%?")


def localised(text: str) -> str:
    """Return a text with its numbers as German writes them."""
    return re.sub(r"(?<=\d)[.,](?=\d)", lambda match: _SWAPPED[match[0]], text)


def table_words(text: str) -> str:
    """Translate a title, head or cell of a comparison's tables, word by word."""
    return localised(_words().sub(lambda match: WORDS[match[0]], text))


def sentence(text: str) -> str | None:
    """Translate a sentence that the engine says; None if it is not known."""
    if _NUMBER.fullmatch(text):
        return localised(text)
    for pattern, german in _patterns():
        if match := pattern.fullmatch(text):
            return german.format(*(sentence(part) or part for part in match.groups()))
    return None


@cache
def _words() -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in WORDS))


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    split = ((english.split("{}"), german) for english, german in SENTENCES.items())
    return [(re.compile("(.+?)".join(map(re.escape, parts)), re.DOTALL), german) for parts, german in split]
