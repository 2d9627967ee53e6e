"""From a review onwards: teach a bundle, map again with it, look at the windows whose labels would teach most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qgis.core import QgsProject, QgsVectorLayer

from .made_from import bundle_name, facts_of, scene_parameters
from .results import file_of, layers_of
from .review_view import LandslideView
from .texts import tr

_SUGGESTED = 8


class Teaching:
    """Opens the dialogs with what is known, and remembers what was taught."""

    def __init__(self, view: LandslideView, tell: Callable[[str], None]) -> None:
        self._view = view
        self._tell = tell
        self._bundle = ""
        self._suggestions = ""
        self._window = -1
        self._dialog = None

    def teach(self, layer: QgsVectorLayer) -> None:
        """Open Teach from labels with a review as labels."""
        facts, scene = _made_from(layer)
        parameters = {"LABELS": layer.id(), "SUGGEST": _SUGGESTED, "SUGGESTIONS": "TEMPORARY_OUTPUT"}
        if bundle := bundle_name(facts):
            parameters["BUNDLE"] = bundle
        self._open("teachfromlabels", {**scene, **parameters}, self.taught)

    def map_again(self, layer: QgsVectorLayer) -> None:
        """Open Map landslides with the scene of the inventory, and the bundle that was taught if there is one."""
        facts, scene = _made_from(layer)
        bundle = self._bundle or facts.get("bundle") or ""
        self._open("maplandslides", {**scene, **({"BUNDLE": bundle} if bundle else {})})

    def next_window(self) -> None:
        """Show the next of the windows whose labels would teach most."""
        layers = layers_of(self._suggestions, QgsProject.instance()) if self._suggestions else []
        if not layers:
            self._tell(tr("No windows are suggested yet; run Teach with windows to suggest."))
            return
        windows = sorted(layers[0].getFeatures(), key=lambda feature: feature.id())
        if windows:
            self._window = (self._window + 1) % len(windows)
            self._view.show(windows[self._window].geometry().boundingBox(), layers[0].crs(), 1.2)

    def taught(self, fine: bool, answer: dict) -> None:
        """Take what Teach from labels has made: the bundle to map with, and the windows to look at."""
        if not fine:
            return
        self._bundle = str(answer.get("OUTPUT") or "")
        self._suggestions = str(answer.get("SUGGESTIONS") or "")
        self._window = -1
        self._tell(tr("Taught: {}. Map again uses it; W shows the suggested windows.").format(self._bundle))

    def _open(self, name: str, parameters: dict, then=None) -> None:
        import processing

        self._dialog = processing.createAlgorithmDialog(f"landslide4sense:{name}", parameters)
        if self._dialog is None:
            return
        if then is not None and hasattr(self._dialog, "algorithmFinished"):
            self._dialog.algorithmFinished.connect(then)
        self._dialog.show()


def _made_from(layer: QgsVectorLayer) -> tuple:
    """The provenance of an inventory, and the parameters of its scene."""
    facts = facts_of(layer)
    return facts, scene_parameters(facts, Path(file_of(layer)).parent)
