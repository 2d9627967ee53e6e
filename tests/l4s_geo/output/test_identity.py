"""One file under many names."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4s_geo.errors import OutputError
from l4s_geo.output.identity import check_apart, is_same, local_files


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.tif").write_bytes(b"x")
    return tmp_path / "a b.tif"


@pytest.mark.parametrize(
    "name",
    [
        "a b.tif",
        "./../{folder}/a b.tif",
        "{path}|layername=roads",
        "{path}|layername=roads|geometrytype=Polygon",
        "/vsizip/{path}/inner/B04.tif",
        "/vsizip/a b.tif/inner/B04.tif",
        "/vsizip/{{{path}}}/B04.tif",
        'NETCDF:"{path}":Band1',
        "NETCDF:{path}:Band1",
        "SENTINEL2_L2A:/vsizip/{path}/MTD.xml:10m:EPSG_32654",
        "file://{path}",
        "GPKG:{path}:layer",
    ],
)
def test_what_gdal_and_qgis_write_around_a_path(file: Path, name: str) -> None:
    found = local_files(name.format(path=file, folder=file.parent.name))
    assert [is_same(path, file) for path in found] == [True]


@pytest.mark.parametrize("name", ["no.tif", "https://host/a b.tif", "/vsicurl/https://host/a b.tif", "85,27,86,28"])
def test_what_is_no_file_here(file: Path, name: str) -> None:
    assert local_files(name) == []


def test_links_are_the_file_they_lead_to(file: Path) -> None:
    soft, hard = file.with_name("soft.tif"), file.with_name("hard.tif")
    soft.symlink_to(file)
    hard.hardlink_to(file)
    for output in (file, soft, hard, Path("soft.tif"), file.parent / "x" / ".." / "a b.tif"):
        (file.parent / "x").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match=r"is the DEM that the run reads \(.*a b.tif\)"):
            check_apart([output], {"scene": [], "DEM": [file]})


def test_a_link_to_what_is_not_there_yet_is_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link.gpkg").symlink_to(tmp_path / "i.gpkg")
    assert is_same(tmp_path / "link.gpkg", tmp_path / "i.gpkg")
    assert not is_same(tmp_path / "other.gpkg", tmp_path / "i.gpkg")


def test_inside_a_folder_that_is_read(tmp_path: Path) -> None:
    product = tmp_path / "S2A.SAFE"
    (product / "GRANULE").mkdir(parents=True)
    (tmp_path / "link").symlink_to(product / "GRANULE")
    for output in (product / "i.gpkg", product / "GRANULE" / "i.gpkg", tmp_path / "link" / "i.gpkg"):
        with pytest.raises(OutputError, match="would lie inside the scene"):
            check_apart([output], {"scene": [product]})
    check_apart([tmp_path / "i.gpkg"], {"scene": [product]})
