"""What a message says by the names of options and programs, told apart from its words.

The engine's sentences name what they mean as the command line does: "say with --units what the values are". A program
that drives the engine has no such options: it is told which parameter is meant, by the keyword of the function that it
calls (`l4s_geo.map_scene` and its like), and words that itself. `parts` takes a message apart for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PARAMETERS", "Option", "Program", "parts"]

_NUMBER = r"-?\d+(?:\.\d+)?"
_ON = "auto|on|off"

PARAMETERS: dict[str, tuple[str, str]] = {
    "after-days": ("after_days", ""),
    "all": ("only_new", ""),
    "api": ("api", "earth-search"),
    "area": ("area", "FILE"),
    "background": ("background", "FILE"),
    "band": ("scene", r"'[^']*'|\S+=[A-Za-z.]*[A-Za-z]"),
    "bands": ("bands", r"[A-Z][A-Z0-9]*(?:,[A-Za-z0-9-]+)+(?:,…)?"),
    "batch": ("batch", ""),
    "before": ("before", ""),
    "before-band": ("before", r"\S+=[A-Za-z.]*[A-Za-z]"),
    "before-days": ("before_days", ""),
    "bundle": ("bundle", r"(?!on\b)[\w{}.-]*\w"),
    "cloud": ("cloud", ""),
    "clouds": ("clouds", ""),
    "crf": ("crf", _ON),
    "dem": ("dem", "FILE"),
    "device": ("device", r"auto|cpu|cuda(?::\d+)?|tensorrt|openvino"),
    "download": ("download", ""),
    "field": ("field", r"\w+"),
    "force": ("force", ""),
    "mask": ("mask", ""),
    "mask-classes": ("mask_classes", ""),
    "offset": ("offset", _NUMBER),
    "only-new": ("only_new", ""),
    "out": ("out", ""),
    "out-dir": ("out_dir", ""),
    "patch": ("patch", ""),
    "precision": ("precision", "auto|fp32|fp16"),
    "probability": ("probability", ""),
    "replace": ("replace", ""),
    "resume": ("resume", ""),
    "retry": ("retry", ""),
    "scene": ("scene", ""),
    "scheduler": ("scheduler", ""),
    "sensor": ("sensor", "sentinel-2"),
    "skip-flat": ("skip_flat", ""),
    "strict-dates": ("strict_dates", ""),
    "suggest": ("suggest", r"N|\d+"),
    "suggestions": ("suggestions", "FILE"),
    "sun": ("sun", "AZIMUTH,ELEVATION"),
    "terrain-prior": ("terrain_prior", _ON),
    "threshold": ("threshold", ""),
    "tta": ("tta", "none|flips|d4"),
    "units": ("units", "dn|reflectance|percent|l4s"),
    "workers": ("workers", ""),
}
"""For each option that a message may name, the keyword it stands for, and a pattern of the values it may come with."""

_PROGRAMS = r"gdal_edit\.py|gdal_calc\.py|gdal_translate|gdalwarp|ogr2ogr|l4s bundles add|l4s-train|l4s-map|pip"
_INSIDE = r"[^()]*(?:\([^()]*\)[^()]*)*"
_VALUES = "|".join(f"{name}(?![a-z-]) (?:{values})(?![\\w=])" for name, (_, values) in PARAMETERS.items() if values)
_MENTION = re.compile(
    rf"(?<=\()(?P<inside>{_PROGRAMS}) (?P<arguments>{_INSIDE})(?=\))"
    r"|(?<![\w-])(?P<open>pip) (?P<what>install '[^']*'(?: or '[^']*')?)"
    r"|(?<![\w-])(?P<add>l4s bundles add) (?P<path>.+?)(?=\.?$|[,;)])"
    r"|(?<![\w-])(?P<map>l4s-map)(?: (?P<output>--[a-z]+))?(?![\w-])"
    r"|(?<![\w-])(?P<event>l4s event) (?P<step>[a-z]+)"
    rf"|(?<![\w-])--(?:(?P<valued>{_VALUES})|(?P<option>[a-z]+(?:-[a-z]+)*))"
)

_GROUPS = (("inside", "arguments"), ("open", "what"), ("add", "path"), ("map", "output"), ("event", "step"))
"""The groups that hold a program, each with that of what it is given."""


@dataclass(frozen=True)
class Option:
    """An option that a message names."""

    parameter: str
    """The keyword that it stands for, like "terrain_prior"."""
    value: str = ""
    """The value that it is named with; "" if it is named alone."""


@dataclass(frozen=True)
class Program:
    """A program that a message says to run."""

    program: str
    """The program's name, like "gdal_translate"."""
    arguments: str
    """What it is to be given, as in a shell, with FILE for the user's own file."""


def parts(message: str) -> tuple[str | Option | Program, ...]:
    """Take a message apart.

    Args:
        message: a sentence of the engine.

    Returns:
        Its words, and what it names by options and programs, in order; joined as the command line would write them
        they give the message.
    """
    return tuple(_parts(message))


def _parts(message: str) -> Iterator[str | Option | Program]:
    at = 0
    for found in _MENTION.finditer(message):
        if (part := _mentioned(found)) is None:
            continue
        if message[at : found.start()]:
            yield message[at : found.start()]
        yield part
        at = found.end()
    if message[at:]:
        yield message[at:]


def _mentioned(found: re.Match[str]) -> Option | Program | None:
    """Return what a match names; None for an option that is no option of the engine's."""
    if option := found["option"]:
        return Option(PARAMETERS[option][0]) if option in PARAMETERS else None
    if valued := found["valued"]:
        name, value = valued.split(" ", 1)
        return Option(PARAMETERS[name][0], value)
    for program, arguments in _GROUPS:
        if found[program]:
            return Program(found[program], found[arguments] or "")
    raise AssertionError("one of the groups has matched")
