#!/usr/bin/env python3
"""Collects the plugin's texts into l4s_landslides/i18n/l4s_landslides_<language>.ts, keeping what is translated.

    python qgis_plugin/translations.py de fr

Translate with Qt Linguist; scripts/build-plugin compiles the files with lrelease.
"""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

PLUGIN = Path(__file__).parent / "l4s_landslides"
CONTEXT = "Landslide4Sense"
ATTRIBUTES = {"TITLE", "SUMMARY", "HELP", "GROUP"}


def texts() -> list[str]:
    """All texts that the plugin translates, in the order of the sources."""
    found: dict[str, None] = {}
    for path in sorted(PLUGIN.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for value in _texts_of(node):
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                    found[value.value] = None
    return list(found)


def _texts_of(node: ast.AST) -> list[ast.expr]:
    """The expressions in a node that are translated: tr("…"), TITLE = "…", and tables of names."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
        return node.args
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        if name in ATTRIBUTES:
            return [node.value]
        if name == "_NUMBERS" and isinstance(node.value, ast.Dict):
            return node.value.values
        if name == "_SUN" and isinstance(node.value, ast.Dict):
            return [value.elts[0] for value in node.value.values if isinstance(value, ast.Tuple)]
    return []


def update(path: Path, language: str) -> int:
    """Write a language's file and return how many texts are not translated yet."""
    known = {}
    if path.exists():
        for message in ET.parse(path).getroot().iter("message"):  # noqa: S314  the project's own file
            known[message.findtext("source")] = message.findtext("translation") or ""
    root = ET.Element("TS", version="2.1", language=language)
    context = ET.SubElement(root, "context")
    ET.SubElement(context, "name").text = CONTEXT
    missing = 0
    for text in texts():
        message = ET.SubElement(context, "message")
        ET.SubElement(message, "source").text = text
        translation = ET.SubElement(message, "translation")
        translation.text = known.get(text) or None
        if not translation.text:
            translation.set("type", "unfinished")
            missing += 1
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{text}\n', encoding="utf-8")
    return missing


if __name__ == "__main__":
    for code in sys.argv[1:]:
        target = PLUGIN / "i18n" / f"l4s_landslides_{code}.ts"
        print(f"{target}: {update(target, code)} of {len(texts())} texts are not translated yet")
