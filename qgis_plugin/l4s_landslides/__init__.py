"""QGIS plugin: landslide inventories from Sentinel-2 scenes, in the Processing toolbox.

The plugin imports only QGIS and the standard library. The engine (the package l4s-geo) runs in an interpreter of its
own, as a worker that speaks JSON lines; the plugin starts it for each run and ends it with the run.
"""

from __future__ import annotations


def classFactory(iface):  # noqa: N802
    """Make the plugin; QGIS calls this."""
    from .plugin import LandslidesPlugin

    return LandslidesPlugin(iface)
