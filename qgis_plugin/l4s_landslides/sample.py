"""The sample scene: a made valley that is mapped in seconds, on the map with one click."""

from __future__ import annotations

import shutil
from pathlib import Path

from qgis.core import QgsCoordinateTransform, QgsProject, QgsRasterLayer

from .engine import managed_folder
from .results import natural_colours
from .texts import tr

_FILES = ("valley.tif", "valley_dem.tif", "valley_reference.gpkg")
_PLACES = (Path(__file__).parent / "sample", Path(__file__).parents[2] / "sample_scenes")
"""Where the sample lies: in the plugin, or in a checkout of the project."""


def load(iface) -> None:
    """Load the sample with its DEM, turn the map to it, and open the dialog of Map landslides, filled in."""
    import processing

    scene, dem = add(QgsProject.instance())
    canvas = iface.mapCanvas()
    transform = QgsCoordinateTransform(scene.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance())
    canvas.setExtent(transform.transformBoundingBox(scene.extent()))
    canvas.refresh()
    processing.execAlgorithmDialog("landslide4sense:maplandslides", {"INPUT": scene.id(), "DEM": dem.id()})


def add(project: QgsProject) -> tuple[QgsRasterLayer, QgsRasterLayer]:
    """Add scene and DEM to a project, from copies, since QGIS writes beside what it opens."""
    folder = managed_folder() / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    source = next(place for place in _PLACES if (place / _FILES[0]).is_file())
    for name in _FILES:
        if not (folder / name).exists():
            shutil.copyfile(source / name, folder / name)
    scene = QgsRasterLayer(str(folder / "valley.tif"), tr("Sample scene"))
    dem = QgsRasterLayer(str(folder / "valley_dem.tif"), tr("Sample DEM"))
    natural_colours(scene)
    for layer in (dem, scene):
        project.addMapLayer(layer)
    if (node := project.layerTreeRoot().findLayer(dem.id())) is not None:
        node.setItemVisibilityChecked(False)
    return scene, dem
