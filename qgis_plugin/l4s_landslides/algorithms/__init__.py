"""The algorithms, one a file."""

from .build_stack import BuildStack
from .check_environment import CheckEnvironment
from .compare import CompareReference
from .make_report import MakeReport
from .map_folder import MapFolder
from .map_landslides import MapLandslides
from .setup_environment import SetUpEnvironment

ALGORITHMS = (MapLandslides, MapFolder, BuildStack, CompareReference, MakeReport, CheckEnvironment, SetUpEnvironment)
