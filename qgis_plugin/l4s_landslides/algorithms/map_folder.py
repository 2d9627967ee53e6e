"""Map landslides in a folder: every scene in it becomes an inventory."""

from __future__ import annotations

import os
from dataclasses import dataclass
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

from ..bands import guess
from ..base import LandslideAlgorithm, processing_errors
from ..enums import FOLDER
from ..errors import EngineError, InputError
from ..model_parameters import add_model, model_request
from ..outputs import check_apart, output_path
from ..progress import Progress
from ..results import finish, load_now
from ..scene_parameters import SceneReader, add_area, add_before, add_details, add_terrain
from ..texts import tr

_NATURAL = ("B4", "B3", "B2")
_BAND_FILES = (".tif", ".tiff", ".jp2", ".img")
_DEPTH = 4
"""How many folders deep scenes are looked for."""
_RASTERS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".h5")


class MapFolder(LandslideAlgorithm):
    """Runs the engine's map_scene for one scene after another."""

    NAME = "mapfolder"
    TITLE = "Map landslides in a folder"
    SUMMARY = "Maps every Sentinel-2 scene of a folder; a scene that fails is reported and the others go on."
    TAGS = ("batch", "mapping", "folder", "detect", "segmentation")
    GROUP = "Map"
    HELP = """Maps every scene of a folder and of the folders in it: rasters (.tif, .vrt, .jp2, .img), SAFE products \
(folders and zips), folders of band files, STAC items (.json) and patches of Landslide4Sense (.h5). Each becomes an \
inventory of its own in the output folder, named after the scene.

Earlier scenes, DEM, area of interest, mask and options hold for all scenes; those that lie in the folder \
themselves are not mapped. A scene that fails is reported, and the others go on. \
Scenes that have an inventory in the output folder already are left alone, so a stopped run can be gone on with, \
unless you ask for all to be mapped again. After a cancel, what is finished is kept and added to the project."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterFile("FOLDER", tr("Folder of scenes"), FOLDER))
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
        _check_writable(output_path(parameters.get("OUTPUT_FOLDER"), context))
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
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Map one scene after another."""
        with processing_errors(feedback):
            vectors = SceneReader(self, parameters, context).vectors()
            common = {**self.request, **vectors, **model_request(self, parameters, context)}
        folder = Path(self.parameterAsString(parameters, "OUTPUT_FOLDER", context))
        with processing_errors(feedback):
            _make(folder)
        wanted = Wanted(
            folder,
            self.parameterAsBool(parameters, "AGAIN", context),
            self.parameterAsBool(parameters, "WITH_PROBABILITY", context),
            self.parameterAsBool(parameters, "WITH_REPORT", context),
        )
        used = {
            str(Path(path).resolve()) for key in ("dem", "slope", "mask", "before") for path in _listed(common.get(key))
        }
        scenes = [s for s in scenes_in(self.parameterAsString(parameters, "FOLDER", context)) if str(s) not in used]
        mapped, failed = [], []
        try:
            with self.worker(feedback) as worker:
                for number, scene in enumerate(scenes):
                    progress = Progress(feedback, number, len(scenes))
                    self._map(worker, scene, common, wanted, progress, (mapped, failed), feedback)
        except QgsProcessingException:
            self._rescue(parameters, context, feedback, mapped, len(scenes))
            raise
        feedback.pushInfo(tr("{} scenes mapped, {} failed").format(len(mapped), len(failed)))
        if failed and not mapped:
            raise QgsProcessingException(tr("No scene could be mapped; the log says why."))
        if self.parameterAsBool(parameters, "LOAD", context):
            self._load(context, mapped)
        return {"OUTPUT_FOLDER": str(folder), "OUTPUTS": mapped, "MAPPED": len(mapped), "FAILED": len(failed)}

    def _map(self, worker, scene, common, wanted, progress, told, feedback):
        """Map one scene, and note in `told` whether it is mapped or has failed."""
        mapped, failed = told
        out = wanted.folder / f"{scene.stem}.gpkg"
        if out.exists() and not wanted.again:
            feedback.pushInfo(tr("{}: has an inventory already").format(scene.name))
            mapped.append(str(out))
            return
        feedback.pushInfo(tr("Scene {}: {}").format(len(mapped) + len(failed) + 1, scene.name))
        request = {**common, "scene": str(scene), "out": str(out)}
        if wanted.rasters:
            request["probability"] = str(wanted.folder / f"{scene.stem}_probability.tif")
        if wanted.reports:
            request["report"] = str(wanted.folder / f"{scene.stem}.html")
        try:
            result = worker.request("map", request, progress=progress)
        except EngineError as error:
            if error.kind == "Crash" and not worker.running():
                raise
            failed.append(scene.name)
            feedback.reportError(f"{scene.name}: {error}", False)
            return
        mapped.append(str(out))
        self.written[str(out)] = result.get("provenance", {})

    def _rescue(self, parameters, context, feedback, mapped, count):
        """After a cancel, say what is finished, and load it, which Processing does not do then."""
        if not mapped:
            return
        feedback.reportError(
            tr("{} of {} scenes were finished, and are kept; run it again for the others.").format(len(mapped), count)
        )
        if self.parameterAsBool(parameters, "LOAD", context) and context.project() is not None:
            load_now(context.project(), {path: self.written.get(path, {}) for path in mapped})

    def _load(self, context, paths: list[str]) -> None:
        if context.project() is None:
            return
        for path in paths:
            name = tr("Landslides {}").format(Path(path).stem)
            details = QgsProcessingContext.LayerDetails(name, context.project(), "OUTPUTS")
            context.addLayerToLoadOnCompletion(path, details)
            finish(context, path, self.written.get(path, {}))


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each scene."""

    folder: Path
    again: bool
    rasters: bool
    reports: bool


def _check_writable(folder: str) -> None:
    """Check that a folder can be written, or made.

    Raises:
        InputError: it cannot.
    """
    place = Path(folder) if folder else None
    while place is not None and not place.exists() and place != place.parent:
        place = place.parent
    if place is not None and not (place.is_dir() and os.access(place, os.W_OK)):
        raise _not_writable(folder, place)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(str(folder), error) from None


def _not_writable(folder: str, why: object) -> InputError:
    return InputError(
        tr("The folder of inventories {folder} cannot be written ({why}); choose one in which you may.").format(
            folder=folder, why=why
        )
    )


def scenes_in(folder: str) -> list[Path]:
    """The scenes of a folder and of the folders in it, by name; a folder of band files is one scene."""
    place = Path(folder)
    return [place.resolve()] if _holds_bands(place) else _found(place.resolve(), _DEPTH)


def _found(folder: Path, depth: int) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []
    scenes = []
    for entry in entries:
        if _is_scene(entry):
            scenes.append(entry)
        elif entry.is_dir() and depth:
            scenes += _found(entry, depth - 1)
    return scenes


def _is_scene(path: Path) -> bool:
    suffix = path.suffix.lower()
    if path.is_dir():
        return suffix == ".safe" or _holds_bands(path)
    return suffix in (*_RASTERS, ".zip") or (suffix == ".json" and ".provenance" not in path.name)


def _holds_bands(folder: Path) -> bool:
    """Whether a folder holds single-band files of red, green and blue, one of each, by their names."""
    try:
        names = [path.stem for path in folder.iterdir() if path.suffix.lower() in _BAND_FILES and path.is_file()]
    except OSError:
        return False
    return set(_NATURAL) <= {guess(name) for name in names}


def _listed(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else [str(value)] if value else []
