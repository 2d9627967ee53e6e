"""What an inventory was made from, by the provenance that it carries: the parameters of the algorithms that go on."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from qgis.core import QgsMapLayer

from .results import PROVENANCE, file_of

_MOST = 4 << 20
_ENTRY = re.compile(r'<MDI key="l4s">(.*?)</MDI>', re.DOTALL)


def facts_of(layer: QgsMapLayer) -> dict:
    """The provenance of the run that made a layer: as the layer carries it, or its file; {} if there is none."""
    text = layer.customProperty(PROVENANCE) or _of_file(Path(file_of(layer))) if file_of(layer) else ""
    try:
        facts = json.loads(text) if text and len(text) <= _MOST else {}
    except (ValueError, RecursionError):
        facts = {}
    return facts if isinstance(facts, dict) else {}


def scene_parameters(facts: dict, folder: Path) -> dict:
    """The parameters of the scene and its terrain for Map landslides and Teach from labels.

    Args:
        facts: the provenance.
        folder: the inventory's, for files that are named relative to where the command ran.

    Files that are not there any more are left out.
    """
    found = _scene(facts.get("bands"), folder)
    dem = [_found(path, folder) for path in facts.get("dem") or [] if isinstance(path, str)]
    if dem and all(dem):
        found["DEM"] = dem[0]
        found |= {"DEM_TILES": dem[1:]} if dem[1:] else {}
    if _told(facts, "order") and "INPUT" in found:
        found["BANDS"] = _names(facts["bands"])
    return found


def bundle_name(facts: dict) -> str:
    """The bundle to teach: the one that mapped, or the base of one that was taught itself; "" if none is named."""
    taught = facts.get("taught")
    name = taught.get("base") if isinstance(taught, dict) else facts.get("bundle")
    return name if isinstance(name, str) else ""


def _of_file(path: Path) -> str:
    """What a file says of the run that made it: in a GeoPackage, or beside it."""
    if path.suffix.lower() != ".gpkg":
        beside = path.with_name(path.name + ".provenance.json")
        try:
            return beside.read_text(encoding="utf-8", errors="replace") if beside.stat().st_size <= _MOST else ""
        except OSError:
            return ""
    query = "SELECT metadata FROM gpkg_metadata WHERE length(metadata) < ?"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            texts = [str(text) for (text,) in database.execute(query, (_MOST,))]
    except sqlite3.Error:
        return ""
    return next((html.unescape(entry.group(1)) for text in texts if (entry := _ENTRY.search(text))), "")


def _scene(bands: object, folder: Path) -> dict:
    """The scene as INPUT, a raster, or FILE, a product or a folder of band files; {} if it is not there any more."""
    if not isinstance(bands, dict) or not bands:
        return {}
    paths = sorted({str(place).rpartition("#")[0] for place in bands.values()})
    archive = re.match(r"/vsizip/(.+?\.zip)(?:/|$)", paths[0])
    product = next((p for p in (Path(paths[0]), *Path(paths[0]).parents) if p.suffix.upper() == ".SAFE"), None)
    folders = {str(Path(path).parent) for path in paths}
    if archive:
        name, path = "FILE", archive.group(1)
    elif product:
        name, path = "FILE", str(product)
    elif len(paths) == 1:
        name, path = "INPUT", paths[0]
    elif len(folders) == 1:
        name, path = "FILE", folders.pop()
    else:
        return {}
    place = _found(path, folder)
    return {name: place} if place else {}


def _found(path: str, folder: Path) -> str:
    """A file or folder where it was, or beside the inventory if its name is relative; "" if it is not there."""
    if Path(path).is_absolute():
        return path if Path(path).exists() else ""
    return str(folder / path) if (folder / path).exists() else ""


def _told(facts: dict, name: str) -> bool:
    """Whether the user had to say something of the scene that its file does not say."""
    entry = (facts.get("assumptions") or {}).get(name)
    return isinstance(entry, dict) and entry.get("origin") == "option"


def _names(bands: dict) -> str:
    """The names of a raster's bands in their order."""
    return ",".join(sorted(bands, key=lambda name: int(str(bands[name]).rpartition("#")[2] or 0)))
