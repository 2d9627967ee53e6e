"""Files and hosts that try to reach where they must not: other drivers, other files, other machines, programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioError

from l4s_geo.errors import L4SError, SceneError, TerrainError
from l4s_geo.grid import Grid
from l4s_geo.sources import http
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.rasters import opened
from l4s_geo.sources.stac import open_stac
from l4s_geo.sources.vrt import outside
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.masks import open_area, open_mask
from l4s_geo.stack.open import Inputs, open_stack
from safe_products import build_safe, make_site
from stac_items import item_of, write_item
from support import TRANSFORM, UTM

GRID = Grid(rasterio.crs.CRS.from_user_input(UTM), TRANSFORM, 64, 64)


@pytest.fixture
def image(write_raster) -> Path:
    return write_raster("data/red.tif", np.full((64, 64), 900, np.uint16))


def wms(cache: Path, url: str) -> str:
    """A description that connects to a host and keeps what it answers in a folder."""
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{x}}.tif</ServerUrl></Service><DataWindow>'
        "<UpperLeftX>300000</UpperLeftX><UpperLeftY>3100000</UpperLeftY><LowerRightX>300640</LowerRightX>"
        "<LowerRightY>3099360</LowerRightY><SizeX>64</SizeX><SizeY>64</SizeY><TileLevel>0</TileLevel></DataWindow>"
        f"<Projection>{UTM}</Projection><BlockSizeX>64</BlockSizeX><BlockSizeY>64</BlockSizeY><BandsCount>1</BandsCount>"
        f"<DataType>UInt16</DataType><Cache><Path>{cache}</Path><Type>file</Type></Cache></GDAL_WMS>"
    )


def vrt(source: str, *, band: str = "", more: str = "", relative: int = 0, mosaic: str = "") -> str:
    """A VRT of one band with one source."""
    return (
        f'<VRTDataset rasterXSize="64" rasterYSize="64"{mosaic}><SRS>{UTM}</SRS>'
        f"<GeoTransform>{', '.join(map(str, TRANSFORM.to_gdal()))}</GeoTransform>"
        f'<VRTRasterBand dataType="UInt16" band="1"{band}>{more}<SimpleSource>'
        f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


def doors(path: Path) -> list[tuple[type[L4SError], object]]:
    """Every way in which a raster file is opened."""
    return [
        (SceneError, lambda: open_scene(path)),
        (SceneError, lambda: open_scene({"B4": path})),
        (TerrainError, lambda: DEM(path, GRID)),
        (SceneError, lambda: open_mask(path, GRID)),
        (SceneError, lambda: open_stac(write_item(path.parent / "item.json", item_with(path.name)))),
    ]


def item_with(href: str) -> dict[str, object]:
    return item_of("x", "c", {}, {"red": {"href": href}})


@pytest.mark.parametrize("name", ["scene.tif", "scene.jp2", "scene.img", "scene", "scene.vrt"])
def test_a_description_of_a_service_is_opened_by_no_door(server, tmp_path, name):
    cache, path = tmp_path / "cache", tmp_path / name
    path.write_text(wms(cache, server.url))
    for error, open_it in doors(path):
        with pytest.raises(error, match=r"is not a raster that can be read|is a VRT that|refers to|cannot be opened"):
            open_it()
    assert not cache.exists()
    assert not server.requests


def test_gdal_by_itself_would_have_opened_it(server, tmp_path):
    path = tmp_path / "scene.tif"
    path.write_text(wms(tmp_path / "cache", server.url))
    with rasterio.open(path) as dataset, pytest.raises(RasterioError):
        dataset.read(1)
    assert dataset.driver == "WMS"
    assert server.requests


def test_an_image_of_a_product_that_is_a_description_is_refused(server, tmp_path):
    product = build_safe(make_site("L2A"), tmp_path, "L2A", "05.09")
    image = next(product.rglob("*_B04_10m.jp2"))
    for content in (wms(tmp_path / "cache", server.url), vrt(str(image.with_name("B03.jp2")))):
        image.write_text(content)
        with pytest.raises(SceneError, match=r"band B4 .* is not a raster that can be read"):
            open_scene(product)
    image.rename(image.with_suffix(".vrt"))
    assert "B4" not in open_scene(product).bands
    assert not server.requests


@pytest.mark.parametrize("content", ["wms", "vrt", "png"])
def test_what_comes_over_a_network_is_an_image_or_nothing(server, tmp_path, image, content):
    path = tmp_path / "B04.tif"
    if content == "png":
        with rasterio.open(path, "w", driver="PNG", dtype="uint8", count=1, height=4, width=4) as file:
            file.write(np.ones((1, 4, 4), np.uint8))
    else:
        path.write_text(wms(tmp_path / "cache", server.url) if content == "wms" else vrt(str(image)))
    write_item(tmp_path / "item.json", item_with("B04.tif"))
    with pytest.raises(SceneError, match=r"Asset red .* cannot be opened"):
        open_stac(f"{server.url}/item.json")
    for address in (f"{server.url}/B04.tif", f"/vsicurl/{server.url}/B04.tif"):
        with pytest.raises(SceneError, match="expected a GeoTIFF or JPEG 2000 over a network"):
            open_scene({"B4": address})
        with pytest.raises(TerrainError, match="expected a GeoTIFF or JPEG 2000 over a network"):
            DEM(address, GRID)
    assert not (tmp_path / "cache").exists()
    assert set(server.requests) <= {"B04.tif", "item.json"}


@pytest.mark.parametrize("form", ["absolute", "relative", "nested", "zipped", "hgt"])
def test_a_vrt_of_images_is_read_wherever_they_lie(tmp_path, image, form):
    folder = tmp_path / "vrts"
    folder.mkdir()
    path = folder / "a.vrt"
    if form == "zipped":
        import zipfile

        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(image, "red.tif")
        path.write_text(vrt(f"/vsizip/{tmp_path}/a.zip/red.tif"))
    elif form == "hgt":
        np.full((1201, 1201), 900, ">i2").tofile(tmp_path / "N28E084.hgt")
        path.write_text(vrt(str(tmp_path / "N28E084.hgt")))
    else:
        path.write_text(vrt("../data/red.tif", relative=1) if form == "relative" else vrt(str(image)))
    if form == "nested":
        path = folder / "b.vrt"
        path.write_text(vrt("a.vrt", relative=1))
    scene = open_scene({"B4": path})
    with opened(str(path), "scene") as dataset:
        assert (dataset.read(1) == 900).all()
    where = {"zipped": f"/vsizip{tmp_path}/a.zip", "hgt": tmp_path}.get(form, image.parent)
    assert scene.notes == (f"the VRT {path} reads files that lie outside its folder, in {where}",)
    assert DEM(path, GRID).remarks[0] == scene.notes[0]
    with open_stack(Inputs({"B4": image}, mask=path)) as stack:
        assert scene.notes[0] in stack.remarks


def test_a_vrt_beside_its_images_says_nothing(tmp_path, image):
    path = image.with_name("a.vrt")
    path.write_text(vrt("red.tif", relative=1))
    assert outside([str(path)]) == []
    assert open_scene({"B4": path}).notes == ()


PYTHON = (
    "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    "<PixelFunctionCode><![CDATA[\nimport pathlib\ndef f(i, out, *a, **k):\n    pathlib.Path('{0}').touch()\n"
    "    out[:] = i[0]\n]]></PixelFunctionCode>"
)
DERIVED = ' subClass="VRTDerivedRasterBand"'


def test_python_in_a_vrt_is_never_run(tmp_path, image, monkeypatch):
    monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", "YES")
    ran, path = tmp_path / "ran", tmp_path / "a.vrt"
    path.write_text(vrt(str(image), band=DERIVED, more=PYTHON.replace("{0}", str(ran))))
    with rasterio.open(path) as dataset:
        dataset.read(1)
    assert ran.exists(), "without us it would run"
    ran.unlink()
    nested = tmp_path / "b.vrt"
    nested.write_text(vrt(str(path)))
    for file in (path, nested):
        for error, open_it in doors(file):
            with pytest.raises(error, match=r"by a program in Python|refers to"):
                open_it()
    with rasterio.Env(**http.http_options()), rasterio.open(path) as dataset, pytest.raises(RasterioError):
        dataset.read(1)
    assert not ran.exists()


def test_a_function_of_gdals_own_is_computed(tmp_path, image):
    path = tmp_path / "a.vrt"
    path.write_text(vrt(str(image), band=DERIVED, more="<PixelFunctionType>sqrt</PixelFunctionType>"))
    with opened(str(path), "scene") as dataset:
        assert (dataset.read(1) == 30).all()


@pytest.mark.parametrize(
    ("source", "more", "mosaic", "message"),
    [
        ("http://127.0.0.1:9/a.tif", "", "", "which is on a network"),
        ("/vsicurl/http://127.0.0.1:9/a.tif", "", "", "which is on a network"),
        ("/vsis3/bucket/a.tif", "", "", "which is on a network"),
        ("/vsizip//vsicurl/http://127.0.0.1:9/a.zip/a.tif", "", "", "which is on a network"),
        ("/vsizip/{0}/none.zip/a.tif", "", "", "which is no image in an archive"),
        ("/vsimem/a.tif", "", "", "which is no file"),
        ("/vsisubfile/0_10,{0}/data/red.tif", "", "", "which is no file"),
        ("{0}/none.tif", "", "", "which is no file"),
        ("{0}", "", "", "which is no file"),
        ("NETCDF:{0}/a.nc:x", "", "", "which is no file"),
        ("&lt;VRTDataset/&gt;", "", "", "which is no file"),
        ("{0}/wms.xml", "", "", "which is no image of a common kind"),
        ("{0}/wms.tif", "", "", "which is no image of a common kind"),
        ("{0}/wms.hgt", "", "", "which is no image of a common kind"),
        ("{0}/data/red.tif<!-- -->x", "", "", "hides the name of a file behind a comment"),
        ("{0}/data/red.tif", "", ' subClass="VRTProcessedDataset"', "is of the kind vrtprocesseddataset"),
        ("{0}/data/red.tif", '<Metadata domain="GEOLOCATION"/>', "", "may name files of other kinds"),
        ("{0}/data/red.tif", '<Metadata><MDI key="RPC_DEM">x</MDI></Metadata>', "", "may name files of other kinds"),
        ("{0}/loop.vrt", "", "", "is a VRT of VRTs"),
        ("{0}/doctype.vrt", "", "", "declares a document type"),
        ("{0}/broken.vrt", "", "", "is not well-formed XML"),
    ],
)
def test_a_vrt_that_names_anything_else_is_refused(tmp_path, image, source, more, mosaic, message):
    for name in ("wms.xml", "wms.tif", "wms.hgt"):
        (tmp_path / name).write_text(wms(tmp_path / "cache", "http://127.0.0.1:9"))
    (tmp_path / "loop.vrt").write_text(vrt("loop.vrt", relative=1))
    (tmp_path / "doctype.vrt").write_text('<!DOCTYPE a [<!ENTITY x "y">]><VRTDataset/>')
    (tmp_path / "broken.vrt").write_text("<VRTDataset>")
    path = tmp_path / "a.vrt"
    path.write_text(vrt(source.replace("{0}", str(tmp_path)), more=more, mosaic=mosaic))
    for error, open_it in doors(path):
        with pytest.raises(error, match=rf"{message}|refers to"):
            open_it()
    assert not (tmp_path / "cache").exists()


def test_a_raw_file_is_no_band_of_a_vrt(tmp_path, image):
    raw = "<SourceFilename>/etc/hostname</SourceFilename><ImageOffset>0</ImageOffset>"
    path = tmp_path / "a.vrt"
    path.write_text(vrt(str(image), band=' subClass="VRTRawRasterBand"', more=raw))
    with pytest.raises(SceneError, match="is of the kind vrtrawrasterband"):
        open_scene({"B4": path})


@pytest.mark.parametrize("suffix", [".ovr", ".msk"])
def test_a_file_beside_a_raster_that_is_none_of_its_own_is_refused(server, tmp_path, image, suffix):
    image.with_name(f"{image.name}{suffix}").write_text(wms(tmp_path / "cache", server.url))
    with pytest.raises(SceneError, match=rf"red\.tif\{suffix} beside the band B4 is no TIFF"):
        open_scene({"B4": image})


def test_overviews_in_another_file_are_refused(image):
    with rasterio.open(image, "r+") as dataset:
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE="/etc/hostname")
    with pytest.raises(SceneError, match="names another file as its overviews"):
        open_scene({"B4": image})


@pytest.mark.parametrize(
    "name",
    [
        "https://127.0.0.1:9/area.geojson?sig=S",
        "/vsicurl/http://127.0.0.1:9/area.gpkg",
        "WFS:http://127.0.0.1:9/wfs",
        "PG:dbname=x user=me password=S",
        "MySQL:x,user=me",
        "SQLITE:/etc/passwd",
    ],
)
def test_areas_and_masks_come_from_files_of_this_machine(name):
    with pytest.raises(SceneError, match="is no file of this machine; vector files are read from disk alone") as caught:
        open_area(name, GRID)
    assert "password=S" not in str(caught.value)
    with pytest.raises(SceneError, match=r"is no file of this machine|does not exist|is not a raster|cannot be read"):
        open_mask(name, GRID)


@pytest.mark.parametrize("name", ["area.vrt", "area.gpx", "area.csv", "area.geojson", "area.shp", "area.kml", "area"])
def test_a_description_is_no_vector_file_whatever_its_name(tmp_path, name, server):
    path = tmp_path / name
    path.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{server.url}/a.geojson</SrcDataSource>'
        "<SrcSQL dialect='sqlite'>SELECT ST_Buffer(geometry, 1) FROM a</SrcSQL></OGRVRTLayer></OGRVRTDataSource>"
    )
    for open_it in (open_area, open_mask):
        with pytest.raises(SceneError, match=r"cannot be read as a vector file|is not a raster|is a VRT that"):
            open_it(path, GRID)
    assert not server.requests


def test_an_item_of_the_web_names_nothing_near(server, tmp_path, monkeypatch, image):
    """As if 127.0.0.1 were somewhere on the web."""
    monkeypatch.setattr(http, "is_inner", lambda url: "localhost" in url)
    monkeypatch.setattr("l4s_geo.sources.stac.is_inner", lambda url: "localhost" in url)
    (tmp_path / "B04.tif").write_bytes(image.read_bytes())
    port = server.server_port
    for href in (f"http://localhost:{port}/B04.tif", f"http://localhost:{port}/B04.tif?sig=S"):
        write_item(tmp_path / "item.json", item_with(href))
        with pytest.raises(SceneError, match=r"refers to .* \(it leads from the web to localhost"):
            open_stac(f"{server.url}/item.json")
    write_item(tmp_path / "item.json", item_with("B04.tif"))
    assert list(open_stac(f"{server.url}/item.json").bands) == ["B4"]
    for target, reason in (
        (f"http://localhost:{port}/B04.tif", "leads from the web to localhost"),
        ("ftp://127.0.0.1/a.tif", "no http"),
    ):
        server.requests.clear()
        server.faults["B04.tif"] = ("302", 10**6)
        server.headers["B04.tif"] = {"Location": target}
        with pytest.raises(SceneError, match=rf"Asset red .* is not where the item says: .*{reason}"):
            open_stac(f"{server.url}/item.json")
        assert server.requests == {"item.json": 1, "B04.tif": 1}


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/"]
)
def test_addresses_near_are_told(address):
    assert http.is_inner(address)
    assert not http.is_inner("http://1.1.1.1/")
    with pytest.raises(ValueError, match="which is this machine or its own network"):
        http.check_step("http://1.1.1.1/", address)
    http.check_step("http://127.0.0.1/", address)


@pytest.mark.parametrize("target", ["file:///etc/hostname", "gopher://127.0.0.1:9/"])
def test_gdal_follows_a_redirect_to_no_other_protocol(server, tmp_path, image, target):
    (tmp_path / "B04.tif").write_bytes(image.read_bytes())
    server.faults["B04.tif"] = ("302", 10**6)
    server.headers["B04.tif"] = {"Location": target}
    with pytest.raises(SceneError, match=r'Protocol "\w+" disabled'):
        open_scene({"B4": f"{server.url}/B04.tif"})
