"""The parameters that describe a scene, the same for every algorithm that takes one."""

from __future__ import annotations

import re
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsRasterLayer,
)

from . import defaults
from .bands import drawn_names, files_of
from .enums import ADVANCED, FOLDER, NUMBER, POLYGONS, RASTERS
from .errors import InputError
from .layers import check_meets, extent_file, polygons_file, raster_file
from .texts import tr

UNITS = ("auto", "dn", "reflectance", "percent", "l4s")
SENSORS = ("auto", "sentinel-2")
COMPOSITES = ("greenest", "median", "latest")
ANY_FILE = "All files (*)"
"""QGIS's own filter for all files refuses names without a dot."""
_NO_PATH = r"[A-Za-z][A-Za-z0-9_]+:|/vsi"
"""How addresses and GDAL's own names of things begin; a drive of Windows has one letter."""
RESAMPLING = ("auto", "nearest", "bilinear", "cubic", "average")


def add_scene(algorithm) -> None:
    """Add the scene, as one has it: a layer, layers of single bands, a folder, or a file that is no plain raster."""
    algorithm.addParameter(
        QgsProcessingParameterRasterLayer("INPUT", tr("Scene: a raster layer or file"), optional=True)
    )
    table = QgsProcessingParameterMatrix(
        "BAND_LAYERS",
        tr("…or band layers, each with the band that it is"),
        0,
        False,
        [tr("Layer or file"), tr("Band")],
        optional=True,
    )
    table.setMetadata({"widget_wrapper": {"class": "l4s_landslides.widgets.BandTableWrapper"}})
    algorithm.addParameter(table)
    algorithm.addParameter(
        QgsProcessingParameterFile(
            "SCENE_FOLDER", tr("…or a folder: of band files, a SAFE product, tiles of an export"), FOLDER, optional=True
        )
    )
    algorithm.addParameter(
        QgsProcessingParameterFile(
            "FILE",
            tr("…or a file: zip of a SAFE product, STAC item, Landslide4Sense patch (.h5), or an address"),
            optional=True,
            fileFilter=ANY_FILE,
        )
    )


def add_before(algorithm, purpose: str | None = None) -> None:
    """Add the earlier scenes, and how they are compared.

    Args:
        algorithm: what gets the parameters.
        purpose: what they are for, for an algorithm that maps nothing; None to map what is new.
    """
    algorithm.addParameter(
        QgsProcessingParameterMultipleLayers(
            "BEFORE",
            purpose or tr("Earlier scenes, to map only what is new: raster layers or files"),
            RASTERS,
            optional=True,
        )
    )
    algorithm.addParameter(
        QgsProcessingParameterFile(
            "BEFORE_FILE", tr("…or an earlier product, or one more"), optional=True, fileFilter=ANY_FILE
        )
    )
    every = tr("With earlier scenes, map old landslides too, and flag new ones")
    methods = [tr("The greenest"), tr("The median"), tr("The latest")]
    composite = tr("Of several earlier scenes, each pixel takes")
    if not purpose:
        advanced(algorithm, QgsProcessingParameterBoolean("ALL", every, defaultValue=not defaults.ONLY_NEW))
    first = COMPOSITES.index(defaults.COMPOSITE)
    advanced(algorithm, QgsProcessingParameterEnum("COMPOSITE", composite, methods, defaultValue=first))


def add_terrain(algorithm) -> None:
    """Add the DEM."""
    algorithm.addParameter(QgsProcessingParameterRasterLayer("DEM", tr("DEM (elevations in metres)"), optional=True))


def add_area(algorithm) -> None:
    """Add the area of interest."""
    algorithm.addParameter(
        QgsProcessingParameterExtent("EXTENT", tr("Area of interest: canvas, layer or drawn extent"), optional=True)
    )
    algorithm.addParameter(
        QgsProcessingParameterFeatureSource("AOI", tr("…or the polygons of a layer"), [POLYGONS], optional=True)
    )


def add_details(algorithm) -> None:
    """Add the options that most users leave alone, folded under Advanced."""
    names = tr("Names of the scene's bands in order (B2,B3,B4,…)")
    drawn = tr("The layer's red, green and blue, as it is drawn, are the scene's bands")
    units = [
        tr("Detect"),
        tr("Digital numbers (reflectance × 10000)"),
        tr("Reflectance (0…1)"),
        tr("Reflectance in percent (0…100)"),
        tr("Landslide4Sense"),
    ]
    sensors = [tr("Sentinel-2; refuse what seems to be another's"), tr("Sentinel-2, whatever speaks for another")]
    methods = [tr("Default"), *RESAMPLING[1:]]
    tiles = tr("Further DEM tiles")
    unit = UNITS.index(defaults.UNITS)
    offset = tr("Offset of the digital numbers (-1000 from baseline 04.00 on, 0 for none)")
    number = NUMBER
    for parameter in (
        QgsProcessingParameterString("BANDS", names, optional=True),
        QgsProcessingParameterBoolean("AS_DRAWN", drawn, defaultValue=False),
        QgsProcessingParameterMultipleLayers("DEM_TILES", tiles, RASTERS, optional=True),
        QgsProcessingParameterRasterLayer("SLOPE", tr("Ready slope in degrees, of the DEM"), optional=True),
        QgsProcessingParameterEnum("UNITS", tr("Units of the scene's values"), units, defaultValue=unit),
        QgsProcessingParameterNumber("OFFSET", offset, number, None, optional=True),
        QgsProcessingParameterEnum("SENSOR", tr("Sensor"), sensors, defaultValue=SENSORS.index(defaults.SENSOR)),
        QgsProcessingParameterEnum("RESAMPLING", tr("Resampling to the 10 m grid"), methods, defaultValue=0),
        QgsProcessingParameterMapLayer(
            "MASK",
            tr("Mask: polygons or raster (not 0) that is not mapped"),
            optional=True,
            types=[RASTERS, POLYGONS],
        ),
        QgsProcessingParameterString(
            "MASK_CLASSES",
            tr("Level-2A classes that are not mapped (numbers or none)"),
            optional=True,
        ),
        QgsProcessingParameterBoolean(
            "CLOUDS", tr("Detect and mask clouds (Level-1C: s2cloudless; else by their colours)"), defaultValue=False
        ),
    ):
        advanced(algorithm, parameter)


def advanced(algorithm, parameter) -> None:
    """Add a parameter that is folded under Advanced."""
    parameter.setFlags(parameter.flags() | ADVANCED)
    algorithm.addParameter(parameter)


class SceneReader:
    """Turns an algorithm's parameters into a request's; for one run."""

    def __init__(self, algorithm, parameters, context) -> None:
        self._algorithm = algorithm
        self._parameters = parameters
        self._context = context

    def scene(self) -> tuple[object, QgsRasterLayer | None]:
        """The scene's file, or its files by band, and the layer that shows it if there is one.

        Raises:
            InputError: it was given more than once, or not at all, or it cannot be used.
        """
        given = [name for name in ("INPUT", "BAND_LAYERS", "SCENE_FOLDER", "FILE") if self._given(name)]
        if len(given) != 1:
            raise InputError(
                tr("Give the scene either as a layer, as band layers, as a folder or as a file; found {}.").format(
                    ", ".join(given) or tr("none of them")
                )
            )
        if given == ["INPUT"]:
            layer = self._raster("INPUT")
            return raster_file(layer, tr("scene"), self._parameters["INPUT"]), layer
        if given == ["BAND_LAYERS"]:
            table = self._algorithm.parameterAsMatrix(self._parameters, "BAND_LAYERS", self._context)
            files = files_of(table, self._context)
            if not files:
                raise InputError(tr("No band layer says which band it is; choose the bands in the table."))
            return files, None
        return product_path(self._text(given[0])), None

    def before(self) -> dict:
        """The earlier scenes, and how they are compared; nothing if there are none.

        Raises:
            InputError: one cannot be used.
        """
        layers = self._algorithm.parameterAsLayerList(self._parameters, "BEFORE", self._context) or []
        scenes = [raster_file(layer, tr("earlier scene"), self._parameters.get("BEFORE")) for layer in layers]
        if file := self._text("BEFORE_FILE"):
            scenes.append(product_path(file))
        if not scenes:
            return {}
        method = self._algorithm.parameterAsEnum(self._parameters, "COMPOSITE", self._context)
        found = {"before": scenes, "composite": COMPOSITES[method]}
        if self._algorithm.parameterDefinition("ALL"):
            found["only_new"] = not self._algorithm.parameterAsBool(self._parameters, "ALL", self._context)
        return found

    def layers(self) -> dict:
        """The raster parameters that are given: dem, slope, mask.

        Raises:
            InputError: one cannot be used.
        """
        request = {}
        tiles = [self._raster("DEM")] if self._given("DEM") else []
        tiles += self._algorithm.parameterAsLayerList(self._parameters, "DEM_TILES", self._context) or []
        if tiles:
            request["dem"] = [raster_file(layer, "DEM", self._parameters.get("DEM")) for layer in tiles]
        if self._given("SLOPE"):
            request["slope"] = raster_file(self._raster("SLOPE"), tr("slope"), self._parameters["SLOPE"])
        mask = self._layer("MASK")
        if isinstance(mask, QgsRasterLayer):
            request["mask"] = raster_file(mask, tr("mask"))
        return request

    def options(self) -> dict:
        """The values that are given.

        Raises:
            InputError: one is not of the form expected.
        """
        request = {}
        bands = self._text("BANDS")
        if bands:
            request["bands"] = [name.strip() for name in bands.split(",")]
        if self._given("INPUT") and self._algorithm.parameterAsBool(self._parameters, "AS_DRAWN", self._context):
            if bands:
                raise InputError(tr("Either name the scene's bands, or take them as the layer is drawn, not both."))
            request["bands"] = drawn_names(self._raster("INPUT"))
        if classes := self._text("MASK_CLASSES"):
            request["mask_classes"] = _numbers(classes)
        request["units"] = UNITS[self._algorithm.parameterAsEnum(self._parameters, "UNITS", self._context)]
        if self._parameters.get("OFFSET") not in (None, ""):
            request["offset"] = self._algorithm.parameterAsDouble(self._parameters, "OFFSET", self._context)
        request["sensor"] = SENSORS[self._algorithm.parameterAsEnum(self._parameters, "SENSOR", self._context)]
        if method := self._algorithm.parameterAsEnum(self._parameters, "RESAMPLING", self._context):
            request["resampling"] = RESAMPLING[method]
        if self._algorithm.parameterAsBool(self._parameters, "CLOUDS", self._context):
            request["clouds"] = True
        return request

    def check_area(self, scene: QgsRasterLayer | None) -> None:
        """Check the area of interest and the DEM against the scene.

        Raises:
            InputError: they do not meet, or two areas were given.
        """
        extent = self._algorithm.parameterAsExtent(self._parameters, "EXTENT", self._context)
        source = (
            self._algorithm.parameterAsSource(self._parameters, "AOI", self._context) if self._given("AOI") else None
        )
        if source is not None and not extent.isNull():
            raise InputError(tr("Give the area of interest either as an extent or as polygons, not both."))
        if scene is None:
            return
        area = tr("area of interest")
        if not extent.isNull():
            crs = self._algorithm.parameterAsExtentCrs(self._parameters, "EXTENT", self._context)
            check_meets(scene, extent, crs if crs.isValid() else scene.crs(), area)
        if source is not None and source.sourceCrs().isValid() and not source.sourceExtent().isNull():
            check_meets(scene, source.sourceExtent(), source.sourceCrs(), area)
        if self._given("DEM") and not self._given("DEM_TILES") and (dem := self._raster("DEM")) is not None:
            check_meets(scene, dem.extent(), dem.crs(), "DEM")

    def vectors(self) -> dict:
        """The vector parameters that are given, written to temporary files: aoi, mask.

        Raises:
            InputError: one holds no polygons.
        """
        request = {}
        if self._given("AOI"):
            request["aoi"] = polygons_file(self._algorithm.parameterAsSource(self._parameters, "AOI", self._context))
        elif not self._algorithm.parameterAsExtent(self._parameters, "EXTENT", self._context).isNull():
            wgs84 = QgsCoordinateReferenceSystem("EPSG:4326")
            extent = self._algorithm.parameterAsExtentGeometry(self._parameters, "EXTENT", self._context, wgs84)
            request["aoi"] = extent_file(extent)
        mask = self._layer("MASK")
        if mask is not None and not isinstance(mask, QgsRasterLayer):
            request["mask"] = polygons_file(self._algorithm.parameterAsSource(self._parameters, "MASK", self._context))
        return request

    def _given(self, name: str) -> bool:
        return self._parameters.get(name) not in (None, "", [])

    def _raster(self, name: str) -> QgsRasterLayer | None:
        return self._algorithm.parameterAsRasterLayer(self._parameters, name, self._context)

    def _layer(self, name: str):
        return self._algorithm.parameterAsLayer(self._parameters, name, self._context) if self._given(name) else None

    def _text(self, name: str) -> str:
        return self._algorithm.parameterAsString(self._parameters, name, self._context).strip()


def product_path(file: str) -> str:
    """The product that a file is, or belongs to.

    Raises:
        InputError: it does not exist.
    """
    if re.match(_NO_PATH, file) or "*" in file:
        return file
    path = Path(file)
    if not path.exists():
        raise InputError(tr("The product {} does not exist; choose another.").format(file))
    # Users point at the metadata file, since QGIS's dialog chooses files; the product is its folder.
    return str(path.parent if path.name.upper().startswith("MTD_MSI") else path)


def _numbers(text: str) -> list[int]:
    if text.lower() == "none":
        return []
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise InputError(
            tr("The mask classes {!r} are not a list of numbers; expected, for instance, 3,8,9,10, or none.").format(
                text
            )
        ) from None
