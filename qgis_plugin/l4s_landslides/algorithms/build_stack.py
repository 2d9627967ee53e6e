"""Build 14-band stack: a scene and its terrain become one raster."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterRasterDestination

from ..progress import Progress
from ..scene_algorithm import SceneAlgorithm
from ..scene_parameters import add_area, add_details, add_scene, add_terrain
from ..texts import tr


class BuildStack(SceneAlgorithm):
    """Runs the engine's write_stack."""

    NAME = "buildstack"
    TITLE = "Build 14-band stack"
    SUMMARY = "Writes a Sentinel-2 scene and its terrain as one raster on the 10 m mapping grid."
    TAGS = ("stack", "bands", "Landslide4Sense", "slope", "terrain")
    GROUP = "Prepare"
    HELP = """Writes a scene and its terrain as one raster on the 10 m mapping grid.

The raster holds the bands of Landslide4Sense that are there, in its order and with their names: digital numbers \
(reflectance × 10000, offset taken off), slope in degrees, DEM in metres. Masked pixels are nodata. It is a Cloud \
Optimized GeoTIFF; mapping it gives the same landslides as mapping the scene."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        add_scene(self)
        add_terrain(self)
        add_area(self)
        add_details(self)
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", tr("Stack")))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Write the stack."""
        out = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        request = {**self.request, **self.vectors(parameters, context, feedback), "out": out}
        with self.worker(feedback) as worker:
            worker.request("stack", request, progress=Progress(feedback, counted=tr("strips")))
        self.hand_over(context, "OUTPUT", out, {}, tr("Stack"))
        return {"OUTPUT": out}
