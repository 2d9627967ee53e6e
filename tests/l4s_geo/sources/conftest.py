"""Fixtures for the tests of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from safe_products import Site, read_site

PUNJAB = "s2_l1c_l2a_punjab/{level}/0000200/20200604T054639_20200604T054831_T43RCP"


@pytest.fixture(scope="session")
def punjab(data: Path) -> dict[str, Site]:
    """The same 264 × 264 pixels as Level-1C (13 bands) and Level-2A (12), on a grid in its UTM zone."""
    return {
        level: read_site(data / PUNJAB.format(level=level.lower()), level, epsg=32643, left=330_000, top=3_372_000)
        for level in ("L1C", "L2A")
    }
