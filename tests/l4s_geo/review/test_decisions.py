from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from l4s_geo.cli.main import main
from l4s_geo.errors import InventoryError
from l4s_geo.review.decisions import count_decisions
from support import UTM


def reviewed(path, rows):
    boxes = [shapely.box(100 * n, 0, 100 * n + 50, 50) for n in range(len(rows))]
    columns = {"confidence": [c for c, _ in rows], "review": [r for _, r in rows]}
    gpd.GeoDataFrame(columns, geometry=boxes, crs=UTM).to_file(path)
    return path


ROWS = [
    *(("high", word) for word in ("accepted", "Edited ", "accepted", "rejected", None)),
    *(("low", word) for word in ("rejected", "field check", "open")),
    ("", "accepted"),
    (None, "added"),
]


def test_counts_by_class_of_what_was_mapped(tmp_path):
    found, added = count_decisions(reviewed(tmp_path / "r.gpkg", ROWS))
    assert list(found) == ["high", "low", "", "all"]
    high, low, every = found["high"], found["low"], found["all"]
    assert (high.mapped, high.right, high.wrong, high.doubtful, high.precision) == (5, 3, 1, 0, 0.75)
    assert (low.mapped, low.right, low.wrong, low.doubtful, low.precision) == (3, 0, 1, 1, 0)
    assert (every.mapped, every.right, every.wrong, added) == (9, 4, 2, 1)
    # Wilson (1927), 3 of 4, by hand: (3 + z²/2 ± z √(3/4 + z²/4)) / (4 + z²) with z² = 3.8415
    assert high.interval == pytest.approx((0.3006, 0.9544), abs=5e-4)


def test_the_command_prints_them(tmp_path):
    result = CliRunner().invoke(main, ["review", str(reviewed(tmp_path / "r.gpkg", ROWS))])
    assert result.exit_code == 0, result.output
    assert "75% (30% to 95%)" in result.output
    assert "Added by hand: 1" in result.output


def test_what_was_not_reviewed_is_refused_in_a_sentence(tmp_path, mapped):
    with pytest.raises(InventoryError, match="has no attribute review"):
        count_decisions(mapped.inventory)
    with pytest.raises(InventoryError, match="says 'hm'; expected accepted"):
        count_decisions(reviewed(tmp_path / "r.gpkg", [("high", "hm")]))
    assert CliRunner().invoke(main, ["review", str(tmp_path / "nothing.gpkg")]).exit_code == 2
