from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from l4s_geo.inventory import style
from l4s_geo.inventory.style import inventory_style
from l4s_geo.inventory.table import CHANGE_DTYPES, COLUMNS, DTYPES, EVENT_DTYPES, GROUPS, Column


def test_every_field_has_an_alias_at_its_place() -> None:
    aliases = [(a.get("field"), a.get("index"), a.get("name")) for a in ET.fromstring(inventory_style()).iter("alias")]
    assert aliases == [(column.name, str(index), column.label) for index, column in enumerate(COLUMNS)]
    assert ("area_m2", "1", "Area (m²)") in aliases


def test_floats_are_shown_with_their_decimals() -> None:
    fields = ET.fromstring(inventory_style()).iterfind("fieldConfiguration/field[editWidget]")
    decimals = {f.get("name"): f.find(".//Option[@name='Precision']") for f in fields}
    assert decimals.pop("fid") is None  # hidden
    shown = {name: int(option.get("value")) for name, option in decimals.items()}
    assert shown == {column.name: column.decimals for column in COLUMNS if column.dtype == "float64"}


def test_the_form_shows_every_field_once_by_groups() -> None:
    pages = ET.fromstring(inventory_style()).findall("attributeEditorForm/attributeEditorContainer")
    assert [page.get("name") for page in pages] == [group for group in GROUPS if group not in ("Change", "Event")]
    fields = [(f.get("name"), int(f.get("index"))) for page in pages for f in page]
    assert sorted(fields, key=lambda field: field[1]) == [(name, index) for index, name in enumerate(DTYPES)]


def test_what_is_not_new_is_grey_where_dates_are_compared() -> None:
    root = ET.fromstring(inventory_style(change=True))
    categories = {c.get("value"): c for c in root.iter("category")}
    assert categories["high"].get("label") == "New, high confidence"
    symbols = {s.get("name"): s for s in root.iter("symbol")}
    colours = {
        o.get("value").rsplit(",", 1)[0]
        for o in symbols[categories["old"].get("symbol")].iter("Option")
        if o.get("name", "").endswith("color")
    }
    assert colours == {"130,130,130"}
    assert "is_new" in root.find("renderer-v2").get("attr")
    pages = root.findall("attributeEditorForm/attributeEditorContainer")
    assert [page.get("name") for page in pages] == [group for group in GROUPS if group != "Event"]
    fields = sorted((int(f.get("index")), f.get("name")) for page in pages for f in page)
    assert [name for _, name in fields] == [*DTYPES, *CHANGE_DTYPES]


def test_the_form_of_a_merged_inventory_shows_the_event() -> None:
    pages = ET.fromstring(inventory_style(change=True, event=EVENT_DTYPES)).findall(
        "attributeEditorForm/attributeEditorContainer"
    )
    assert [page.get("name") for page in pages] == list(GROUPS)
    fields = sorted((int(f.get("index")), f.get("name")) for page in pages for f in page)
    assert [name for _, name in fields] == [*DTYPES, *CHANGE_DTYPES, *EVENT_DTYPES]


def test_signs_that_xml_knows_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    column = Column("odd", "float64", "<&>", 'a "b"', "Odd.", "Shape")
    monkeypatch.setattr(style, "COLUMNS", (column,))
    (alias,) = ET.fromstring(inventory_style()).iter("alias")
    assert alias.get("name") == 'a "b" (<&>)'
