"""Tells what kind of source a scene is, and describes it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from l4s_geo.errors import BandError
from l4s_geo.sources.dimap import is_dimap, open_dimap
from l4s_geo.sources.folder import open_folder
from l4s_geo.sources.geotiff import open_band_files, open_raster
from l4s_geo.sources.loose import presume_offset
from l4s_geo.sources.patch import is_patch, open_patch
from l4s_geo.sources.safe import is_safe, open_safe
from l4s_geo.sources.scene import Scene
from l4s_geo.sources.stac import is_stac, open_stac

__all__ = ["open_scene"]

PathLike = str | os.PathLike[str]


def open_scene(scene: PathLike | Mapping[str, PathLike], bands: Sequence[str] | None = None) -> Scene:
    """Describe a scene of any kind.

    Args:
        scene: a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a product of SNAP
            (.dim), a patch of Landslide4Sense (.h5), a multi-band raster, or single-band files by band name.
        bands: names of a multi-band raster's bands, in order, if it does not carry them.

    Raises:
        SceneError: it is none of these, or damaged.
        BandError: its bands cannot be told apart.
    """
    if isinstance(scene, Mapping):
        described = presume_offset(open_band_files(scene))
    elif is_stac(os.fspath(scene)):
        described = open_stac(os.fspath(scene))
    elif is_safe(scene):
        described = open_safe(scene)
    elif is_dimap(scene):
        described = presume_offset(open_dimap(scene))
    elif Path(scene).is_dir():
        described = presume_offset(open_folder(scene))
    elif is_patch(scene):
        described = open_patch(scene)
    else:
        return presume_offset(open_raster(scene, bands))
    if bands:
        raise BandError(
            f"Band names were given for {described.name}, whose files say themselves which band they hold; names "
            "are for a multi-band raster."
        )
    return described
