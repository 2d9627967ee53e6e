"""The provider: the algorithms, and the setting that names the engine's interpreter."""

from __future__ import annotations

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithms import ALGORITHMS
from .engine import SETTING
from .texts import ICON, tr


class LandslideProvider(QgsProcessingProvider):
    """Landslide4Sense in the Processing toolbox."""

    ID = "landslide4sense"
    NAME = "Landslide4Sense"

    def id(self):
        """The id, which scripts and models use."""
        return self.ID

    def name(self):
        """The name in the toolbox."""
        return self.NAME

    def longName(self):  # noqa: N802
        """The name where there is room."""
        return tr("Landslide4Sense: landslides in Sentinel-2 scenes")

    def icon(self):
        """The icon in the toolbox."""
        return QIcon(str(ICON))

    def svgIconPath(self):  # noqa: N802
        """The icon's file."""
        return str(ICON)

    def load(self):
        """Add the settings and the algorithms."""
        ProcessingConfig.settingIcons[self.NAME] = self.icon()
        python = tr("Python interpreter of the engine (empty: L4S_PYTHON, or what “Set up environment” made)")
        ProcessingConfig.addSetting(Setting(self.NAME, SETTING, python, "", valuetype=Setting.FILE))
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self):
        """Take the settings back."""
        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self):  # noqa: N802
        """Add the algorithms."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())

    def supportsNonFileBasedOutput(self):  # noqa: N802
        """The engine writes files, not tables of a database."""
        return False

    def supportedOutputVectorLayerExtensions(self):  # noqa: N802
        """The formats that the engine writes and QGIS reads."""
        return ["gpkg", "geojson", "fgb", "shp"]

    def defaultVectorFileExtension(self, hasGeometry=True):  # noqa: N802, N803
        """GeoPackage: it carries style and provenance."""
        return "gpkg"

    def supportedOutputRasterLayerExtensions(self):  # noqa: N802
        """The format that the engine writes."""
        return ["tif"]

    def defaultRasterFileExtension(self):  # noqa: N802
        """GeoTIFF."""
        return "tif"
