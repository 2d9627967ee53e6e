"""The parameters that say how to map, the same for one scene and for many."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsSettings,
)

from . import defaults
from .errors import InputError
from .scene_parameters import advanced
from .texts import tr

DEVICES = ("auto", "cuda", "cpu", "tensorrt", "openvino")
VIEWS = ("none", "flips", "d4")
BUNDLES = "l4s_landslides/bundles"
"""The setting that remembers the bundles that Check environment found, to offer them."""


def add_model(algorithm) -> None:
    """Add bundle, threshold, minimum area and device."""
    bundle = QgsProcessingParameterString("BUNDLE", tr("Bundle: name of an installed one, or path"), defaults.BUNDLE)
    if known := QgsSettings().value(BUNDLES, []) or []:
        bundle.setMetadata({"widget_wrapper": {"value_hints": list(known)}})
    algorithm.addParameter(bundle)
    threshold = QgsProcessingParameterNumber(
        "THRESHOLD",
        tr("Threshold, a probability (empty: the bundle's)"),
        QgsProcessingParameterNumber.Double,
        None,
        optional=True,
        minValue=0.001,
        maxValue=0.999,
    )
    algorithm.addParameter(threshold)
    algorithm.addParameter(
        QgsProcessingParameterNumber(
            "MIN_AREA", tr("Minimum area, m²"), QgsProcessingParameterNumber.Double, defaults.MIN_AREA, minValue=0
        )
    )
    devices = [tr("Automatic"), tr("NVIDIA GPU (CUDA)"), tr("CPU"), tr("NVIDIA GPU (TensorRT)"), tr("Intel (OpenVINO)")]
    device = DEVICES.index(defaults.DEVICE)
    algorithm.addParameter(QgsProcessingParameterEnum("DEVICE", tr("Device"), devices, defaultValue=device))
    _add_refinements(algorithm)


def model_request(algorithm, parameters, context) -> dict:
    """Turn the parameters into a request's.

    Raises:
        InputError: no bundle was named.
    """
    bundle = algorithm.parameterAsString(parameters, "BUNDLE", context).strip()
    if not bundle:
        raise InputError(tr("No bundle is named; give the name of an installed one (rgb), or a path."))
    request = {
        "bundle": bundle,
        "min_area": algorithm.parameterAsDouble(parameters, "MIN_AREA", context),
        "device": DEVICES[algorithm.parameterAsEnum(parameters, "DEVICE", context)],
        "overlap": algorithm.parameterAsInt(parameters, "OVERLAP", context),
        "tta": VIEWS[algorithm.parameterAsEnum(parameters, "TTA", context)],
        "connectivity": 8 if algorithm.parameterAsBool(parameters, "DIAGONAL", context) else 4,
        "patch": algorithm.parameterAsBool(parameters, "PATCH", context),
    }
    for name in ("SKIP_FLAT", "FILL_HOLES", "SIMPLIFY"):
        request[name.lower()] = algorithm.parameterAsDouble(parameters, name, context)
    if parameters.get("THRESHOLD") not in (None, ""):
        request["threshold"] = algorithm.parameterAsDouble(parameters, "THRESHOLD", context)
    return request


def _add_refinements(algorithm) -> None:
    """Add the options that trade time for accuracy and shape the polygons, folded under Advanced."""
    number = QgsProcessingParameterNumber
    overlap = tr("Overlap of neighbouring windows, pixels")
    views = [tr("One view"), tr("4 views (flips): slower, steadier"), tr("8 views (flips and turns)")]
    view, diagonal = VIEWS.index(defaults.TTA), defaults.CONNECTIVITY == 8
    for parameter in (
        number("OVERLAP", overlap, number.Integer, defaults.OVERLAP, minValue=0, maxValue=127),
        QgsProcessingParameterEnum("TTA", tr("Test-time augmentation"), views, defaultValue=view),
        number(
            "SKIP_FLAT",
            tr("Skip windows that are flatter than this, degrees"),
            number.Double,
            defaults.SKIP_FLAT,
            minValue=0,
            maxValue=90,
        ),
        QgsProcessingParameterBoolean("DIAGONAL", tr("Pixels that touch at a corner are one landslide"), diagonal),
        number("FILL_HOLES", tr("Fill holes up to this area, m²"), number.Double, defaults.FILL_HOLES, minValue=0),
        number("SIMPLIFY", tr("Smooth outlines to this tolerance, m"), number.Double, defaults.SIMPLIFY, minValue=0),
        QgsProcessingParameterBoolean("PATCH", tr("Map a scene without coordinates (.h5) from its own corner"), False),
    ):
        advanced(algorithm, parameter)
