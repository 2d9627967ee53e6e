"""The QGIS style of an inventory: colours by confidence, and of each field what the table of columns says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection

from l4s_geo.inventory.table import CHANGE_COLUMNS, COLUMNS, EVENT_COLUMNS, GROUPS, Column
from l4s_geo.output.style import style

__all__ = ["inventory_style"]

_OLD_CATEGORY = '   <category value="old" symbol="3" label="Not new" render="true" type="string"/>'
_OLD_COLOUR = "130,130,130"


def inventory_style(change: bool = False, event: Collection[str] = ()) -> str:
    """Return the QGIS style (QML) of an inventory, its fields with aliases, number formats and a form by groups.

    Args:
        change: whether the inventory compares two dates; what is not new is grey then.
        event: names of the attributes of an event that the inventory has.
    """
    columns = (
        *COLUMNS,
        *(CHANGE_COLUMNS if change else ()),
        *(column for column in EVENT_COLUMNS if column.name in event),
    )
    qml = _by_newness(style("inventory")) if change else style("inventory")
    for element in (_aliases(columns), _widgets(columns), _form(columns)):
        ET.indent(element, " ", level=1)
        qml = qml.replace(f"<{element.tag}/>", ET.tostring(element, encoding="unicode"))
    return qml


def _by_newness(qml: str) -> str:
    """Let the symbols of a style hold for what is new, and show the rest in grey."""
    confidence = re.findall(r'attr="(.*?)"', qml)[0]
    qml = qml.replace(f'attr="{confidence}"', f"attr=\"CASE WHEN &quot;is_new&quot; THEN {confidence} ELSE 'old' END\"")
    for name in ("High", "Medium", "Low"):
        qml = qml.replace(f'label="{name} confidence"', f'label="New, {name.lower()} confidence"')
    qml = qml.replace("  </categories>", f"{_OLD_CATEGORY}\n  </categories>")
    symbol = re.findall(r'   <symbol name="0".*?</symbol>\n', qml, re.DOTALL)[0]
    old = re.sub(r"\d+,\d+,\d+,(\d+)", rf"{_OLD_COLOUR},\1", symbol.replace('name="0"', 'name="3"'))
    return qml.replace("  </symbols>", f"{old}  </symbols>")


def _aliases(columns: tuple[Column, ...]) -> ET.Element:
    aliases = ET.Element("aliases")
    for index, column in enumerate(columns):
        ET.SubElement(aliases, "alias", field=column.name, index=str(index), name=column.label)
    return aliases


def _widgets(columns: tuple[Column, ...]) -> ET.Element:
    """Hide the feature's number in the file, and show floats with as many decimals as they are worth."""
    fields = ET.Element("fieldConfiguration")
    ET.SubElement(_add_widget(fields, "fid", "Hidden"), "Option")
    for column in columns:
        if column.dtype == "float64":
            options = ET.SubElement(_add_widget(fields, column.name, "Range"), "Option", type="Map")
            for name, kind, value in _number_options(column):
                ET.SubElement(options, "Option", name=name, type=kind, value=value)
    return fields


def _add_widget(fields: ET.Element, name: str, kind: str) -> ET.Element:
    widget = ET.SubElement(ET.SubElement(fields, "field", name=name), "editWidget", type=kind)
    return ET.SubElement(widget, "config")


def _number_options(column: Column) -> tuple[tuple[str, str, str], ...]:
    return (
        ("AllowNull", "bool", "true"),
        ("Precision", "int", str(column.decimals)),
        ("Style", "QString", "SpinBox"),
        ("Min", "double", "-1e9"),
        ("Max", "double", "1e12"),
    )


def _form(columns: tuple[Column, ...]) -> ET.Element:
    form = ET.Element("attributeEditorForm")
    for group in (g for g in GROUPS if any(column.group == g for column in columns)):
        page = ET.SubElement(
            form,
            "attributeEditorContainer",
            name=group,
            groupBox="0",
            columnCount="1",
            showLabel="1",
            visibilityExpressionEnabled="0",
            visibilityExpression="",
        )
        for index, column in enumerate(columns):
            if column.group == group:
                ET.SubElement(page, "attributeEditorField", name=column.name, index=str(index), showLabel="1")
    return form
