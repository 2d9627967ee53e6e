"""What stands beside an output: styles, provenance, parts of a Shapefile; ours is replaced, somebody's own is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from l4s_geo.errors import OutputError, OutputKeptError
from l4s_geo.output import staging
from l4s_geo.output.siblings import check_siblings, check_stems
from l4s_geo.output.staging import check_output, staged
from l4s_geo.output.style import is_own_style, write_style

SOMEBODYS = "<!DOCTYPE qgis><qgis>somebody's</qgis>"


@pytest.mark.parametrize("name", ["a.tif", "a.geojson", "a.fgb", "a.parquet", "a.shp"])
def test_a_style_of_somebodys_own_is_not_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (tmp_path / "a.qml").write_text(SOMEBODYS)
    with pytest.raises(OutputError, match=r"The style .*a\.qml is not as it was written for " + name):
        check_output(path, (path.suffix,), "output")
    (tmp_path / "a.qml").rename(tmp_path / "mine.qml")  # the first remedy
    check_output(path, (path.suffix,), "output")
    check_output(tmp_path / f"b{path.suffix}", (path.suffix,), "output")  # the second


def test_what_others_belong_to_takes_its_place_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a.gpkg", "a.tif", "a-seen.fgb")
    moved = []
    real = staging._publish
    monkeypatch.setattr(staging, "_publish", lambda folder, place: [moved.append(place.name), real(folder, place)][1])
    with staged(*(tmp_path / name for name in names)) as parts:
        for part in parts:
            part.write_text("result")
    assert moved == list(reversed(names))
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_geopackage_and_a_stack_want_no_style_file(tmp_path: Path) -> None:
    (tmp_path / "a.qml").write_text(SOMEBODYS)
    check_siblings(tmp_path / "a.gpkg")
    check_siblings(tmp_path / "a.tif", styled=False)


def test_our_own_style_is_replaced_until_somebody_changes_it(tmp_path: Path) -> None:
    path = tmp_path / "a--b 谷.tif"
    write_style(path, "<qgis>ours</qgis>\n")
    assert is_own_style(path)
    check_siblings(path)
    style = path.with_suffix(".qml")
    style.write_text(style.read_text().replace("ours", "mine"))
    assert not is_own_style(path)
    with pytest.raises(OutputError, match="somebody's own"):
        check_siblings(path)


def test_a_style_is_valid_xml_whatever_the_name(tmp_path: Path) -> None:
    import xml.etree.ElementTree as ET

    path = tmp_path / "a--b<!--&'.tif"
    write_style(path, "<!DOCTYPE qgis>\n<qgis>ours</qgis>\n")
    assert ET.parse(path.with_suffix(".qml")).getroot().text == "ours"


def test_the_style_of_a_raster_is_not_that_of_an_inventory(tmp_path: Path) -> None:
    write_style(tmp_path / "a.tif", "<qgis/>")
    with pytest.raises(OutputError, match="another file's"):
        check_siblings(tmp_path / "a.geojson")


@pytest.mark.parametrize(("there", "wanted"), [("a.tif", "a.geojson"), ("a.SHP", "a.fgb"), ("a.geojson", "a.tif")])
def test_a_file_of_the_same_stem_would_be_drawn_by_the_new_style(tmp_path: Path, there: str, wanted: str) -> None:
    (tmp_path / there).write_bytes(b"x")
    with pytest.raises(OutputError, match=rf"{there} lies beside .*{wanted} and QGIS would draw it by"):
        check_siblings(tmp_path / wanted)
    check_siblings(tmp_path / f"b{Path(wanted).suffix}")


def test_a_geopackage_without_a_style_would_be_drawn_by_it_too(tmp_path: Path) -> None:
    from l4s_geo.output.geopackage import LAYER, add_style

    path = tmp_path / "a.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 10, 10)], crs="EPSG:32645").to_file(path, layer=LAYER)
    with pytest.raises(OutputError, match=r"a\.gpkg lies beside"):
        check_siblings(tmp_path / "a.tif")
    add_style(path, "<qgis/>", "plain")
    check_siblings(tmp_path / "a.tif")


def test_two_outputs_of_one_stem(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.geojson and a\.tif would both have the style a\.qml"):
        check_stems(tmp_path / "a.geojson", tmp_path / "a.tif")
    with pytest.raises(OutputError, match="would both have the style"):
        check_stems(tmp_path / "p.tif", tmp_path / "p.tiff")
    check_stems(tmp_path / "a.gpkg", tmp_path / "a.tif")
    check_stems(tmp_path / "a.geojson", tmp_path / "b.tif")


def test_somebodys_file_in_the_place_of_the_provenance(tmp_path: Path) -> None:
    place = tmp_path / "a.fgb.provenance.json"
    place.write_text(json.dumps({"where": "from the archive"}))
    with pytest.raises(OutputError, match="is not the provenance of an inventory"):
        check_siblings(tmp_path / "a.fgb")
    place.write_text(json.dumps({"software": "l4s-geo 0.1.0"}))
    check_siblings(tmp_path / "a.fgb")


def test_a_table_is_not_replaced_by_the_table_of_a_shapefile(tmp_path: Path) -> None:
    (tmp_path / "a.dbf").write_bytes(b"a table of somebody's")
    with pytest.raises(OutputError, match=r"a\.dbf is there without a\.shp"):
        check_siblings(tmp_path / "a.shp")
    (tmp_path / "a.shp").write_bytes(b"x")
    check_siblings(tmp_path / "a.shp")


@pytest.mark.parametrize(
    ("name", "older"),
    [
        ("a.shp", ("a.qix", "a.sbn", "a.prj", "a.qpj", "a.dbf")),
        ("a.tif", ("a.tif.ovr", "a.tif.aux.xml", "a.tif.msk")),
    ],
)
def test_what_described_the_old_file_does_not_describe_the_new_one(tmp_path: Path, name: str, older) -> None:
    """An old index would hide new landslides; an old .prj would move a patch, which has none."""
    for file in (name, *older, "a.txt"):
        (tmp_path / file).write_text("old")
    with staged(tmp_path / name) as (part,):
        part.write_text("new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {name: "new", "a.txt": "old"}


def test_a_style_that_appears_while_the_run_goes_on_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text("old")

    def run() -> None:
        with staged(path) as (part,):
            part.write_text("new")
            write_style(part, "<qgis/>")
            (part.parent / "a.geojson.provenance.json").write_text("{}")
            (tmp_path / "a-2.qml").write_text("another file")
            (tmp_path / "a.qml").write_text(SOMEBODYS)

    with pytest.raises(OutputKeptError, match=r"is kept in .*a-3\.geojson, because .*a\.qml is not as it was"):
        run()
    found = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert (found.pop("a.geojson"), found.pop("a.qml"), found.pop("a-2.qml")) == ("old", SOMEBODYS, "another file")
    assert found.keys() == {"a-3.geojson", "a-3.qml", "a-3.geojson.provenance.json"}
    assert is_own_style(tmp_path / "a-3.geojson")


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="finds programs in /proc")
@pytest.mark.parametrize(("name", "held"), [("a.shp", "a.dbf"), ("a.fgb", "a.fgb"), ("p.tif", "p.tif")])
def test_what_a_program_has_open_for_writing_is_not_replaced(tmp_path: Path, name: str, held: str) -> None:
    for file in {name, held}:
        (tmp_path / file).write_text("old")
    with (tmp_path / held).open("r+"):
        with pytest.raises(OutputError, match=rf"{name} is open for writing in \S+ \(process {os.getpid()}\)"):
            check_output(tmp_path / name, (Path(name).suffix,), "output")
        with pytest.raises(OutputKeptError), staged(tmp_path / name) as (part,):
            part.write_text("new")
    assert (tmp_path / name).read_text() == "old"
    assert (tmp_path / name).with_stem(f"{Path(name).stem}-2").read_text() == "new"
    with (tmp_path / held).open("r"):
        check_output(tmp_path / name, (Path(name).suffix,), "output")
