"""Scenes described by a STAC item: Earth Search, Planetary Computer, Copernicus Data Space and their like.

An item (https://stacspec.org) is a JSON document that names one file, an *asset*, per band. Which band an asset
holds is told by the name of its band, by its key or by its common name; its values by the raster extension
(reflectance = stored × scale + offset) or, where an item is silent, by the processing baseline: from 04.00 on
Sentinel-2's digital numbers have 1000 added. The pixels are read through GDAL, window by window, with the
settings of `l4s_geo.sources.http`; nothing is downloaded as a whole.
"""

from __future__ import annotations

import json
import math
import os
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit

import rasterio
from rasterio.errors import RasterioError

from l4s_geo.address import is_url, shown
from l4s_geo.bands import REFLECTANCE_TO_DN, SENSED, SPECTRAL, named_band
from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.drivers import is_vrt
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.http import DOCUMENT_BYTES, check_step, fetch, http_options, is_inner, probe
from l4s_geo.sources.loose import BASELINE_OFFSET
from l4s_geo.sources.scene import Acquisition, BandRef, Scene

__all__ = [
    "Json",
    "band_assets",
    "band_paths",
    "check_redirects",
    "elevation_file",
    "is_item",
    "is_stac",
    "load_item",
    "open_stac",
]

Json = dict[str, Any]

_ITEM_SUFFIXES = (".json", ".geojson")
_RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img", ".nc", ".h5", ".hdf", ".zarr", ".zip", ".png", ".jpg")
_ITEM_PATH = re.compile(r"/collections/[^/]+/items/[^/]+/?$")
_PROBES = 8
_NO_DATA_ROLES = {"thumbnail", "overview", "metadata"}
_ELEVATION_KEYS = ("data", "elevation", "dem", "DEM")


@dataclass(frozen=True)
class _Asset:
    """An asset that holds one band, with the numbers that the item states, None where it is silent."""

    key: str
    href: str
    jpeg2000: bool
    resolution: float
    scale: float | None
    offset: float | None
    nodata: float | None

    @property
    def preference(self) -> tuple[bool, float, str]:
        """A key that sorts the assets of one band: GeoTIFF before JPEG 2000, fine before coarse."""
        return self.jpeg2000, self.resolution, self.key


def is_stac(source: str | os.PathLike[str]) -> bool:
    """Tell whether a scene is given as a STAC item, judged by its name alone.

    A path must end in .json or .geojson; a URL need only not end like a raster, since items of an API have none.
    """
    text = os.fspath(source)
    if not is_url(text):
        return text.lower().endswith(_ITEM_SUFFIXES) and not text.startswith("/vsi")
    return not urlsplit(text).path.rstrip("/").lower().endswith(_RASTER_SUFFIXES)


def is_item(source: str | os.PathLike[str]) -> bool:
    """Tell whether something that may also be a raster is given as a STAC item: by .json, or as an API names items."""
    text = os.fspath(source)
    if not is_url(text):
        return is_stac(text)
    path = urlsplit(text).path
    return path.lower().endswith(_ITEM_SUFFIXES) or _ITEM_PATH.search(path) is not None


def open_stac(href: str | os.PathLike[str]) -> Scene:
    """Describe the scene of a STAC item.

    Args:
        href: path or http(s) URL of the item's JSON.

    Raises:
        SceneError: the item or an asset cannot be read, or it is no item of a Sentinel-2 scene.
        BandError: it has no asset that is a band of Sentinel-2.
    """
    item, base = load_item(os.fspath(href))
    properties = _object(item["properties"])
    name = str(item.get("id") or Path(urlsplit(base).path).stem)
    acquisition = _acquisition(item, properties)
    found = _best_assets(item)
    chosen = {band: found[band] for band in SENSED if band in found}
    if not set(chosen) & set(SPECTRAL):
        keys = ", ".join(list(item["assets"])[:20]) or "none"
        raise BandError(
            f"The STAC item {name} has no asset that is a single band of Sentinel-2 (its assets: {keys}); expected "
            "keys or band names like B04, B04_10m or red."
        )
    paths = {band: _path(asset, base) for band, asset in found.items()}
    files = {band: paths[band] for band in chosen}
    check_redirects({found[band].key: path for band, path in paths.items()}, name, base)
    try:
        with rasterio.Env(**http_options()):
            scene = open_band_files(files, name)
    except SceneError as error:
        if isinstance(error.__cause__, RasterioError):
            for band, asset in chosen.items():
                if f"band {band} {shown(files[band])} " in str(error):
                    raise _unreadable(asset.key, files[band], name, error.__cause__) from error
        raise
    # Earth Search takes the offset off the pixels and states it all the same.
    offset_applied = properties.get("earthsearch:boa_offset_applied") is True
    stated = acquisition.baseline or scene.units or all(asset.scale is not None for asset in chosen.values())
    return replace(
        scene,
        bands={
            band: _to_dn(asset, scene.bands[band], acquisition.baseline, offset_applied)
            for band, asset in chosen.items()
        },
        units="dn" if stated else None,
        classes=BandRef(paths["SCL"]) if "SCL" in paths else None,
        acquisition=acquisition,
        order=None,
    )


def band_paths(item: Json, base: str) -> dict[str, str]:
    """Return what GDAL opens for each band of an item, and for its scene classification, "SCL".

    Args:
        item: the item.
        base: the path or URL to which its relative references refer.

    Raises:
        SceneError: an asset is neither on the web nor in S3 nor, if the item is a file, a file.
    """
    return {band: path for band, (_, path) in band_assets(item, base).items()}


def band_assets(item: Json, base: str) -> dict[str, tuple[str, str]]:
    """Return the key of the asset of each band of an item, and what GDAL opens for it; see `band_paths`."""
    return {band: (asset.key, _path(asset, base)) for band, asset in _best_assets(item).items()}


def elevation_file(href: str | os.PathLike[str]) -> str:
    """Return what GDAL opens for the elevations of a STAC item, such as one of the collection cop-dem-glo-30.

    Args:
        href: path or http(s) URL of the item's JSON.

    Raises:
        SceneError: the item cannot be read, or has not one image that is its data.
    """
    item, base = load_item(os.fspath(href))
    found = []
    for key, asset in item["assets"].items():
        asset = _object(asset)
        link, media, roles = asset.get("href"), str(asset.get("type") or "image/"), asset.get("roles")
        pictured = isinstance(roles, list) and any(role in _NO_DATA_ROLES for role in map(str, roles))
        if isinstance(link, str) and media.startswith("image/tiff") and not pictured:
            found.append(_Asset(key, _public(link), False, 0.0, None, None, None))
    if len(found) > 1:
        found = [asset for asset in found if asset.key in _ELEVATION_KEYS] or found
    if len(found) != 1:
        keys = ", ".join(list(item["assets"])[:20]) or "none"
        raise SceneError(
            f"The STAC item {href} has {len(found)} GeoTIFFs that may be elevations (its assets: {keys}); expected "
            "one, so give the address of the file."
        )
    path = _path(found[0], base)
    check_redirects({found[0].key: path}, str(item.get("id")), base)
    return path


def _public(href: str) -> str:
    """Return the address at which anybody can read a file of a public bucket, which needs no credentials."""
    return re.sub(r"^s3://(copernicus-dem-30m)/", r"https://\1.s3.amazonaws.com/", href)


def load_item(href: str) -> tuple[Json, str]:
    """Read an item; return it and the path or URL to which its relative references refer.

    Raises:
        SceneError: it cannot be read, or is no STAC item.
    """
    if is_url(href):
        raw, base = fetch(href)
    else:
        base = href
        try:
            with Path(href).open("rb") as file:
                raw = file.read(DOCUMENT_BYTES + 1)
        except OSError as cause:
            raise SceneError(
                f"The STAC item {href} cannot be read ({cause.strerror}); give the path of its JSON."
            ) from cause
    if len(raw) > DOCUMENT_BYTES:
        raise SceneError(
            f"The document {href} is larger than {DOCUMENT_BYTES >> 20} MiB; expected the JSON of a STAC item."
        )
    try:
        item = json.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise SceneError(f"The document {href} is not JSON ({cause}); expected a STAC item.") from cause
    kind = item.get("type") if isinstance(item, dict) else type(item).__name__
    whole = kind == "Feature" and all(isinstance(item.get(part), dict) for part in ("properties", "assets"))
    if not whole:
        raise SceneError(
            f"The document {href} is not a STAC item (its type is {kind!r}); expected a GeoJSON Feature with "
            "properties and assets, so give the address of one item, not of a collection or a search."
        )
    return item, base


def _best_assets(item: Json) -> dict[str, _Asset]:
    """Return for each band of an item the asset to read it from."""
    found: dict[str, _Asset] = {}
    for band, asset in _assets(item):
        if band not in found or asset.preference < found[band].preference:
            found[band] = asset
    return found


def _assets(item: Json) -> Iterator[tuple[str, _Asset]]:
    """Yield the assets that are a band of Sentinel-2 or its scene classification, each with the band's name."""
    for key, asset in item["assets"].items():
        asset = _object(asset)
        href, media, roles = asset.get("href"), str(asset.get("type") or "image/"), asset.get("roles")
        pictured = isinstance(roles, list) and any(role in _NO_DATA_ROLES for role in map(str, roles))
        if not isinstance(href, str) or not media.startswith("image/") or pictured:
            continue
        lists = [asset[kind] for kind in ("raster:bands", "eo:bands", "bands") if isinstance(asset.get(kind), list)]
        if any(len(entries) > 1 for entries in lists):
            continue
        facts: Json = {}
        for entries in lists:
            facts |= _object(entries[0]) if entries else {}
        band = _band(facts.get("name"), key, facts.get("common_name"), facts.get("eo:common_name"))
        if band is None:
            continue
        scale, offset, nodata = (
            _number(facts.get(f"raster:{kind}"), facts.get(kind), asset.get(f"raster:{kind}"), asset.get(kind))
            for kind in ("scale", "offset", "nodata")
        )
        jpeg2000 = "jp2" in media or href.partition("?")[0].lower().endswith(".jp2")
        yield band, _Asset(key, href, jpeg2000, _resolution(key, asset, facts), scale, offset, nodata)


def _to_dn(asset: _Asset, file: BandRef, baseline: str, offset_applied: bool) -> BandRef:
    """Return a band with the scale and offset that turn its stored values into digital numbers without offset.

    The item's word counts before that of the file's tags, and both before the baseline.
    """
    scale = file.scale if asset.scale is None else round(asset.scale * REFLECTANCE_TO_DN, 9)
    if offset_applied:
        offset = 0.0
    elif asset.offset is not None:
        offset = round(asset.offset * REFLECTANCE_TO_DN, 6)
    else:
        offset = file.offset or (BASELINE_OFFSET if baseline >= "04.00" else 0.0)
    return BandRef(file.path, 1, scale, offset, asset.nodata)


def _band(*names: object) -> str | None:
    """Return the band that the first telling name stands for: one of Sentinel-2's, "SCL", or None."""
    for name in names:
        if isinstance(name, str) and (band := named_band(name)):
            return band
    return None


def _resolution(key: str, asset: Json, facts: Json) -> float:
    """Return an asset's pixel size in metres, infinite if the item does not tell it."""
    suffix = re.search(r"_(\d+)m$", key)
    transform = asset.get("proj:transform")
    stated = _number(
        float(suffix[1]) if suffix else None,
        facts.get("raster:spatial_resolution"),
        facts.get("spatial_resolution"),
        transform[0] if isinstance(transform, list) and transform else None,
        asset.get("gsd"),
    )
    return math.inf if stated is None else abs(stated)


def _path(asset: _Asset, base: str) -> str:
    """Return what GDAL opens for an asset of an item at a path or URL.

    Raises:
        SceneError: it is neither on the web nor in S3 nor, if the item is a file, a file.
    """
    href, remote = asset.href, is_url(base)
    try:
        parts = urlsplit(urljoin(base, href) if remote else href)
    except ValueError:
        parts = urlsplit("invalid:")
    scheme = parts.scheme.lower()
    # A document from the web must not name GDAL's own file systems, nor files or neighbours of this machine.
    path, problem = "", ""
    if scheme in ("http", "https") and not href.startswith("/vsi"):
        path = f"/vsicurl/{parts.geturl()}"
        if remote:
            problem = _problem(check_step, base, parts.geturl())
    elif scheme == "s3":
        path = f"/vsis3/{parts.netloc}{parts.path}"
    elif scheme == "file" and not remote:
        path = urllib.request.url2pathname(parts.path)
    elif not remote and len(scheme) < 2:
        path = str(Path(base).parent / href)
    if path and not problem and not is_vrt(path):
        return path
    raise SceneError(
        f"Asset {asset.key} of the STAC item {base} refers to {href}{problem and f' ({problem})'}; expected an image "
        f"at an http(s) or s3 address{'' if remote else ' or a path'}, so choose an item whose files can be reached "
        "that way."
    )


def check_redirects(paths: Mapping[str, str], name: str, base: str) -> None:
    """Follow where the hosts of assets redirect to, before GDAL does, if the item is from the web.

    Args:
        paths: what GDAL is to open, by the asset's key.
        name: the item's name, for messages.
        base: where the item is from.

    Raises:
        SceneError: to what is not on the web, or to this machine or its network.
    """
    if not is_url(base) or is_inner(base):
        return
    with ThreadPoolExecutor(_PROBES) as threads:
        for key, problem in zip(paths, threads.map(partial(_problem, probe), paths.values()), strict=True):
            if problem:
                raise SceneError(
                    f"Asset {key} of the STAC item {name} is not where the item says: {problem}; expected it on the "
                    "web, so choose an item of a host you trust."
                )


def _problem(check: Callable[..., object], *addresses: str) -> str:
    """Return what a check of addresses objects to, or nothing; that a host refuses is not its concern."""
    try:
        check(*addresses)
    except HTTPError:
        return ""
    except ValueError as problem:
        return str(problem)
    return ""


def _acquisition(item: Json, properties: Json) -> Acquisition:
    """Return what an item says of its product.

    Raises:
        SceneError: it says that the scene is not Sentinel-2's.
    """
    platforms = [str(properties[field]) for field in ("constellation", "platform") if properties.get(field)]
    if platforms and not any(re.match(r"sentinel[-_ ]?2|s2", platform.lower()) for platform in platforms):
        raise SceneError(f"The STAC item {item.get('id')} is of {platforms[-1]}; expected a Sentinel-2 scene.")
    product = str(properties.get("s2:product_uri") or item.get("id") or "").removesuffix(".SAFE")
    fields = ("s2:processing_level", "s2:product_type", "product:type", "processing:level")
    told = [str(properties.get(field, "")) for field in fields] + [str(item.get("collection", "")), product]
    levels = (re.search(r"(?:\bL|LEVEL-|MSIL?|_L)(1C|2A)", text.upper()) for text in told)
    named = re.search(r"_N(\d\d)(\d\d)_", product)
    baselines = (str(properties.get(field, "")) for field in ("s2:processing_baseline", "processing:version"))
    stated = (match for text in baselines if (match := re.fullmatch(r"(\d\d)\.(\d\d)", text)))
    baseline = next(stated, named)
    return Acquisition(
        product=product,
        level=next((f"L{level[1]}" for level in levels if level), ""),
        acquired=str(properties.get("datetime") or properties.get("start_datetime") or ""),
        baseline=f"{baseline[1]}.{baseline[2]}" if baseline else "",
    )


def _unreadable(key: str, path: str, name: str, cause: Exception) -> SceneError:
    """Return the error for an asset that cannot be opened."""
    todo = "check that the file is whole"
    if path.startswith("/vsicurl/"):
        todo = "check the address and the connection, and sign the item first if its host asks for that"
    elif path.startswith("/vsis3/"):
        todo = "set its host's AWS_S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return SceneError(
        f"Asset {key} of the STAC item {name} cannot be opened at {path} ({cause}); expected a raster, so {todo}."
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(*values: object) -> float | None:
    """Return the first finite number."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None
