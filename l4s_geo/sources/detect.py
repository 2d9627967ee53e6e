"""Tells what kind of source a scene is, and describes it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from l4s_geo.errors import BandError
from l4s_geo.sources.dimap import is_dimap, open_dimap
from l4s_geo.sources.folder import open_folder
from l4s_geo.sources.geotiff import open_band_files, open_raster
from l4s_geo.sources.loose import presume_offset
from l4s_geo.sources.mosaic import mosaic_in, siblings_of
from l4s_geo.sources.names import product_of
from l4s_geo.sources.patch import is_patch, open_patch
from l4s_geo.sources.safe import is_safe, open_safe
from l4s_geo.sources.scene import Scene
from l4s_geo.sources.sensor import Sensor, check_names, check_sensor
from l4s_geo.sources.stac import is_stac, open_stac
from l4s_geo.sources.zarr import is_zarr, refuse_eopf

__all__ = ["open_scene"]

PathLike = str | os.PathLike[str]


def open_scene(
    scene: PathLike | Mapping[str, PathLike], bands: Sequence[str] | None = None, sensor: Sensor = "auto"
) -> Scene:
    """Describe a scene of any kind.

    Args:
        scene: a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a product of SNAP
            (.dim), a patch of Landslide4Sense (.h5), a multi-band raster, or single-band files by band name.
        bands: names of a multi-band raster's bands, in order, if it does not carry them.
        sensor: "sentinel-2" overrules what speaks for another sensor.

    Raises:
        SceneError: it is none of these, damaged, or of another sensor.
        BandError: its bands cannot be told apart.
    """
    check_names([os.fspath(file) for file in (scene.values() if isinstance(scene, Mapping) else [scene])], sensor)
    described = _described(scene, bands)
    if bands and not described.takes_names:
        raise BandError(
            f"Band names were given for {described.scene.name}, whose files say themselves which band they hold; names "
            "are for a multi-band raster."
        )
    if described.is_known:
        return described.scene
    return check_sensor(presume_offset(described.scene), sensor, described.folder)


@dataclass(frozen=True)
class _Described:
    """A scene, and what is still to be asked of it."""

    scene: Scene
    is_known: bool = False
    """Whether sensor and offset are beyond doubt."""
    takes_names: bool = False
    """Whether names of its bands can be given."""
    folder: Path | None = None
    """The folder that it is."""


def _described(scene: PathLike | Mapping[str, PathLike], bands: Sequence[str] | None) -> _Described:
    if isinstance(scene, Mapping):
        return _Described(open_band_files(scene))
    if is_stac(os.fspath(scene)):
        return _Described(open_stac(os.fspath(scene)))
    product = product_of(os.fspath(scene)) or scene
    if is_safe(product):
        return _Described(open_safe(product), is_known=True)
    if is_dimap(scene):
        return _Described(open_dimap(scene))
    if Path(scene).is_dir() and (pattern := mosaic_in(Path(scene))):
        return _Described(open_raster(pattern, bands), takes_names=True)
    if Path(scene).is_dir() and not is_zarr(scene):
        return _Described(open_folder(scene), folder=Path(scene))
    if is_patch(scene):
        return _Described(open_patch(scene), is_known=True)
    refuse_eopf(scene)
    described = open_raster(scene, bands)
    if found := siblings_of(os.fspath(scene)):
        note = f"this is one of {found[1]} tiles of an export; give '{found[0]}', or the folder, for all of them"
        described = replace(described, notes=(*described.notes, note))
    return _Described(described, takes_names=True)
