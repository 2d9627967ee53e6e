"""The commands that make an inventory, a comparison of it, and a report again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from l4s_geo import defaults
from l4s_geo.address import shown
from l4s_geo.change.dates import scenes_of
from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.reporting.facts import plain_number, plain_text
from l4s_geo.reporting.view import PathLike, Scenes

__all__ = ["evaluate_command", "map_command", "report_command", "shown_path"]


def map_command(facts: Mapping[str, Any], inventory: str) -> str | None:
    """Return the command that makes an inventory again; None if it does not say what of.

    Args:
        facts: what the inventory says of itself.
        inventory: its path.
    """
    bands = facts.get("bands")
    if not isinstance(bands, dict) or not bands:
        return None
    words = ["l4s-map"]
    places = {band: plain_text(place).rpartition("#")[::2] for band, place in bands.items()}
    files = {path for path, _ in places.values()}
    if len(files) == 1 and len(places) > 1:
        path = files.pop()
        words += [path, *(["--patch"] if path.lower().endswith(".h5") else ["--bands", ",".join(_in_order(places))])]
    else:
        words += [word for band, (path, _) in places.items() for word in ("--band", f"{band}={path}")]
    words += [word for path in _list(facts.get("dem")) for word in ("--dem", plain_text(path))]
    options = (
        *("slope", "units", "bundle", "threshold", "min_area", "overlap", "tta", "skip_flat", "connectivity"),
        *("fill_holes", "simplify", "sensor"),
    )
    for name in options:
        value = facts.get(name)
        if value is not None and value != getattr(defaults, name.upper(), None):
            words += [f"--{name.replace('_', '-')}", _plain(value)]
    offsets = facts.get("offset")
    told = {plain_number(v) for v in offsets.values()} if isinstance(offsets, dict) else set()
    if len(told) == 1 and (offset := told.pop()) is not None:
        words += ["--offset", _plain(offset)]
    for name in ("crf", "terrain_prior"):
        words += [f"--{name.replace('_', '-')}", "on" if facts.get(name) else "off"]
    happened = facts.get("event")
    event: Mapping[str, Any] = happened if isinstance(happened, Mapping) else {}
    for name in ("event", "event_date", "trigger"):
        words += [f"--{name.replace('_', '-')}", plain_text(event[name])] if event.get(name) else []
    return shlex.join([*words, "--out", inventory])


def report_command(inventory: PathLike, out: PathLike, given: Scenes, dem: PathLike | Sequence[PathLike] | None) -> str:
    """Return the command that makes a report again.

    Args:
        inventory: the inventory.
        out: the report.
        given: the scenes.
        dem: the elevations.
    """
    words = ["l4s", "report", shown_path(inventory)]
    for option, scenes in (("scene", scenes_of(given.scene)), ("before", scenes_of(given.before))):
        for one in scenes:
            if isinstance(one, Mapping):
                name = "--band" if option == "scene" else "--before-band"
                words += [w for band, path in one.items() for w in (name, f"{band}={shown_path(path)}")]
            else:
                words += [f"--{option}", shown_path(one)]
    words += ["--bands", ",".join(given.bands)] if given.bands else []
    dems = [dem] if isinstance(dem, str | os.PathLike) else list(dem or ())
    words += [word for path in dems for word in ("--dem", shown_path(path))]
    words += ["--mask", shown_path(given.mask)] if given.mask is not None else []
    if tuple(given.mask_classes) != tuple(defaults.MASK_CLASSES):
        words += ["--mask-classes", ",".join(map(str, given.mask_classes)) or "none"]
    words += ["--units", given.units] if given.units != "auto" else []
    words += ["--offset", _plain(given.offset)] if given.offset is not None else []
    return shlex.join([*words, "--out", os.fspath(out)])


def evaluate_command(found: Evaluation, out: PathLike) -> str:
    """Return the command that makes a comparison and its report again.

    Args:
        found: the comparison.
        out: the report.
    """
    files, settings = found.files, found.settings
    words = ["l4s", "evaluate", shown_path(files.inventory)]
    given = (
        *(("--reference", path) for path in files.reference),
        ("--area", files.area),
        *(("--doubtful", path) for path in files.doubtful),
        ("--probability", files.probability),
        *(("--dem", path) for path in files.dem),
    )
    words += [word for option, path in given if path is not None for word in (option, shown_path(path))]
    words += ["--sun", f"{_plain(settings.sun.azimuth)},{_plain(settings.sun.elevation)}"] if settings.sun else []
    usual = {"iou": defaults.MATCH_IOU, "share": defaults.MATCH_SHARE, "min_area": defaults.MIN_AREA}
    for name, value in usual.items():
        if getattr(settings, name) != value:
            words += [f"--{name.replace('_', '-')}", _plain(float(getattr(settings, name)))]
    return shlex.join([*words, "--report", os.fspath(out)])


def shown_path(path: PathLike) -> str:
    """Return a path as a report shows it, without what may be secret in an address."""
    return shown(os.fspath(path))


def _in_order(places: Mapping[str, tuple[str, str]]) -> list[str]:
    """The names of a raster's bands in order; - for those that were left aside."""
    numbers = {int(index): band for band, (_, index) in places.items() if index.isdigit() and int(index) < 1000}
    return [numbers.get(number, "-") for number in range(1, max(numbers, default=0) + 1)]


def _plain(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else plain_text(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
