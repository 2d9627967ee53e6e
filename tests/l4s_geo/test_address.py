from __future__ import annotations

import pickle

import pytest

from l4s_geo.address import gdal_name, is_network, shown, shown_all, unsigned, url_of
from l4s_geo.errors import BandError, L4SError, OutputError, SceneError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/x.tif?sig=S&st=1", "https://host/x.tif"),
        ("https://me:pw@host:8080/x.tif", "https://host:8080/x.tif"),
        ("https://me:p@w@host/x.tif", "https://host/x.tif"),
        ("https://me:p/w@host/x.tif", "https://host/x.tif"),
        ("https://me:1/w", "https://me:1/w"),  # a host with a port
        ("https://me:p?w@host/x", "https://host/x"),
        ("https://[::1]:80/x#token=S", "https://[::1]:80/x"),
        ("https://host/x.tif%3Fsig%3DS", "https://host/x.tif"),
        ("https://host/x;jsessionid=S", "https://host/x"),
        ("https://host/a@2x.tif", "https://host/a@2x.tif"),
        ("/vsicurl/https://me:pw@host/x.tif?sig=S", "https://host/x.tif"),
        ("/vsizip//vsicurl/https://me:pw@host/x.zip/a.tif", "/vsizip/https://host/x.zip/a.tif"),
        ("/vsicurl?header.Authorization=Bearer%20S&url=https%3A%2F%2Fme%3Apw%40host%2Fx%3Fsig%3DS", "https://host/x"),
        ("/vsicurl?header.Authorization=S", "/vsicurl?…"),
        ("/vsis3/bucket/x.tif?versionId=S", "/vsis3/bucket/x.tif"),
        ("s3://KEY:S@bucket/x.tif", "s3://bucket/x.tif"),
        ("PG:host=h user=me password='p w' dbname=d", "PG:host=h user=… password=… dbname=d"),
        ("two: 'https://h/a?x=S', (https://h/b?x=S).", "two: 'https://h/a', (https://h/b)."),
        ("403 for https://h/a?x=S: refused", "403 for https://h/a: refused"),
        ("/data/token=3/scene 1.tif", "/data/token=3/scene 1.tif"),
        ("C:\\data\\a?b.tif", "C:\\data\\a?b.tif"),
        ("--band B4=red.tif", "--band B4=red.tif"),
    ],
)
def test_an_address_is_said_without_what_is_secret(text, expected):
    assert shown(text) == expected
    assert shown(expected) == expected


def test_facts_are_said_so_too():
    facts = {"a": ["https://h/x?sig=S", 1, None], "b": {"c": ("https://u:p@h/y",)}}
    assert shown_all(facts) == {"a": ["https://h/x", 1, None], "b": {"c": ["https://h/y"]}}


@pytest.mark.parametrize("kind", [L4SError, SceneError, BandError, OutputError])
def test_an_error_holds_no_secret(kind):
    error = kind("The DEM https://u:p@h/x.tif?sig=S is bad.")
    assert (str(error), error.args) == ("The DEM https://h/x.tif is bad.", ("The DEM https://h/x.tif is bad.",))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_signing_anew_leaves_an_address_what_it_is():
    azure = "https://h/x.tif?st=1&se=2&sig=S&sv=3"
    amazon = "/vsicurl/https://u:p@h/x.tif?X-Amz-Date=1&X-Amz-Signature=2"
    assert unsigned(azure) == unsigned(amazon) == "https://h/x.tif"
    assert unsigned("https://h/get?file=a&token=1") == unsigned("https://h/get?file=a&token=2")
    assert unsigned("https://h/get?file=a") != unsigned("https://h/get?file=b")
    assert unsigned("/data/x.tif?a") == "/data/x.tif?a"


def test_addresses_are_told_from_paths():
    assert is_network("/vsizip//vsicurl/https://h/x.zip/a.tif")
    assert is_network("/vsiaz/c/x.tif")
    assert not is_network("/vsizip/data/x.zip/a.tif")
    assert not is_network("file.tif")
    assert gdal_name("s3://b/k.tif") == "/vsis3/b/k.tif"
    assert gdal_name("HTTPS://h/x.tif") == "/vsicurl/https://h/x.tif"
    assert gdal_name("a b.tif") == "a b.tif"
    assert url_of("/vsicurl?use_head=no&url=https%3A%2F%2Fh%2Fx") == "https://h/x"
    for wrong in ("https://h/a b.tif", "gopher://h/x"):
        with pytest.raises(ValueError, match=r"blank|gopher"):
            gdal_name(wrong)
