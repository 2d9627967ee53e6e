"""The QGIS style of an inventory: colours by confidence, and of each field what the table of columns says."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from l4s_geo.inventory.table import COLUMNS, GROUPS, Column
from l4s_geo.output.style import style

__all__ = ["inventory_style"]


def inventory_style() -> str:
    """Return the QGIS style (QML) of an inventory, its fields with aliases, number formats and a form by groups."""
    qml = style("inventory")
    for element in (_aliases(), _widgets(), _form()):
        ET.indent(element, " ", level=1)
        qml = qml.replace(f"<{element.tag}/>", ET.tostring(element, encoding="unicode"))
    return qml


def _aliases() -> ET.Element:
    aliases = ET.Element("aliases")
    for index, column in enumerate(COLUMNS):
        ET.SubElement(aliases, "alias", field=column.name, index=str(index), name=column.label)
    return aliases


def _widgets() -> ET.Element:
    """Hide the feature's number in the file, and show floats with as many decimals as they are worth."""
    fields = ET.Element("fieldConfiguration")
    ET.SubElement(_add_widget(fields, "fid", "Hidden"), "Option")
    for column in COLUMNS:
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


def _form() -> ET.Element:
    form = ET.Element("attributeEditorForm")
    for group in GROUPS:
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
        for index, column in enumerate(COLUMNS):
            if column.group == group:
                ET.SubElement(page, "attributeEditorField", name=column.name, index=str(index), showLabel="1")
    return form
