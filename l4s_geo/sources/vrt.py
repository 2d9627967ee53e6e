"""What a VRT may name: images of this machine, and nothing else.

A VRT is a description. It may name any file, service or other description, and programs that compute its pixels, and
GDAL opens what it names with any driver it has, also such that write files or connect to other machines. So a VRT is
read only if all that it names are images of this machine, or VRTs of such; these may lie anywhere, as ``gdalbuildvrt``
writes it, and `outside` says where. Python in it is never run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from l4s_geo.address import is_network
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.sources.drivers import IMAGES, is_image, is_vrt
from l4s_geo.sources.markup import MAX_XML, parse_xml

__all__ = ["check_vrt", "outside"]

_DEEPEST = 8
_MOST_FILES = 20_000
_ARCHIVES = ("/vsizip/", "/vsitar/", "/vsigzip/")
_KINDS = {
    "vrtdataset": ("", "vrtdataset", "vrtwarpeddataset", "vrtpansharpeneddataset"),
    "vrtrasterband": (
        *("", "vrtrasterband", "vrtsourcedrasterband", "vrtderivedrasterband", "vrtwarpedrasterband"),
        "vrtpansharpenedrasterband",
    ),
}
_NAMES = ("sourcefilename", "sourcedataset")
_REFUSED = (
    *("group", "input", "processingsteps", "rpctransformer", "srcrpctransformer", "dstrpctransformer"),
    *("geoloctransformer", "srcgeoloctransformer", "dstgeoloctransformer", "dempath", "x_dataset", "y_dataset"),
)
_DOMAINS = ("geolocation", "overviews", "proxyoverviewrequest", "rpc")
_KEYS = ("overview_file", "rpc_dem", "x_dataset", "y_dataset")


def check_vrt(path: str, what: str, error: type[L4SError] = SceneError) -> None:
    """Refuse a VRT that names anything but images of this machine, or that runs a program.

    Args:
        path: the VRT, on this machine.
        what: its part in the run, for messages.
        error: class to raise.

    Raises:
        L4SError: it does, or it is damaged.
    """
    for _ in _named(path, what, error, _DEEPEST):
        pass


def outside(paths: Iterable[str]) -> list[str]:
    """Say where the files lie that VRTs name outside their own folders: a note for each VRT that does.

    Args:
        paths: rasters, VRTs or not, that have been opened.
    """
    notes = []
    for path in filter(is_vrt, dict.fromkeys(paths)):
        home = Path(path).absolute().parent
        files = (Path(os.path.abspath(name)) for name in _named(path, "VRT", SceneError, _DEEPEST))
        others = sorted({str(file.parent) for file in files if not file.is_relative_to(home)})
        if others:
            more = f" and {len(others) - 1} other folders" if len(others) > 1 else ""
            notes.append(f"the VRT {path} reads files that lie outside its folder, in {others[0]}{more}")
    return notes


def _named(path: str, what: str, error: type[L4SError], depth: int) -> Iterator[str]:
    """Yield the files that a VRT names, those of VRTs in it too, having checked each."""
    if depth == 0:
        raise error(f"The {what} {path} is a VRT of VRTs, more than {_DEEPEST} deep; expected images in it{_INSTEAD}")
    try:
        with open(path, "rb") as file:
            root = parse_xml(file.read(MAX_XML + 1), f"{what} {path}", error)
    except OSError as cause:
        raise error(f"The {what} {path} cannot be opened ({cause.strerror}); check the file.") from cause
    if problem := _problem(root):
        raise error(f"The {what} {path} is a VRT that {problem}; expected images of this machine in it{_INSTEAD}")
    names = [_resolved(element, path) for element in root.iter() if _tag(element) in _NAMES]
    if len(names) > _MOST_FILES:
        raise error(f"The {what} {path} is a VRT of {len(names)} files; expected up to {_MOST_FILES}{_INSTEAD}")
    for name in dict.fromkeys(names):
        if problem := _wrong_source(name):
            raise error(f"The {what} {path} is a VRT that names {name}, {problem}; expected images in it{_INSTEAD}")
        if is_vrt(name) and not name.startswith("/vsi"):
            yield from _named(name, what, error, depth - 1)
        else:
            yield name


_INSTEAD = ", so give its files themselves, or make a GeoTIFF of it (gdal_translate) if you trust it."


def _problem(root: Element) -> str:
    """Say what a VRT does that none that is read may do, or nothing."""
    for element in root.iter():
        tag, kind = _tag(element), _attribute(element, "subClass")
        if element is root and tag != "vrtdataset":
            return "does not begin like one"
        if kind not in _KINDS.get(tag, (kind,)):
            return f"is of the kind {kind}"
        if tag in _REFUSED or (tag == "metadata" and _attribute(element, "domain") in _DOMAINS):
            return f"may name files of other kinds ({tag})"
        if tag == "mdi" and _attribute(element, "key") in _KEYS:
            return f"may name files of other kinds ({_attribute(element, 'key')})"
        if tag == "pixelfunctionlanguage" and (element.text or "").strip().lower() == "python":
            return "computes its values by a program in Python"
        if tag in _NAMES and len(element):
            return "hides the name of a file behind a comment"
    return ""


def _resolved(element: Element, path: str) -> str:
    """Return the file that an element names, as GDAL finds it."""
    name = (element.text or "").strip()
    relative = _attribute(element, "relativeToVRT") not in ("", "0", "no", "false", "off")
    return str(Path(path).parent / name) if relative and not name.startswith(("/vsi", "<")) else name


def _wrong_source(name: str) -> str:
    """Say why a file that a VRT names is none that is read, or nothing."""
    if is_network(name):
        return "which is on a network"
    if name.startswith(_ARCHIVES) and not is_vrt(name):
        try:
            with DatasetReader(name, driver=list(IMAGES)):
                return ""
        except RasterioError:
            return "which is no image in an archive"
    if name.startswith("/vsi") or not Path(name).is_file():
        return "which is no file"
    return "" if is_vrt(name) or is_image(Path(name)) else "which is no image of a common kind"


def _tag(element: Element) -> str:
    return element.tag.lower() if isinstance(element.tag, str) else ""


def _attribute(element: Element, name: str) -> str:
    """Return an attribute in lower case; GDAL does not tell cases apart either."""
    return next((value.strip().lower() for key, value in element.attrib.items() if key.lower() == name.lower()), "")
