"""Outputs that would be lost, or would destroy something: told before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterable

from qgis.core import QgsMapLayer, QgsProcessing

from .errors import InputError
from .results import file_of, layers_of
from .texts import tr


def output_path(value, context) -> str:
    """The path that the user gave for an output; "" for a temporary one."""
    value = getattr(value, "sink", value)
    text = value.valueAsString(context.expressionContext())[0] if hasattr(value, "valueAsString") else value
    return "" if not text or str(text) == QgsProcessing.TEMPORARY_OUTPUT else str(text)


def check_replaceable(path: str, context) -> None:
    """Check that a file can be replaced without harm to what the project edits; the engine sees to other programs.

    Raises:
        InputError: a layer of it is being edited.
    """
    if not path:
        return
    for layer in layers_of(path, context.project()) if context.project() else ():
        if getattr(layer, "isEditable", bool)():
            raise InputError(
                tr(
                    "The layer {name} shows {path} and is being edited; save or discard the edits, or give the result "
                    "another file."
                ).format(name=layer.name(), path=path)
            )


def check_apart(outputs: Iterable[str], layers: Iterable[QgsMapLayer | None]) -> None:
    """Check that no output would replace the file of a layer that is read, whatever names the two have.

    The engine checks the files that it reads; of polygons it gets a copy, so that it cannot tell.

    Raises:
        InputError: one would.
    """
    read = [(layer.name(), file) for layer in layers if layer is not None and (file := file_of(layer))]
    for output in filter(None, outputs):
        for name, file in read:
            if _is_same(output, file):
                raise InputError(
                    tr(
                        "The output {path} is the file of the layer {name}, which is read and would be lost; give the "
                        "result another file."
                    ).format(path=output, name=name)
                )


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False
