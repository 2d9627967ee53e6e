"""The algorithms, one a file."""

from .build_stack import BuildStack
from .check_environment import CheckEnvironment
from .compare import CompareReference
from .export_catalogue import ExportCatalogue
from .make_report import MakeReport
from .map_folder import MapFolder
from .map_landslides import MapLandslides
from .search_scenes import SearchScenes
from .setup_environment import SetUpEnvironment
from .teach import TeachFromLabels

ALGORITHMS = (
    MapLandslides,
    MapFolder,
    BuildStack,
    TeachFromLabels,
    CompareReference,
    MakeReport,
    SearchScenes,
    ExportCatalogue,
    CheckEnvironment,
    SetUpEnvironment,
)
