"""The engine's sentences in the plugin's terms.

The engine names options of the command line and programs of a shell; with each sentence it sends the parts, in which
these are told apart (l4s_geo/mentions.py). Here an option becomes the title of the parameter in the dialog, and a
program the tool of QGIS that does the same.
"""

from __future__ import annotations

import re

from .texts import tr


def titles() -> dict[str, str]:
    """The beginning of a parameter's title in the dialogs, by the engine's keyword for it."""
    return {
        "after_days": tr("Days after the event"),
        "api": tr("STAC API"),
        "area": tr("Ground that was fully looked at"),
        "background": tr("Background, if it is a layer of its own"),
        "bands": tr("Names of the scene's bands in order"),
        "batch": tr("Windows that a network takes at once"),
        "before": tr("Earlier scenes, to map only what is new"),
        "before_days": tr("Days before the event"),
        "bundle": tr("Bundle"),
        "cloud": tr("Highest cloud cover of a scene"),
        "clouds": tr("Detect and mask clouds"),
        "crf": tr("Refine the outlines with a DenseCRF"),
        "dem": tr("DEM"),
        "device": tr("Device"),
        "download": tr("Folder to copy the area's part into"),
        "field": tr("Field that says what a polygon is, if several could"),
        "force": tr("Write the bundle even if it is not shown to be better"),
        "mask": tr("Mask"),
        "mask_classes": tr("Level-2A classes that are not mapped"),
        "offset": tr("Offset of the digital numbers"),
        "only_new": tr("With earlier scenes, map old landslides too, and flag new ones"),
        "out": tr("Name of the taught bundle"),
        "out_dir": tr("Folder of inventories"),
        "patch": tr("Map a scene without coordinates (.h5) from its own corner"),
        "precision": tr("Precision of the networks"),
        "probability": tr("Probability raster of the inventory"),
        "replace": tr("Replace scenes and elevations of the file"),
        "retry": tr("Try units again that failed"),
        "resume": tr("Go on where a stopped run ended"),
        "scene": tr("Scene"),
        "scheduler": tr("Scheduler of a Dask cluster"),
        "sensor": tr("Sensor"),
        "skip_flat": tr("Skip windows that are flatter than this, degrees"),
        "strict_dates": tr("Refuse earlier scenes that are later by their dates"),
        "suggest": tr("Windows to suggest for further labels"),
        "suggestions": tr("Suggested windows"),
        "sun": tr("Sun's azimuth and elevation in degrees"),
        "terrain_prior": tr("Weigh by the slope of the ground"),
        "threshold": tr("Threshold"),
        "tta": tr("Test-time augmentation"),
        "units": tr("Units of the scene's values"),
        "workers": tr("Processes that map at once"),
    }


def _values() -> dict[tuple[str, str], str]:
    """What a value is called in the dialogs, if it is not called what the engine calls it."""
    return {
        ("crf", "on"): tr("On"),
        ("device", "auto"): tr("Automatic"),
        ("device", "cpu"): tr("CPU"),
        ("device", "cuda"): tr("NVIDIA GPU (CUDA)"),
        ("sensor", "sentinel-2"): tr("Sentinel-2, whatever speaks for another"),
        ("suggest", "N"): "",
        ("suggestions", "FILE"): "",
        ("terrain_prior", "on"): tr("On"),
        ("tta", "flips"): tr("4 views (flips): slower, steadier"),
        ("units", "dn"): tr("Digital numbers (reflectance × 10000)"),
        ("units", "l4s"): tr("Landslide4Sense"),
        ("units", "percent"): tr("Reflectance in percent (0…100)"),
        ("units", "reflectance"): tr("Reflectance (0…1)"),
    }


def worded(message: dict, key: str) -> str:
    """Word a message of the engine.

    Args:
        message: the message, with the sentence's parts if the engine sends them.
        key: the field that holds the sentence as the command line would say it.
    """
    found = message.get("parts")
    return sentence(found) if isinstance(found, list) else str(message.get(key) or "")


def sentence(parts: list) -> str:
    """Word a sentence of which the engine has sent the parts."""
    return "".join(_worded(part) for part in parts)


def _worded(part) -> str:
    if not isinstance(part, dict):
        return str(part)
    if "program" in part:
        return _tool(str(part["program"]), str(part.get("arguments", "")))
    parameter, value = str(part.get("parameter", "")), str(part.get("value", ""))
    if parameter == "scene" and "=" in value:
        band, file = value.strip("'").split("=", 1)
        return tr("“Band layers”: {band} from {file}").format(
            band=band, file=tr("its layer") if file == "FILE" else file
        )
    if parameter == "before":
        value = ""  # earlier scenes are layers and files here, not one file a band
    if parameter == "scene" and not value:
        return tr("“Scene” or “Band layers”")
    title = titles().get(parameter, parameter)
    value = "" if value == "FILE" else _values().get((parameter, value), value)
    return tr("“{title}: {value}”").format(title=title, value=value) if value else tr("“{}”").format(title)


def _tool(program: str, arguments: str) -> str:
    """Name what does in QGIS what a program does in a shell."""
    given = _arguments(arguments)
    if program in ("gdal_edit.py", "gdal_translate"):
        given = given.replace("-scale ", "-a_scale ") if program == "gdal_edit.py" else given
        return tr("Raster → Conversion → Translate, with the additional parameters “{}”").format(given)
    if program == "gdalwarp":
        return tr("Raster → Projections → Warp, with the additional parameters “{}”").format(given)
    if program == "gdal_calc.py":
        formula = re.search(r"--calc='(.*?)'( |$)", arguments)
        return tr("Raster → Raster Calculator, with the file as A in the formula {}").format(
            formula[1] if formula else given
        )
    if program == "ogr2ogr":
        return tr("Vector → Data Management Tools → Assign Projection")
    if program == "pip":
        return tr("“Set up environment”")
    if program == "l4s event":
        steps = {"search": tr("“Search scenes”"), "run": tr("“Map an event”")}
        return steps.get(arguments, tr("make one with the engine's command for events"))
    if program == "l4s bundles add":
        return tr("or give its file or folder in place of the name")
    return tr("“Map landslides”")


def _arguments(text: str) -> str:
    """The options among a program's arguments, without the files that stand for the user's."""
    words = re.split(r" FILE\b", text)[0] if " FILE" in text else text
    return re.sub(r" \S+\.(tif|gpkg)$", "", words)
