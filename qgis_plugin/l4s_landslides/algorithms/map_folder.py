"""Map landslides in a folder: every scene in it becomes an inventory."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
)

from ..base import LandslideAlgorithm, processing_errors
from ..errors import EngineError, InputError
from ..model_parameters import add_model, model_request
from ..outputs import check_apart, output_path
from ..progress import Progress
from ..results import finish, refresh_open
from ..scene_parameters import SceneReader, add_area, add_before, add_details, add_terrain
from ..texts import tr

_RASTERS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".h5")


class MapFolder(LandslideAlgorithm):
    """Runs the engine's map_scene for one scene after another."""

    NAME = "mapfolder"
    TITLE = "Map landslides in a folder"
    SUMMARY = "Maps every Sentinel-2 scene of a folder; a scene that fails is reported and the others go on."
    TAGS = ("batch", "mapping", "folder", "detect", "segmentation")
    HELP = """Maps every scene of a folder: rasters (.tif, .vrt, .jp2, .img), SAFE products (folders and zips), \
STAC items (.json) and patches of Landslide4Sense (.h5). Each becomes an inventory of its own in the output folder, \
named after the scene.

Earlier scenes, DEM, area of interest, mask and options hold for all scenes; those that lie in the folder \
themselves are not mapped. A scene that fails is reported, and the others go on. \
Scenes that have an inventory in the output folder already are left alone, so a stopped run can be gone on with, \
unless you ask for all to be mapped again."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        self.addParameter(
            QgsProcessingParameterFile("FOLDER", tr("Folder of scenes"), QgsProcessingParameterFile.Folder)
        )
        add_before(self)
        add_terrain(self)
        add_area(self)
        add_model(self)
        add_details(self)
        self.addParameter(
            QgsProcessingParameterBoolean("WITH_PROBABILITY", tr("Also write probability rasters"), defaultValue=False)
        )
        self.addParameter(QgsProcessingParameterBoolean("WITH_REPORT", tr("Also write reports"), defaultValue=False))
        self.addParameter(
            QgsProcessingParameterBoolean("AGAIN", tr("Map scenes again that have an inventory"), defaultValue=False)
        )
        self.addParameter(
            QgsProcessingParameterBoolean("LOAD", tr("Add the inventories to the project"), defaultValue=True)
        )
        self.addParameter(QgsProcessingParameterFolderDestination("OUTPUT_FOLDER", tr("Folder of inventories")))
        self.addOutput(QgsProcessingOutputMultipleLayers("OUTPUTS", tr("Inventories")))
        self.addOutput(QgsProcessingOutputNumber("MAPPED", tr("Scenes mapped")))
        self.addOutput(QgsProcessingOutputNumber("FAILED", tr("Scenes that failed")))

    def check(self, parameters, context):
        """Check that there are scenes, and the layers that hold for all of them."""
        reader = SceneReader(self, parameters, context)
        reader.layers()
        reader.options()
        reader.before()
        reader.check_area(None)
        model_request(self, parameters, context)
        folder = self.parameterAsString(parameters, "FOLDER", context)
        if not scenes_in(folder):
            raise InputError(
                tr("The folder {} holds no scene; expected rasters, SAFE products or STAC items in it.").format(folder)
            )
        outputs = self._outputs(parameters, context)
        layers = [self.parameterAsLayer(parameters, name, context) for name in ("MASK", "AOI") if parameters.get(name)]
        check_apart(outputs, layers)

    def _outputs(self, parameters, context) -> dict[str, str]:
        """The inventories, each with the scene that it is of.

        Raises:
            InputError: two scenes would have one.
        """
        given = output_path(parameters.get("OUTPUT_FOLDER"), context)
        found: dict[str, str] = {}
        for scene in scenes_in(self.parameterAsString(parameters, "FOLDER", context)):
            out = str(Path(given) / f"{scene.stem}.gpkg")
            if out in found:
                raise InputError(
                    tr("The scenes {one} and {other} would both become {name}; rename one of them.").format(
                        one=found[out], other=scene.name, name=Path(out).name
                    )
                )
            found[out] = scene.name
        return found

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            reader = SceneReader(self, parameters, context)
            self.request = {**reader.layers(), **reader.options(), **reader.before()}
        self.facts = {}
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Map one scene after another."""
        with processing_errors(feedback):
            vectors = SceneReader(self, parameters, context).vectors()
            common = {**self.request, **vectors, **model_request(self, parameters, context)}
        folder = Path(self.parameterAsString(parameters, "OUTPUT_FOLDER", context))
        folder.mkdir(parents=True, exist_ok=True)
        again = self.parameterAsBool(parameters, "AGAIN", context)
        rasters = self.parameterAsBool(parameters, "WITH_PROBABILITY", context)
        reports = self.parameterAsBool(parameters, "WITH_REPORT", context)
        used = {
            str(Path(path).resolve()) for key in ("dem", "slope", "mask", "before") for path in _listed(common.get(key))
        }
        scenes = [s for s in scenes_in(self.parameterAsString(parameters, "FOLDER", context)) if str(s) not in used]
        mapped, failed = [], []
        with self.worker(feedback) as worker:
            for number, scene in enumerate(scenes):
                out = folder / f"{scene.stem}.gpkg"
                if out.exists() and not again:
                    feedback.pushInfo(tr("{}: has an inventory already").format(scene.name))
                    mapped.append(str(out))
                    continue
                feedback.pushInfo(tr("Scene {} of {}: {}").format(number + 1, len(scenes), scene.name))
                request = {**common, "scene": str(scene), "out": str(out)}
                if rasters:
                    request["probability"] = str(folder / f"{scene.stem}_probability.tif")
                if reports:
                    request["report"] = str(folder / f"{scene.stem}.html")
                try:
                    result = worker.request("map", request, progress=Progress(feedback, number, len(scenes)))
                except EngineError as error:
                    if error.kind == "Crash" and not worker.running():
                        raise
                    failed.append(scene.name)
                    feedback.reportError(f"{scene.name}: {error}", False)
                    continue
                mapped.append(str(out))
                self.facts[str(out)] = result.get("provenance", {})
        feedback.pushInfo(tr("{} scenes mapped, {} failed").format(len(mapped), len(failed)))
        if failed and not mapped:
            raise QgsProcessingException(tr("No scene could be mapped; the log says why."))
        if self.parameterAsBool(parameters, "LOAD", context):
            self._load(context, mapped)
        return {"OUTPUT_FOLDER": str(folder), "OUTPUTS": mapped, "MAPPED": len(mapped), "FAILED": len(failed)}

    def postProcessAlgorithm(self, context, feedback):  # noqa: N802
        """Refresh layers that show the files already; in the main thread."""
        refresh_open(context, self.facts)
        return {}

    def _load(self, context, paths: list[str]) -> None:
        if context.project() is None:
            return
        for path in paths:
            name = tr("Landslides {}").format(Path(path).stem)
            details = QgsProcessingContext.LayerDetails(name, context.project(), "OUTPUTS")
            context.addLayerToLoadOnCompletion(path, details)
            finish(context, path, self.facts.get(path, {}))


def scenes_in(folder: str) -> list[Path]:
    """The scenes of a folder, by name."""
    try:
        entries = sorted(Path(folder).resolve().iterdir())
    except OSError:
        return []
    return [entry for entry in entries if not entry.name.startswith(".") and _is_scene(entry)]


def _is_scene(path: Path) -> bool:
    suffix = path.suffix.lower()
    if path.is_dir():
        return suffix == ".safe"
    return suffix in (*_RASTERS, ".zip") or (suffix == ".json" and ".provenance" not in path.name)


def _listed(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else [str(value)] if value else []
