"""The algorithms, one a file."""

from .build_stack import BuildStack
from .check_environment import CheckEnvironment
from .compare import CompareReference
from .copy_engine import CopyEngine
from .export_catalogue import ExportCatalogue
from .make_inventory import MakeInventory
from .make_report import MakeReport
from .map_event import MapEvent
from .map_folder import MapFolder
from .map_landslides import MapLandslides
from .measure_again import MeasureAgain
from .remove_environment import RemoveEnvironment
from .search_scenes import SearchScenes
from .setup_environment import SetUpEnvironment
from .teach import TeachFromLabels

ALGORITHMS = (
    MapLandslides,
    MapFolder,
    MapEvent,
    BuildStack,
    MakeInventory,
    MeasureAgain,
    TeachFromLabels,
    CompareReference,
    MakeReport,
    SearchScenes,
    ExportCatalogue,
    CheckEnvironment,
    SetUpEnvironment,
    RemoveEnvironment,
    CopyEngine,
)
