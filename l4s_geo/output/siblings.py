"""What stands beside an output and belongs to it, and what of it is somebody else's.

QGIS takes the style of ``a.tif`` and of ``a.geojson`` from one file, ``a.qml``; so two files of one stem cannot both
have a style. A GeoPackage carries its own. The provenance of ``a.geojson`` is in ``a.geojson.provenance.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

from l4s_geo.errors import OutputError
from l4s_geo.output.geopackage import has_style
from l4s_geo.output.open_files import writers
from l4s_geo.output.style import is_own_style, style_file

__all__ = ["PROVENANCE", "RASTERS", "check_siblings", "check_stems", "check_unused", "clear_siblings", "siblings"]

PROVENANCE = ".provenance.json"
"""Ends the name of the file that holds an inventory's provenance, after the inventory's own name."""

RASTERS = (".tif", ".tiff")
"""Suffixes of rasters."""

_STYLED = (*RASTERS, ".geojson", ".fgb", ".parquet", ".shp")
_WITH_PROVENANCE = (".geojson", ".fgb", ".shp")
_SHARING = {*_STYLED, ".vrt", ".jp2", ".img", ".kml", ".gpkg"}
"""Suffixes of files that QGIS would style by the same file; a GeoPackage only if it carries no style."""
_SHAPEFILE = (".shx", ".dbf", ".prj", ".cpg")
# Indexes and descriptions that other programs make of a file, and that would be wrong of the next one.
_MADE_OF = {
    ".shp": (".qpj", ".qix", ".sbn", ".sbx", ".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs", ".idm", ".ind"),
}
_ADDED_TO_RASTERS = (".ovr", ".msk", ".aux.xml")


def siblings(path: Path, styled: bool = True) -> list[Path]:
    """Return the files that an output brings along, by its suffix, whether they exist or not.

    Args:
        path: the output.
        styled: whether it comes with a style.
    """
    suffix = path.suffix.lower()
    found = [path.with_suffix(s) for s in _SHAPEFILE] if suffix == ".shp" else []
    if suffix in _WITH_PROVENANCE:
        found.append(path.with_name(path.name + PROVENANCE))
    if styled and suffix in _STYLED:
        found.append(style_file(path))
    return found


def check_siblings(path: Path, styled: bool = True) -> None:
    """Check that an output brings along nothing that would replace, or restyle, what is not its own.

    Args:
        path: the output, which may exist.
        styled: whether it comes with a style.

    Raises:
        OutputError: there is a style that somebody made or changed, another file of the same stem that would get the
            style, somebody's own file in the place of the provenance, or a part of a Shapefile without it.
    """
    for other in siblings(path, styled):
        if other == style_file(path):
            _check_style(path)
        elif other.exists() and other.name.endswith(PROVENANCE):
            _check_provenance(path, other)
        elif other.exists() and not path.exists():
            raise OutputError(
                f"{other} is there without {path.name} and would be replaced as a part of it; move it elsewhere, or "
                "choose another name."
            )


def check_unused(path: Path) -> None:
    """Check that no program has a file, or a part of a Shapefile, open for writing: its next save would mix the two.

    Raises:
        OutputError: one has.
    """
    if programs := writers(path, *siblings(path, styled=False)):
        raise OutputError(
            f"{path} is open for writing in {', '.join(programs)}, whose next save would mix with the new file; save "
            "and close it there, or choose another name."
        )


def check_stems(*outputs: Path) -> None:
    """Check that no two outputs of a run want one style file.

    Raises:
        OutputError: two do.
    """
    styled: dict[Path, Path] = {}
    for output in outputs:
        if output.suffix.lower() not in _STYLED:
            continue
        place = style_file(output.resolve())
        if place in styled:
            raise OutputError(
                f"{styled[place].name} and {output.name} would both have the style {place.name}, by which QGIS draws "
                "files of that name; give them names that differ before the suffix."
            )
        styled[place] = output


def clear_siblings(path: Path) -> None:
    """Remove what belongs to a file that is about to be replaced, and would be wrong of the new one.

    These are the parts of a Shapefile, and the indexes, overviews and statistics that other programs keep beside a
    file. Styles stay.
    """
    suffix = path.suffix.lower()
    names = [path.with_suffix(s) for s in (*_SHAPEFILE, *_MADE_OF[suffix])] if suffix == ".shp" else []
    if suffix in RASTERS:
        names += [path.with_name(path.name + s) for s in _ADDED_TO_RASTERS]
    for name in names:
        name.unlink(missing_ok=True)


def _check_style(path: Path) -> None:
    place = style_file(path)
    if place.exists() and not is_own_style(path):
        raise OutputError(
            f"The style {place} is not as it was written for {path.name}: it is another file's, or somebody's own; "
            "move it elsewhere (in QGIS: Save Style), or choose another name."
        )
    others = [p for p in path.parent.glob("*") if p.stem == path.stem and p.suffix.lower() in _SHARING and p != path]
    sharing = sorted(p.name for p in others if not has_style(p))
    if sharing and not place.exists():
        raise OutputError(
            f"{sharing[0]} lies beside {path} and QGIS would draw it by the style {place.name} as well; choose a name "
            "that differs before the suffix."
        )


def _check_provenance(path: Path, place: Path) -> None:
    try:
        facts = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = None
    if not isinstance(facts, dict) or not str(facts.get("software", "")).startswith("l4s"):
        raise OutputError(
            f"{place} is not the provenance of an inventory and would be replaced by that of {path.name}; move it "
            "elsewhere, or choose another name."
        )
