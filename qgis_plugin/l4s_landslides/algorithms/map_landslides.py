"""Map landslides: a scene becomes an inventory."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
)

from ..base import processing_errors
from ..enums import POLYGONS
from ..model_parameters import add_model, model_request
from ..progress import Progress
from ..scene_algorithm import SceneAlgorithm
from ..scene_parameters import SceneReader, add_area, add_before, add_details, add_scene, add_terrain, advanced
from ..texts import tr

_RASTERS = ("probability", "spread", "change")
"""The rasters that a run may write besides, by the engine's names; the parameters are called so in capitals."""


class MapLandslides(SceneAlgorithm):
    """Runs the engine's map_scene."""

    NAME = "maplandslides"
    TITLE = "Map landslides"
    SUMMARY = "Maps the landslides of a Sentinel-2 scene as polygons with geometry, terrain and confidence."
    TAGS = ("mapping", "detect", "segmentation", "deep learning", "Landslide4Sense", "hazard")
    GROUP = "Map"
    HELP = """Maps the landslides of a Sentinel-2 scene as polygons.

The <b>scene</b> is a raster layer whose bands are named (B1…B12) or stand in a known order; or <b>band layers</b>, \
each with the band that it is (<i>Add the project's layers</i> guesses by their names); or a folder of band files, or \
of a SAFE product; or a file: a zip of such a product, a STAC item, a patch of Landslide4Sense (.h5). Only the bands \
that the bundle needs have to be there. It is mapped on a 10 m grid: its own if it has one, else one in its UTM zone.

With <b>earlier scenes</b> of the same ground, only what is new since is mapped: they are moved onto the scene, \
take its colours and are compared with it, by near infrared if all have it. What clouds hide on either date is \
not mapped.

The <b>DEM</b> gives each landslide its slope, relief, aspect and reach angle; bundles that need slope and elevation \
cannot run without one.

The <b>area of interest</b> limits the map; inside it the result is the same as in the whole map.

The <b>bundle</b> is the model. <i>Check environment</i> lists those installed.

Under <b>Advanced</b>: name the bands of a raster that does not say them, or take red, green and blue as the layer is \
drawn; give further DEM tiles, a ready slope, a \
mask; choose which classes of a Level-2A product's scene classification are left out (3,8,9,10, or none); skip flat \
ground; average several views of each window, which is slower and steadier; map a patch, which has no coordinates, in \
metres from its upper left corner.

Each polygon carries its area, length, width, orientation, mean and highest probability, and where it comes from. The \
model takes for a landslide what is bright and bare: mask clouds, distrust fields and gravel, and look at the result \
before you act on it."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        add_scene(self)
        add_before(self)
        add_terrain(self)
        add_area(self)
        add_model(self)
        add_details(self)
        polygons = POLYGONS
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", tr("Landslides"), polygons))
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                "PROBABILITY", tr("Probability of landslide"), optional=True, createByDefault=False
            )
        )
        spread = QgsProcessingParameterRasterDestination(
            "SPREAD", tr("Spread: how far networks and views disagree"), optional=True, createByDefault=False
        )
        advanced(self, spread)
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                "CHANGE", tr("Change of the vegetation since the earlier scenes"), optional=True, createByDefault=False
            )
        )
        self.addParameter(
            QgsProcessingParameterFileDestination(
                "REPORT", tr("Report"), tr("HTML files (*.html)"), optional=True, createByDefault=False
            )
        )
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Number of landslides")))
        self.addOutput(QgsProcessingOutputNumber("AREA", tr("Area of all landslides, m²")))
        self.addOutput(QgsProcessingOutputString("SCENE", tr("Scene")))
        self.addOutput(QgsProcessingOutputString("MODEL", tr("Bundle, with its version")))

    def check_more(self, parameters, context):
        """Check the model's parameters and the earlier scenes."""
        earlier = SceneReader(self, parameters, context).before()
        bundle = model_request(self, parameters, context)["bundle"]
        return {"bundle": bundle, **({"before": earlier["before"]} if earlier else {})}

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files, those of earlier scenes too; in the main thread."""
        if not super().prepareAlgorithm(parameters, context, feedback):
            return False
        with processing_errors(feedback):
            self.request |= SceneReader(self, parameters, context).before()
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Map."""
        out = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        request = {
            **self.request,
            **self.vectors(parameters, context, feedback),
            **model_request(self, parameters, context),
            "out": out,
        }
        paths = {name: self.parameterAsOutputLayer(parameters, name.upper(), context) for name in _RASTERS}
        rasters = {name: path for name, path in paths.items() if path}
        request |= rasters
        report = self.parameterAsFileOutput(parameters, "REPORT", context)
        if report:
            request["report"] = report
        with self.worker(feedback) as worker:
            result = worker.request("map", request, progress=Progress(feedback))
        self.facts = result.get("provenance", {})
        scene = self.facts.get("scene", "")
        self.hand_over(context, "OUTPUT", out, self.facts, tr("Landslides {}").format(scene))
        names = {
            "probability": tr("Probability of landslide {}"),
            "spread": tr("Spread of the probability {}"),
            "change": tr("Change of the vegetation {}"),
        }
        for name, path in rasters.items():
            self.hand_over(context, name.upper(), path, self.facts, names[name].format(scene))
        results = {
            "OUTPUT": out,
            "COUNT": result["features"],
            "AREA": result["area_m2"],
            "SCENE": scene,
            "MODEL": f"{self.facts.get('bundle', '')} {self.facts.get('bundle_version', '')}",
        }
        results |= {name.upper(): path for name, path in rasters.items()}
        return {**results, "REPORT": report} if report else results
