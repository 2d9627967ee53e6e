"""All texts of a report, in English and German: one table.

Braces are filled in; a text of the page's script has its name in `SCRIPT`. What comes in English from elsewhere is
translated by `l4s_geo.reporting.german`.
"""

from __future__ import annotations

__all__ = ["LANGUAGES", "SCRIPT", "TEXTS"]

LANGUAGES = ("en", "de")

TEXTS: dict[str, tuple[str, str]] = {
    # Head
    "title": ("Landslide inventory", "Rutschungsinventar"),
    "title_compared": ("Landslide inventory, compared", "Rutschungsinventar im Vergleich"),
    "scene_of": ("Scene {scene}", "Szene {scene}"),
    "acquired": ("taken {date}", "aufgenommen {date}"),
    "mapped_at": ("mapped {date}", "kartiert {date}"),
    "no_script": (
        "The map and the plots need JavaScript, which is switched off here.",
        "Karte und Diagramme brauchen JavaScript, das hier abgeschaltet ist.",
    ),
    "skip": ("To the map", "Zur Karte"),
    # Sections
    "warnings": ("Before you use it", "Vor dem Gebrauch zu lesen"),
    "figures": ("Key figures", "Kennzahlen"),
    "map": ("Map", "Karte"),
    "largest": ("The largest", "Die größten"),
    "plots": ("Distributions", "Verteilungen"),
    "comparison": ("Comparison with a reference", "Vergleich mit einer Referenz"),
    "model": ("The model", "Das Modell"),
    "provenance": ("Where it comes from", "Herkunft"),
    # Key figures
    "figure_precision": ("precision, by pixels", "Genauigkeit, je Pixel"),
    "figure_recall": ("recall, by pixels", "Trefferquote, je Pixel"),
    "figure_f1": ("F1, by pixels", "F1, je Pixel"),
    "figure_right": ("right, of {of} judged", "richtig, von {of} beurteilten"),
    "figure_found": ("found, of {of} of the reference", "gefunden, von {of} der Referenz"),
    "figure_count": ("landslides", "Rutschungen"),
    "figure_area": ("km² of landslides", "km² Rutschungsfläche"),
    "figure_looked": ("km² of ground mapped", "km² kartierter Boden"),
    "figure_share": ("% of that ground", "% dieses Bodens"),
    "figure_density": ("landslides per km²", "Rutschungen je km²"),
    "figure_largest": ("m²: the largest", "m²: die größte"),
    "figure_median": ("m²: the median", "m²: der Median"),
    "figure_masked": ("% of the scene masked", "% der Szene verdeckt"),
    "figure_magnitude": (
        "landslide-event magnitude mLS ({low} to {high})",
        "Magnitude mLS des Ereignisses ({low} bis {high})",
    ),
    "figure_new": ("of them new", "davon neu"),
    # Warnings
    "warn_model": (
        "A model drew these outlines. They are proposals for a person to check, not a statement on safety, and ground "
        "without an outline is not free of landslides.",
        "Ein Modell hat diese Umrisse gezeichnet. Sie sind Vorschläge, die ein Mensch prüfen muss, keine Aussage zur "
        "Sicherheit; Boden ohne Umriss ist nicht frei von Rutschungen.",
    ),
    "warn_masked": (
        "{share} % of the scene is masked (cloud, shadow, snow or a mask of the user's); nothing was mapped there.",
        "{share} % der Szene sind verdeckt (Wolken, Schatten, Schnee oder eine eigene Maske); dort wurde nichts "
        "kartiert.",
    ),
    "warn_valid": (
        "Only {share} % of the grid could be mapped; the rest has no data, is masked, or lies outside the area of "
        "interest.",
        "Nur {share} % des Rasters waren kartierbar; der Rest hat keine Daten, ist verdeckt oder liegt außerhalb des "
        "Interessensgebiets.",
    ),
    "warn_edge": (
        "Landslides that touch the edge of the data and may go on beyond it: {n}.",
        "Rutschungen, die den Rand der Daten berühren und dahinter weitergehen können: {n}.",
    ),
    "warn_under_mask": (
        "Landslides that touch masked ground and may go on under the mask: {n}.",
        "Rutschungen, die verdeckten Boden berühren und darunter weitergehen können: {n}.",
    ),
    "warn_low": (
        "Landslides of low confidence, of which {precision} % were right in tests: {n}.",
        "Rutschungen von geringer Konfidenz, von denen in Tests {precision} % richtig waren: {n}.",
    ),
    "warn_assumed": (
        "Taken for granted without being told: {list}. Where that is not so, the map is wrong.",
        "Ungesagt angenommen: {list}. Wo das nicht zutrifft, ist die Karte falsch.",
    ),
    "because": (" ({text})", " ({text})"),
    "assumed_units": ("units: {value}{because}", "Einheiten: {value}{because}"),
    "assumed_offset": ("offset: {value}{because}", "Versatz der Werte: {value}{because}"),
    "assumed_order": ("bands: {value}{because}", "Kanäle: {value}{because}"),
    "assumed_sensor": ("sensor: {value}{because}", "Sensor: {value}{because}"),
    "assumed_nodata": ("no data: {value}{because}", "keine Daten: {value}{because}"),
    "assumed_terrain": ("terrain: {value}{because}", "Gelände: {value}{because}"),
    "assumed_date": ("date: {value}{because}", "Datum: {value}{because}"),
    "warn_level": (
        "The scene is {level}; the model was trained on {trained}.",
        "Die Szene ist {level}; das Modell wurde mit {trained} trainiert.",
    ),
    "warn_no_terrain": (
        "No elevation model was given, so fields, gravel and roads on flat ground were not told from landslides.",
        "Es lag kein Höhenmodell vor; Felder, Kies und Wege auf flachem Boden wurden daher nicht von Rutschungen "
        "unterschieden.",
    ),
    "warn_no_facts": (
        "The file does not say how it was made: who made it, from which scene and with which model is not known here.",
        "Die Datei sagt nicht, wie sie entstand: Urheber, Szene und Modell sind hier nicht bekannt.",
    ),
    "warn_other_scene": (
        "The picture is of the scene {shown}; the inventory says that it was made from {mapped}.",
        "Das Bild zeigt die Szene {shown}; das Inventar entstand nach eigener Angabe aus {mapped}.",
    ),
    "warn_no_imagery": (
        "There is no imagery in this report: {reason}.",
        "Dieser Bericht enthält kein Bild: {reason}.",
    ),
    "reason_not_given": (
        "no scene was given, and the inventory names none",
        "es wurde keine Szene angegeben, und das Inventar nennt keine",
    ),
    "reason_gone": (
        "the scene that the inventory names is no longer there ({path})",
        "die Szene, die das Inventar nennt, ist nicht mehr vorhanden ({path})",
    ),
    "reason_unreadable": (
        "the scene that the inventory names cannot be read: {error}",
        "die Szene, die das Inventar nennt, ist nicht lesbar: {error}",
    ),
    "warn_grey": (
        "The scene lacks bands of natural colours; {band} is shown in grey.",
        "Der Szene fehlen Kanäle für natürliche Farben; {band} ist in Grau gezeigt.",
    ),
    "warn_outside": (
        "Landslides that lie wholly outside the scene that is shown: {n}.",
        "Rutschungen, die ganz außerhalb der gezeigten Szene liegen: {n}.",
    ),
    "warn_limited": (
        "The map and its filters show the {shown} largest of {n} outlines; figures and plots count all.",
        "Karte und Filter zeigen die {shown} größten von {n} Umrissen; Kennzahlen und Diagramme zählen alle.",
    ),
    "warn_simplified": (
        "Outlines on the map are simplified to {tolerance} m so that the file stays small; the inventory is not.",
        "Die Umrisse auf der Karte sind auf {tolerance} m vereinfacht, damit die Datei klein bleibt; das Inventar "
        "selbst ist es nicht.",
    ),
    "warn_empty": ("The inventory holds no landslide.", "Das Inventar enthält keine Rutschung."),
    # Map
    "imagery": (
        "Imagery: pixels of {resolution} m, {bands}{acquired}.",
        "Bild: Pixel von {resolution} m, {bands}{acquired}.",
    ),
    "before_imagery": ("Left of the handle: {name}{acquired}.", "Links des Griffs: {name}{acquired}."),
    "resolution_reduced": (
        "The scene has pixels of 10 m; the picture was reduced so that the file stays small.",
        "Die Szene hat Pixel von 10 m; das Bild wurde verkleinert, damit die Datei klein bleibt.",
    ),
    "map_help": (
        "With a keyboard: Tab to the map, arrows move it, + and - zoom. Click or tap an outline for its attributes.",
        "Mit der Tastatur: Tab zur Karte, Pfeiltasten verschieben, + und - vergrößern und verkleinern. Klick oder "
        "Tippen auf einen Umriss zeigt seine Attribute.",
    ),
    "filters": ("Show", "Zeigen"),
    "filter_area": ("Area from", "Fläche ab"),
    "filter_slope": ("Slope from", "Neigung ab"),
    "filter_new": ("New ones only", "Nur neue"),
    "filter_p_new": ("Probability of being new from", "Wahrscheinlichkeit, neu zu sein, ab"),
    "filter_looked": ("Ground that was looked at", "Durchgesehener Boden"),
    "filter_doubt": ("Doubtful ground, not judged", "Zweifelhafter Boden, nicht beurteilt"),
    "filter_masked": ("Masked ground", "Verdeckter Boden"),
    "filter_reset": ("Reset", "Zurücksetzen"),
    "previous": ("Previous", "Vorige"),
    "next": ("Next", "Nächste"),
    "before": ("before", "vorher"),
    "after": ("after", "nachher"),
    "masked_where": (
        "{share} % of the scene is masked: hatched in magenta on the map.",
        "{share} % der Szene sind verdeckt: auf der Karte magenta schraffiert.",
    ),
    "masked_unknown": (
        "{share} % of the scene was masked when it was mapped; where, the inventory does not say.",
        "{share} % der Szene waren beim Kartieren verdeckt; wo, sagt das Inventar nicht.",
    ),
    # Classes
    "class_high": ("High confidence", "Hohe Konfidenz"),
    "class_medium": ("Medium confidence", "Mittlere Konfidenz"),
    "class_low": ("Low confidence", "Geringe Konfidenz"),
    "class_": ("Landslides", "Rutschungen"),
    "class_hit": ("Right", "Richtig"),
    "class_split": ("Right, a piece of one", "Richtig, Stück einer größeren"),
    "class_amalgamated": ("Right, over several", "Richtig, über mehrere"),
    "class_false": ("False", "Falsch"),
    "class_missed": ("Missed", "Übersehen"),
    "class_reference": ("Reference, found", "Referenz, gefunden"),
    # Largest
    "head_id": ("No.", "Nr."),
    "head_area": ("Area, m²", "Fläche, m²"),
    "head_confidence": ("Confidence", "Konfidenz"),
    "head_slope": ("Slope", "Neigung"),
    "head_position": ("Latitude, longitude", "Breite, Länge"),
    "show_on_map": ("Show no. {id} on the map", "Nr. {id} auf der Karte zeigen"),
    # Plots
    "sizes": ("Sizes", "Größen"),
    "sizes_x": ("area, m²", "Fläche, m²"),
    "sizes_y": ("frequency density, 1/m²", "Häufigkeitsdichte, 1/m²"),
    "slope": ("Slope", "Neigung"),
    "slope_x": ("mean slope, °", "mittlere Neigung, °"),
    "slope_y": ("landslides", "Rutschungen"),
    "elevation": ("Elevation", "Höhe"),
    "elevation_x": ("mean elevation, m", "mittlere Höhe, m"),
    "elevation_y": ("landslides", "Rutschungen"),
    "aspect": ("Aspect", "Exposition"),
    "aspect_x": ("where the ground faces", "Richtung, in die der Hang fällt"),
    "aspect_y": ("landslides", "Rutschungen"),
    "curve": ("Precision and recall", "Genauigkeit und Trefferquote"),
    "curve_x": ("recall", "Trefferquote"),
    "curve_y": ("precision", "Genauigkeit"),
    "reliability": ("Reliability", "Verlässlichkeit"),
    "reliability_x": ("probability said", "genannte Wahrscheinlichkeit"),
    "reliability_y": ("share of landslide", "Anteil Rutschung"),
    "series_inventory": ("inventory", "Inventar"),
    "series_reference": ("reference", "Referenz"),
    "series_gamma_inventory": ("inverse gamma, inventory", "inverse Gammaverteilung, Inventar"),
    "series_gamma_reference": ("inverse gamma, reference", "inverse Gammaverteilung, Referenz"),
    "series_power_inventory": ("power law, inventory", "Potenzgesetz, Inventar"),
    "series_power_reference": ("power law, reference", "Potenzgesetz, Referenz"),
    "series_count": ("landslides", "Rutschungen"),
    "series_curve": ("thresholds", "Schwellen"),
    "series_reliability": ("pixels in 15 bins", "Pixel in 15 Klassen"),
    "series_ideal": ("ideal", "ideal"),
    "no_terrain_plots": (
        "Slope, aspect and elevation are not known: the inventory was mapped without an elevation model.",
        "Neigung, Exposition und Höhe sind nicht bekannt: Das Inventar wurde ohne Höhenmodell kartiert.",
    ),
    # Comparison
    "compared_with": ("Reference: {paths}.", "Referenz: {paths}."),
    "judged": (
        "Judged: {n} of {of} landslides of the inventory; of what lies by more than half outside the ground that was "
        "looked at, or in doubtful ground, only pixels inside it count.",
        "Beurteilt: {n} von {of} Rutschungen des Inventars; von dem, was zu mehr als der Hälfte außerhalb des "
        "durchgesehenen Bodens oder in zweifelhaftem Boden liegt, zählen nur die Pixel innerhalb.",
    ),
    "note": ("Note: {text}.", "Anmerkung: {text}."),
    # Model
    "bundle": ("Bundle {name}, version {version}", "Modell {name}, Version {version}"),
    "bundle_unknown": (
        "The bundle {name}, version {version}, that made this inventory is not installed here, so what was measured of "
        "it cannot be said.",
        "Das Modell {name}, Version {version}, mit dem dieses Inventar entstand, ist hier nicht installiert; seine "
        "Messwerte sind daher nicht bekannt.",
    ),
    "bundle_none": ("The inventory names no model.", "Das Inventar nennt kein Modell."),
    "describes": ("It describes itself as: {text}.", "Es beschreibt sich auf Englisch so: {text}."),
    "trained_on": ("Trained on: {text}.", "Trainiert mit (auf Englisch): {text}."),
    "measured": (
        "On test patches that chose nothing, by pixels: precision {precision}, recall {recall}, F1 {f1}. Other ground "
        "is harder: expect less.",
        "Auf Testbildern, nach denen nichts gewählt wurde, je Pixel: Genauigkeit {precision}, Trefferquote {recall}, "
        "F1 {f1}. Anderes Gelände ist schwerer: weniger ist zu erwarten.",
    ),
    "head_class": ("Confidence", "Konfidenz"),
    "head_here": ("Landslides here", "Rutschungen hier"),
    "head_right": ("Right in tests", "In Tests richtig"),
    "not_for": ("Not to be used for", "Nicht zu gebrauchen für"),
    "failures": ("Known failures", "Bekannte Schwächen"),
    "card_in_english": ("From the model's card:", "Aus der Modellkarte, auf Englisch:"),
    # Provenance
    "again": ("Make it again", "Noch einmal herstellen"),
    "again_masks": (
        "Masks and an area of interest are not recorded: if there were some, give them again.",
        "Masken und ein Interessensgebiet sind nicht vermerkt: Gab es welche, sind sie wieder anzugeben.",
    ),
    "again_others": (
        "Further scenes took part, whose files are not recorded; without them another map results: {names}.",
        "Weitere Szenen, deren Dateien nicht vermerkt sind; ohne sie entsteht eine andere Karte: {names}.",
    ),
    "facts": ("All that the inventory says of itself", "Alles, was das Inventar über sich sagt, auf Englisch"),
    "made_by": (
        "Made with {software}. Nothing in this file is fetched from a network.",
        "Hergestellt mit {software}. Diese Datei lädt nichts aus einem Netz.",
    ),
    # The script's
    "count": ("{n} of {of} landslides, {area} km²", "{n} von {of} Rutschungen, {area} km²"),
    "count_outlines": ("{n} of {of} outlines, {area} km²", "{n} von {of} Umrissen, {area} km²"),
    "any": ("any", "alle"),
    "number": ("No. {id}", "Nr. {id}"),
    "attribute_area": ("Area", "Fläche"),
    "attribute_prob": ("Probability", "Wahrscheinlichkeit"),
    "attribute_slope": ("Slope", "Neigung"),
    "attribute_aspect": ("Aspect", "Exposition"),
    "attribute_elevation": ("Elevation", "Höhe"),
    "attribute_new": ("Probability of being new", "Wahrscheinlichkeit, neu zu sein"),
    "attribute_covered": ("In the other inventory", "Im anderen Inventar"),
    "attribute_position": ("Position", "Lage"),
    "zoom_in": ("Zoom in", "Vergrößern"),
    "zoom_out": ("Zoom out", "Verkleinern"),
    "swipe": ("Border between before and after", "Grenze zwischen vorher und nachher"),
    "map_label": ("Map of the landslides", "Karte der Rutschungen"),
    "language": ("Deutsch", "English"),
    "whole": ("Whole map", "Ganze Karte"),
    "winds": ("N NE E SE S SW W NW", "N NO O SO S SW W NW"),
}
"""Texts by name: English, German."""

_PLOTS = ("sizes", "slope", "elevation", "aspect", "curve", "reliability")

SCRIPT = (
    *("count", "count_outlines", "any", "number", "zoom_in", "zoom_out", "swipe", "map_label", "language", "whole"),
    *("winds", "next", "previous", "before", "after"),
    *(name for name in TEXTS if name.startswith(("attribute_", "class_", "series_"))),
    *(f"{plot}{part}" for plot in _PLOTS for part in ("", "_x", "_y")),
)
"""Names of the texts that the page's script uses."""
