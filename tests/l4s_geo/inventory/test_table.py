from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import shapely

from l4s_geo.inventory.attributes import geometry_attributes, terrain_attributes
from l4s_geo.inventory.table import (
    CHANGE_COLUMNS,
    CHANGE_DTYPES,
    COLUMNS,
    DTYPES,
    EVENT_COLUMNS,
    EVENT_DTYPES,
    GROUPS,
    SHAPEFILE_NAMES,
    TERRAIN_COLUMNS,
)

REPOSITORY = Path(__file__).resolve().parents[3]
WRITTEN = runpy.run_path(str(REPOSITORY / "scripts" / "write-attributes"))["contents"]()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_readme_and_documentation_say_what_the_table_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path], "run scripts/write-attributes"


def test_the_documentation_names_every_attribute() -> None:
    for text in WRITTEN.values():
        assert [name for name in DTYPES | CHANGE_DTYPES if text.count(f"`{name}`") < 1] == []


def test_every_column_is_described() -> None:
    assert len(DTYPES | CHANGE_DTYPES | EVENT_DTYPES) == len(COLUMNS) + len(CHANGE_COLUMNS) + len(EVENT_COLUMNS)
    assert {column.group for column in COLUMNS} == set(GROUPS) - {"Change", "Event"}
    assert {column.group for column in CHANGE_COLUMNS} == {"Change"}
    assert {column.group for column in EVENT_COLUMNS} == {"Event"}
    for column in (*COLUMNS, *CHANGE_COLUMNS, *EVENT_COLUMNS):
        assert column.description
        assert column.how.endswith(".")


def test_names_in_shapefiles_are_short_and_differ() -> None:
    names = [SHAPEFILE_NAMES.get(name, name) for name in DTYPES | CHANGE_DTYPES]
    assert max(map(len, names)) <= 10
    assert len(set(names)) == len(names)


def test_units_are_those_of_the_names() -> None:
    """A name that ends in a unit is of that unit."""
    signs = {"m2": "m²", "m": "m", "deg": "°"}
    for column in COLUMNS:
        sign = signs.get(column.name.rsplit("_", 1)[-1])
        assert column.unit.split(" ")[0] == (sign or "")


def test_what_is_measured_is_in_the_table() -> None:
    measured = geometry_attributes(np.array([shapely.box(0, 0, 10, 20)]))
    shape = {column.name for column in COLUMNS if column.group == "Shape"} - {"n_pixels"}
    assert measured.keys() == shape | {"area_m2"}


class NoComponents:
    count = 0

    def strips(self):
        return iter(())


def test_the_terrain_attributes_are_those_of_the_table() -> None:
    measured = terrain_attributes(NoComponents(), lambda window: None)
    assert [*measured] == [name for name in TERRAIN_COLUMNS if name != "reach_angle_deg"]
