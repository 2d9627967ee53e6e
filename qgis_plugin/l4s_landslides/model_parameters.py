"""The parameters that say how to map, the same for one scene and for many."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from . import defaults
from .enums import INTEGER, NUMBER
from .errors import InputError
from .scene_parameters import advanced
from .texts import tr

DEVICES = ("auto", "cuda", "cpu", "tensorrt", "openvino")
VIEWS = ("none", "flips", "d4")
PRECISIONS = ("auto", "fp32", "fp16")
WHETHER = ("auto", "on", "off")


def add_bundle(algorithm, text: str) -> None:
    """Add the bundle, with a chooser that shows what its card says."""
    bundle = QgsProcessingParameterString("BUNDLE", text, defaults.BUNDLE)
    bundle.setMetadata({"widget_wrapper": {"class": "l4s_landslides.widgets.ModelChooserWrapper"}})
    algorithm.addParameter(bundle)


def add_model(algorithm) -> None:
    """Add bundle, threshold, minimum area and device."""
    add_bundle(algorithm, tr("Bundle: name of an installed one, or path"))
    threshold = QgsProcessingParameterNumber(
        "THRESHOLD",
        tr("Threshold, a probability (empty: the bundle's)"),
        NUMBER,
        None,
        optional=True,
        minValue=0.001,
        maxValue=0.999,
    )
    algorithm.addParameter(threshold)
    algorithm.addParameter(
        QgsProcessingParameterNumber("MIN_AREA", tr("Minimum area, m²"), NUMBER, defaults.MIN_AREA, minValue=0)
    )
    devices = [tr("Automatic"), tr("NVIDIA GPU (CUDA)"), tr("CPU"), tr("NVIDIA GPU (TensorRT)"), tr("Intel (OpenVINO)")]
    device = DEVICES.index(defaults.DEVICE)
    algorithm.addParameter(QgsProcessingParameterEnum("DEVICE", tr("Device"), devices, defaultValue=device))
    add_event(algorithm)
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
        "crf": WHETHER[algorithm.parameterAsEnum(parameters, "CRF", context)],
        "terrain_prior": WHETHER[algorithm.parameterAsEnum(parameters, "TERRAIN_PRIOR", context)],
        "precision": PRECISIONS[algorithm.parameterAsEnum(parameters, "PRECISION", context)],
        "resume": algorithm.parameterAsBool(parameters, "RESUME", context),
    }
    for name in ("SKIP_FLAT", "FILL_HOLES", "SIMPLIFY"):
        request[name.lower()] = algorithm.parameterAsDouble(parameters, name, context)
    for name in ("EVENT", "EVENT_DATE", "TRIGGER"):
        if text := algorithm.parameterAsString(parameters, name, context).strip():
            request[name.lower()] = text
    if parameters.get("THRESHOLD") not in (None, ""):
        request["threshold"] = algorithm.parameterAsDouble(parameters, "THRESHOLD", context)
    return request


def add_event(algorithm) -> None:
    """Add what the user says of the event, which becomes attributes."""
    text = QgsProcessingParameterString
    advanced(algorithm, text("EVENT", tr("Name of the event, an attribute"), optional=True))
    day = tr("Date of the event (2018-09-06, or first/last), an attribute")
    advanced(algorithm, text("EVENT_DATE", day, optional=True))
    advanced(algorithm, text("TRIGGER", tr("Trigger (earthquake, rainfall…), an attribute"), optional=True))


def _add_refinements(algorithm) -> None:
    """Add the options that trade time for accuracy and shape the polygons, folded under Advanced."""
    number = QgsProcessingParameterNumber
    overlap = tr("Overlap of neighbouring windows, pixels")
    views = [tr("One view"), tr("4 views (flips): slower, steadier"), tr("8 views (flips and turns)")]
    whether = [tr("If the bundle was measured to gain from it"), tr("On"), tr("Off")]
    kinds = [tr("Automatic"), tr("Full (fp32)"), tr("Half (fp16), on an NVIDIA GPU")]
    crf, prior = tr("Refine the outlines with a DenseCRF"), tr("Weigh by the slope of the ground (needs a DEM)")
    precision = tr("Precision of the networks")
    resume = tr("Go on where a stopped run ended (same parameters, same file)")
    view, diagonal = VIEWS.index(defaults.TTA), defaults.CONNECTIVITY == 8
    for parameter in (
        number("OVERLAP", overlap, INTEGER, defaults.OVERLAP, minValue=0, maxValue=127),
        QgsProcessingParameterEnum("TTA", tr("Test-time augmentation"), views, defaultValue=view),
        number(
            "SKIP_FLAT",
            tr("Skip windows that are flatter than this, degrees"),
            NUMBER,
            defaults.SKIP_FLAT,
            minValue=0,
            maxValue=90,
        ),
        QgsProcessingParameterBoolean("DIAGONAL", tr("Pixels that touch at a corner are one landslide"), diagonal),
        number("FILL_HOLES", tr("Fill holes up to this area, m²"), NUMBER, defaults.FILL_HOLES, minValue=0),
        number("SIMPLIFY", tr("Smooth outlines to this tolerance, m"), NUMBER, defaults.SIMPLIFY, minValue=0),
        QgsProcessingParameterEnum("CRF", crf, whether, defaultValue=WHETHER.index(defaults.CRF)),
        QgsProcessingParameterEnum("TERRAIN_PRIOR", prior, whether, defaultValue=WHETHER.index(defaults.TERRAIN_PRIOR)),
        QgsProcessingParameterEnum("PRECISION", precision, kinds, defaultValue=PRECISIONS.index(defaults.PRECISION)),
        QgsProcessingParameterBoolean("RESUME", resume, False),
        QgsProcessingParameterBoolean("PATCH", tr("Map a scene without coordinates (.h5) from its own corner"), False),
    ):
        advanced(algorithm, parameter)
