"""GDAL's settings in other threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import rasterio

from l4s_geo.sources.gdal import with_these_settings

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "word", "AWS_SESSION_TOKEN": "token"}


def settings() -> dict[str, object]:
    return dict(rasterio.env.getenv())


def elsewhere(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_settings_hold_in_another_thread():
    with rasterio.Env(GDAL_CACHEMAX=77):
        carried = with_these_settings(settings)
    assert elsewhere(carried)["GDAL_CACHEMAX"] == 77


@pytest.mark.parametrize("given", ["environment", "session"])
def test_keys_of_a_store_hold_in_another_thread(given, monkeypatch):
    # rasterio keeps them among the settings where boto3 is installed, and refuses them as such.
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    from rasterio.session import AWSSession

    for name, value in KEYS.items():
        monkeypatch.delenv(name, raising=False)
        if given == "environment":
            monkeypatch.setenv(name, value)
    session = AWSSession(**{name.lower(): value for name, value in KEYS.items()}) if given == "session" else None
    with rasterio.Env(session, GDAL_CACHEMAX=77):
        carried = with_these_settings(settings)
    assert {**KEYS, "GDAL_CACHEMAX": 77}.items() <= elsewhere(carried).items()
