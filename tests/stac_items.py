"""STAC items in the layouts of three catalogues, and the files they refer to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZE = {**dict.fromkeys(("B02", "B03", "B04", "B08"), 10), **dict.fromkeys(("B01", "B09"), 60)}
EARTH_SEARCH = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}
NAMES = tuple(EARTH_SEARCH)


def write_item(path: Path, item: dict[str, Any]) -> Path:
    path.write_text(json.dumps(item))
    return path


def item_of(name: str, collection: str, properties: dict[str, Any], assets: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": None,
        "links": [],
        "properties": {"datetime": "2023-06-28T06:59:12.345000Z", **properties},
        "assets": assets,
    }


def earth_search(offset_applied: bool | None = True) -> dict[str, Any]:
    """An item in the layout of Earth Search v1."""
    assets: dict[str, Any] = {
        "thumbnail": {"href": "thumbnail.jpg", "type": "image/jpeg", "roles": ["thumbnail"]},
        "granule_metadata": {"href": "metadata.xml", "type": "application/xml", "roles": ["metadata"]},
        "visual": {
            "href": "TCI.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "eo:bands": [{"name": n, "common_name": n} for n in ("red", "green", "blue")],
            "roles": ["visual"],
        },
        "scl": {
            "href": "SCL.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}],
            "roles": ["data", "reflectance"],
        },
    }
    for band, key in EARTH_SEARCH.items():
        resolution = SIZE.get(band, 20)
        common = "rededge" if key.startswith("rededge") else key
        shared = {
            "eo:bands": [{"name": key, "common_name": common}],
            "gsd": resolution,
            "proj:transform": [resolution, 0, 300_000, 0, -resolution, 3_100_000],
            "raster:bands": [
                {
                    "nodata": 0,
                    "data_type": "uint16",
                    "spatial_resolution": resolution,
                    "scale": 0.0001,
                    "offset": -0.1,
                }
            ],
            "roles": ["data", "reflectance"],
        }
        assets[f"{key}-jp2"] = {"href": f"s3://sentinel-s2-l2a/tiles/{band}.jp2", "type": "image/jp2", **shared}
        tiff = "image/tiff; application=geotiff; profile=cloud-optimized"
        assets[key] = {"href": f"./{band}.tif", "type": tiff, **shared}
    properties: dict[str, Any] = {
        "constellation": "sentinel-2",
        "platform": "sentinel-2a",
        "s2:processing_baseline": "05.09",
        "s2:product_type": "S2MSI2A",
        "s2:product_uri": "S2A_MSIL2A_20230628T065631_N0509_R063_T39QTA_20230628T101500.SAFE",
    }
    if offset_applied is not None:
        properties["earthsearch:boa_offset_applied"] = offset_applied
    return item_of("S2A_39QTA_20230628_0_L2A", "sentinel-2-l2a", properties, assets)


def planetary_computer(baseline: str | None = "05.09", signature: str = "") -> dict[str, Any]:
    """An item in the layout of the Planetary Computer, which states neither scale nor offset."""
    assets: dict[str, Any] = {
        band: {
            "href": f"{band}.tif{signature}",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "eo:bands": [{"name": band, "common_name": "rededge"}],
            "gsd": float(SIZE.get(band, 20)),
            "roles": ["data"],
        }
        for band in NAMES
    }
    assets["SCL"] = {"href": "SCL.tif", "type": "image/tiff; application=geotiff", "gsd": 20.0, "roles": ["data"]}
    assets["AOT"] = {"href": "AOT.tif", "type": "image/tiff; application=geotiff", "gsd": 10.0, "roles": ["data"]}
    properties: dict[str, Any] = {
        "platform": "Sentinel-2A",
        "constellation": "Sentinel 2",
        "s2:product_type": "S2MSI2A",
        "s2:product_uri": "S2A_MSIL2A_20230628T065631_R063_T39QTA_20230628T101500.SAFE",
    }
    if baseline:
        properties["s2:processing_baseline"] = baseline
    return item_of("S2A_MSIL2A_20230628T065631_R063_T39QTA_20230628T101500", "sentinel-2-l2a", properties, assets)


def copernicus() -> dict[str, Any]:
    """An item in the layout of the Copernicus Data Space: STAC 1.1, every band at several resolutions."""
    assets: dict[str, Any] = {"Product": {"href": "product.zip", "type": "application/zip", "roles": ["data"]}}
    for band in (*NAMES, "SCL"):
        native = SIZE.get(band, 20)
        for resolution in (60, 20, 10):
            if resolution >= native:
                assets[f"{band}_{resolution}m"] = {
                    "href": f"{band}.tif" if resolution == native else f"s3://eodata/{band}_{resolution}m.jp2",
                    "type": "image/jp2",
                    "gsd": native,
                    "nodata": 0,
                    "data_type": "uint16",
                    "roles": ["data", "reflectance", f"sampling:{'original' if resolution == native else 'down'}"],
                    "bands": [{"name": band, "eo:center_wavelength": 0.49}],
                    **({} if band == "SCL" else {"raster:scale": 0.0001, "raster:offset": -0.1}),
                }
    properties = {
        "platform": "sentinel-2a",
        "constellation": "sentinel-2",
        "processing:level": "L2",
        "product:type": "S2MSI2A",
        "processing:version": "05.09",
    }
    name = "S2A_MSIL2A_20230628T065631_N0509_R063_T39QTA_20230628T101500"
    return item_of(name, "sentinel-2-l2a", properties, assets)
