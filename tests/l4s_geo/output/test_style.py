from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from l4s_geo.output.style import style


@pytest.mark.parametrize("kind", ["inventory", "probability", "spread"])
def test_styles_are_well_formed(kind: str) -> None:
    assert ET.fromstring(style(kind)).tag == "qgis"
