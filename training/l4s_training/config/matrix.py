"""One recipe file for several recipes that differ in a few words: its matrix.

A file's ``matrix`` names axes, and the cells of each axis with the keys that they lay over the file's own::

    description: Band selection, {bands}, {network}.
    published: {table: seek-3, row: "{bands}, {network}", split: validation, f1: {rgb: {swin: 65.6, unet: 59.2}}}
    matrix:
      bands: {rgb: {label: RGB, bands: RGB}}
      network: {swin: {label: Swin, defaults: {network: swin_unet}}, unet: {label: U-Net, defaults: {network: unet}}}

makes of ``seek-3.yaml`` the recipes ``seek-3-rgb-swin`` and ``seek-3-rgb-unet``. In ``description`` and in a published
row's name an axis in braces stands for the label of its cell, which is the cell's name by default. A published score
that is a mapping is looked up by the cells, axis by axis; a row without a score is none of the cell's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from l4s_geo.errors import DataError
from l4s_training.config.checks import listing, mapping

__all__ = ["cells", "entries_of_cell"]

_MOST = 1000
"""Most recipes of a matrix."""
_SCORES = ("f1", "precision", "recall")


def cells(matrix: object, where: str) -> dict[str, tuple[str, ...]]:
    """Return the cell of each axis that a recipe of a matrix is of, by the end of the recipe's name.

    Raises:
        DataError: the matrix is no mapping of axes to cells.
    """
    axes = [mapping(axis, f"{where}: matrix: {name}") for name, axis in mapping(matrix, f"{where}: matrix").items()]
    if not axes or not all(axes):
        raise DataError(f"{where} has a matrix without cells; expected one or more axes with one or more cells each.")
    if (count := math.prod(map(len, axes))) > _MOST:
        raise DataError(f"{where} has a matrix of {count:,} recipes; expected at most {_MOST}, so take cells away.")
    return {"-".join(map(str, chosen)): tuple(map(str, chosen)) for chosen in itertools.product(*axes)}


def entries_of_cell(
    entries: Mapping[str, Any],
    chosen: tuple[str, ...],
    lay_over: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]],
    where: str,
) -> dict[str, Any]:
    """Return the keys of one recipe of a matrix.

    Args:
        entries: of the file.
        chosen: a cell of each axis.
        lay_over: lays keys over others.
        where: begins the messages.

    Raises:
        DataError: a cell is no mapping, or a text names an axis that does not exist.
    """
    merged = {key: value for key, value in entries.items() if key != "matrix"}
    labels: dict[str, str] = {}
    for (axis, members), name in zip(entries["matrix"].items(), chosen, strict=True):
        own = dict(mapping({str(k): v for k, v in members.items()}[name], f"{where}: matrix: {axis}: {name}"))
        labels[axis] = str(own.pop("label", name))
        then = listing(own.pop("then", []), f"{where}: matrix: {axis}: {name}: then")
        merged = lay_over(merged, own)
        merged["stages"] = [*merged.get("stages", []), *then]
    if "description" in merged:
        merged["description"] = _filled(str(merged["description"]), labels, where)
    if "published" in merged:
        found = merged["published"]
        rows = [mapping(row, f"{where}: published") for row in (found if isinstance(found, list) else [found])]
        merged["published"] = [row for entry in rows if (row := _row_of_cell(entry, chosen, labels, where))]
    return merged


def _row_of_cell(
    entry: Mapping[str, Any], chosen: tuple[str, ...], labels: Mapping[str, str], where: str
) -> dict[str, Any] | None:
    row = dict(entry)
    for score in _SCORES:
        value = row.get(score)
        for name in chosen:
            value = {str(k): v for k, v in value.items()}.get(name) if isinstance(value, Mapping) else value
        row[score] = value
    if row["f1"] is None:
        return None
    row["row"] = _filled(str(row.get("row", "")), labels, where)
    return {key: value for key, value in row.items() if value is not None}


def _filled(text: str, labels: Mapping[str, str], where: str) -> str:
    try:
        return text.format_map(labels)
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(
            f"{where} has the text {text!r}, in which braces name no axis; its axes are {', '.join(labels)}."
        ) from error
