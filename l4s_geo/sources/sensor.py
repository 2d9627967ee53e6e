"""Which sensor a scene is of: names, metadata and pixel size tell, so that no other's is taken for Sentinel-2.

Landsat's B4 is red as well, but its B5 is near infrared; and a network that learned scars of 10 m pixels knows nothing
of pixels of 3 or 30 m. What speaks for another sensor ends in an error, which the user can overrule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Literal

from l4s_geo.address import is_network
from l4s_geo.assumptions import Assumption
from l4s_geo.bands import SPECTRAL
from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid
from l4s_geo.sources.rasters import opened
from l4s_geo.sources.scene import Scene

__all__ = ["SENSORS", "Sensor", "check_names", "check_sensor"]

Sensor = Literal["auto", "sentinel-2"]
"""The sensor of a scene: "auto" for Sentinel-2 unless something speaks for another one."""

SENSORS: tuple[Sensor, ...] = ("auto", "sentinel-2")


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Z0-9])(?:{pattern})(?![A-Z0-9])", re.IGNORECASE)


# Identifiers of products, as their publishers write them.
_PRODUCTS = {
    "Landsat": re.compile(r"(?<![A-Z0-9])L[COTEM]0?[4-9](?:_L[12]|_?\d{6})", re.IGNORECASE),
    "HLS (30 m)": re.compile(r"(?<![A-Z0-9])HLS[._-]?[LS]30", re.IGNORECASE),
    "PlanetScope": re.compile(r"_3[AB]_(?:Analytic|Visual|ortho|udm)|PSScene|AnalyticMS|_SR_8b", re.IGNORECASE),
    "Sentinel-1": re.compile(r"(?<![A-Z0-9])S1[A-D]_(?:IW|EW|SM)", re.IGNORECASE),
    "Sentinel-3": re.compile(r"(?<![A-Z0-9])S3[A-D]_(?:OL|SL|SY)", re.IGNORECASE),
    "MODIS": re.compile(r"(?<![A-Z0-9])M[OYC]D(?:09|13|43)[A-Z]", re.IGNORECASE),
    "VIIRS": re.compile(r"(?<![A-Z0-9])V(?:NP|J1)(?:09|13|43)", re.IGNORECASE),
    "ASTER": re.compile(r"(?<![A-Z0-9])AST_(?:L1|07)", re.IGNORECASE),
    "Pléiades": re.compile(r"(?<![A-Z0-9])(?:PHR1[AB]|PNEO\d)", re.IGNORECASE),
    "Gaofen": re.compile(r"(?<![A-Z0-9])GF[1-7]_", re.IGNORECASE),
}
# Words, as people name files and programs fill in metadata.
_WORDS = {
    "Landsat": _word(r"LANDSAT[-_ ]?[4-9]?|OLI(?:[-_/ ]?TIRS)?|ETM\+?"),
    "PlanetScope": _word(r"PLANET[-_ ]?SCOPE|PLANETLABS|DOVE|SUPERDOVE"),
    "RapidEye": _word("RAPID[-_ ]?EYE"),
    "Sentinel-1": _word("SENTINEL[-_ ]?1[A-D]?"),
    "Sentinel-3": _word("SENTINEL[-_ ]?3[A-D]?"),
    "MODIS": _word("MODIS"),
    "VIIRS": _word("VIIRS"),
    "ASTER": _word("ASTER"),
    "SPOT": _word("SPOT[-_ ]?[1-7]"),
    "WorldView": _word("WORLD[-_ ]?VIEW[-_ ]?[1-4]?"),
    "CBERS": _word("CBERS[-_ ]?[1-4]?A?"),
}
# Collection 2's names of surface reflectance and temperature, in Earth Engine and in files.
_LANDSAT_BANDS = re.compile(r"(?<![A-Z0-9])S[RT]_B\d", re.IGNORECASE)
_SENTINEL_2 = re.compile(
    r"(?<![A-Z0-9])S(?:ENTINEL)?[-_ ]?2[A-D]?(?![A-Z0-9])|MSI_?L(?:1C|2A)|T\d\d[A-Z]{3}_\d{8}T\d{6}", re.IGNORECASE
)
_KEYS = re.compile("SATELLITE|SPACECRAFT|PLATFORM|SENSOR|MISSION|INSTRUMENT|CONSTELLATION", re.IGNORECASE)
_DOMAINS = (None, "IMAGERY", "ENVI")
_LANDSAT_METADATA = ("*_MTL.txt", "*_MTL.json", "*_MTL.xml")
# Sentinel-2 comes in 10, 20 and 60 m, and is seldom brought to other pixels than about 10 m.
_FINEST, _COARSEST = 5.5, 25.0
_DEGREE = 111_320.0


def check_names(paths: Iterable[str], sensor: Sensor) -> None:
    """Refuse files whose names are those of another sensor's products, before one is opened.

    Args:
        paths: the files.
        sensor: what the user says.

    Raises:
        SceneError: a name speaks for another sensor, and the user did not overrule that.
    """
    for path in paths if sensor == "auto" else ():
        if found := _named(path):
            raise _refusal(path, *found)


def check_sensor(scene: Scene, sensor: Sensor, folder: Path | None = None) -> Scene:
    """Refuse a scene of another sensor.

    Args:
        scene: the scene.
        sensor: what the user says.
        folder: the folder that the scene is, if it is one; a Landsat scene's metadata lie there.

    Returns:
        The scene; with a note if the user overruled what speaks for another sensor.

    Raises:
        SceneError: something speaks for another sensor, and the user did not overrule that.
    """
    if sensor != "auto":
        scene = replace(scene, sensor=Assumption("Sentinel-2", "option", option="sensor"))
    found = next(_evidence(scene, folder), None)
    if found is None:
        return scene
    if sensor == "auto":
        raise _refusal(scene.name, *found)
    note = f"the scene is taken for Sentinel-2's, as --sensor says, although {found[1]} for {found[0]}"
    return replace(scene, notes=(*scene.notes, note))


def _refusal(scene: str, sensor: str, reason: str) -> SceneError:
    return SceneError(
        f"The scene {scene} seems to be of {sensor}, since {reason} for it; expected Sentinel-2, on whose bands and "
        "pixels the bundles are trained, so give such a scene, or --sensor sentinel-2 if it is one all the same."
    )


def _evidence(scene: Scene, folder: Path | None) -> Iterator[tuple[str, str]]:
    """Yield what speaks for other sensors: the sensor, and the beginning of a sentence."""
    paths = dict.fromkeys(ref.path for band, ref in scene.bands.items() if band in SPECTRAL)
    yield from (found for path in paths if (found := _named(path)))
    for path in paths:
        if not is_network(path):
            with opened(path, "scene") as dataset:
                yield from (found for file in dataset.files if (found := _named(file)))
                yield from _tagged(dataset, [scene.bands[b].index for b in scene.bands if scene.bands[b].path == path])
    if folder and not any(_SENTINEL_2.search(PurePath(path).name) for path in paths):
        yield from (
            ("Landsat", f"the metadata {file.name} beside it speak")
            for pattern in _LANDSAT_METADATA
            for file in sorted(folder.glob(pattern))
        )
    side = _side(scene.grid)
    if side < _FINEST or side > _COARSEST:
        other = "PlanetScope or another finer sensor" if side < _FINEST else "Landsat or another coarser sensor"
        yield other, f"its pixels of {side:.3g} m (Sentinel-2's are 10 or 20 m) speak"


def _named(path: str) -> tuple[str, str] | None:
    """Return the sensor that the names of a file and its folder speak for; a name of Sentinel-2's speaks against it."""
    place = PurePath(path.partition("?")[0])
    if _SENTINEL_2.search(place.name):
        return None
    for name, tables in ((place.name, (_PRODUCTS, _WORDS)), (place.parent.name, (_PRODUCTS,))):
        for sensor, pattern in (entry for table in tables for entry in table.items()):
            if pattern.search(name):
                return sensor, f"the name {name} speaks"
    return None


def _tagged(dataset: Any, indexes: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Yield what a raster's tags and the names of some of its bands speak for."""
    tags = [entry for domain in _DOMAINS for entry in dataset.tags(ns=domain).items()]
    for key, value in tags:
        if _KEYS.search(key) and not _SENTINEL_2.search(value):
            for sensor, pattern in _WORDS.items():
                if pattern.search(value):
                    yield sensor, f"the raster's metadata ({key}: {value[:40]}) speak"
    for index in indexes:
        name = dataset.descriptions[index - 1] or ""
        if _LANDSAT_BANDS.search(name):
            yield "Landsat", f"the band name {name} speaks"


def _side(grid: Grid) -> float:
    """Return the side of a grid's pixels in metres, roughly where they are stated in degrees."""
    t = grid.transform
    side = math.sqrt(abs(t.a * t.e - t.b * t.d))
    if grid.is_local:
        return side
    if grid.crs.is_projected:
        return side * float(grid.crs.linear_units_factor[1])
    return math.hypot(t.e, t.d) * _DEGREE
