"""Turns a run into a bundle: ONNX file, description, model card.

The probabilities are calibrated on the validation blocks and the threshold is their F1 optimum. The weights are
stored in half precision, which halves the file, and widened to float32 when the network is loaded: the
arithmetic stays float32. The exported network must agree with the trained one, or there is no bundle.
"""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.special import logit
from torch import nn

from l4s_geo.bundle import Bundle, Member, Refinement, write_bundle
from l4s_geo.crf import CRFParameters, refine
from l4s_geo.errors import DataError
from l4s_geo.normalize import median_scaled
from l4s_training.calibration import Calibrated, Calibration, calibration_error, fit_calibration
from l4s_training.card import Measurement, model_card
from l4s_training.data import sources, splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.evaluate import Predict, load_network, predict_all, run_predictor, with_flips
from l4s_training.metrics import Scores, ThresholdCurve
from l4s_training.run import Run, read_run

__all__ = ["Exported", "export", "to_onnx"]

_TOLERANCE = 0.05
"""Largest difference of a logit between torch in float32 and the exported network with its half weights."""
_WORTH = 0.005
"""F1 that the DenseCRF must gain on validation and on test to run by default: less is within the noise."""
_OPSET = 18
_SMALLEST = 1024
"""Tensors of fewer values stay in float32."""


@dataclass(frozen=True)
class Exported:
    """What an export produced."""

    bundle: Bundle
    parity: float
    """Largest difference of a logit on the parity windows."""


def export(
    folder: Path,
    out: Path,
    name: str,
    version: str = "1",
    measure_on: Sequence[Path] = (),
    flips: bool = True,
    crf: bool = False,
) -> Exported:
    """Write the bundle of a run, scored on its validation and test blocks.

    Args:
        folder: the run's folder.
        out: the bundle's folder.
        name: the bundle's name.
        version: the bundle's version.
        measure_on: other labelled data, none of it trained on, to be scored whole.
        flips: also score with the eight flips and rotations averaged.
        crf: also score with a DenseCRF, and keep its parameters with the threshold that is best for it on the
            validation blocks; it runs by default if it pays on validation and test alike.

    Raises:
        DataError: there is no finished epoch, or the run's data is gone.
    """
    run = read_run(folder)
    if run.best is None:
        raise DataError(f"{folder} has no checkpoint yet; export it after its first epoch.")
    sets = sources.read_all(run.config.data, run.config.bands)
    parts = splits.split_sources(sets, run.config.plan)
    patches = concatenate(sets)
    validation = patches.take(parts.validation)
    trained = load_network(run)
    calibration = calibrate(run, trained, validation)
    network = Calibrated(trained, calibration).eval()
    file = f"{run.config.network}.onnx"
    data = to_onnx(network, len(run.config.bands), run.window)
    parity = check_parity(data, network, len(run.config.bands), run.window)
    exported = _Exported(data)
    curve = ThresholdCurve()
    curve.add(predict_all(run_predictor(run, exported, validation), validation), validation.masks)
    threshold, _ = curve.best()
    chosen = {
        "validation": validation,
        "test": patches.take(parts.test),
        **{path.stem: sources.read(path, run.config.bands) for path in measure_on},
    }
    measured = [m for name, part in chosen.items() for m in _measure(run, exported, name, part, threshold, flips)]
    refinement = None
    if crf:
        refinement, refined = _refinement(run, exported, chosen, measured)
        measured += refined
    member = Member(
        file,
        hashlib.sha256(data).hexdigest(),
        run.config.network,
        run.config.bands,
        run.config.normalization,
        run.statistics,
    )
    bundle = Bundle(
        name=name,
        version=version,
        description=f"{run.config.network} on {', '.join(run.config.bands)} for landslides at 10 m.",
        bands=run.config.bands,
        members=(member,),
        threshold=threshold,
        crf=refinement,
        window=run.window,
        trained_on=(
            f"{run.patches['train']} labelled Landslide4Sense patches "
            f"({', '.join(Path(d).name for d in run.config.data)}), split by blocks of id"
        ),
        scores={f"{m.name}_{k}": round(v, 4) for m in measured for k, v in m.as_dict().items()},
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    write_bundle(bundle, {file: data}, out, model_card(bundle, run, measured, calibration, parity, len(data)))
    return Exported(bundle, parity)


def to_onnx(network: nn.Module, bands: int, window: int) -> bytes:
    """Export a network: batch free, rows and columns fixed, weights in half precision.

    Args:
        network: in eval mode; (n, bands, window, window) -> (n, 1, window, window) logits.
        bands: number of input bands.
        window: rows and columns.

    Returns:
        One ONNX file without external data.
    """
    example = torch.zeros(2, bands, window, window)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["image"],
            output_names=["logit"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65536)},),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(path)
    _store_in_half(model)
    for node in model.graph.node:  # the exporter records source lines and paths of the machine it ran on
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def check_parity(data: bytes, network: nn.Module, bands: int, window: int) -> float:
    """Compare the exported network with the trained one on random windows, in batches of 1 and 3.

    Returns:
        The largest difference of a logit.

    Raises:
        RuntimeError: they differ by more than the tolerance; the export is wrong.
    """
    predict = _onnx_logits(data)
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for size in (1, 3):
        noise = torch.randn(size, bands, window // 8, window // 8, generator=generator)
        x = nn.functional.interpolate(noise, size=(window, window), mode="bilinear")
        with torch.inference_mode():
            expected = network(x).numpy()
        worst = max(worst, float(np.abs(predict(x.numpy()) - expected).max()))
    if not worst <= _TOLERANCE:
        raise RuntimeError(f"The exported network differs from the trained one by {worst:.3g} in a logit.")
    return worst


def calibrate(run: Run, network: nn.Module, validation: Patches) -> Calibration:
    """Fit the calibration of a run's network on its validation blocks."""
    probabilities = predict_all(run_predictor(run, network, validation), validation)
    return fit_calibration(logit(np.clip(probabilities, 1e-7, 1 - 1e-7)), validation.masks)


def _measure(
    run: Run, network: nn.Module, name: str, patches: Patches, threshold: float, flips: bool
) -> Iterator[Measurement]:
    """Score the exported network on one set of patches."""
    if not len(patches):
        return
    predict = run_predictor(run, network, patches)
    variants = {name: predict}
    if flips and name != "validation":
        variants[f"{name}_flips"] = with_flips(predict)
    for variant, function in variants.items():
        probabilities = predict_all(function, patches)
        scores = Scores.of(probabilities >= threshold, patches.masks)
        yield Measurement(variant, len(patches), scores, calibration_error(probabilities, patches.masks))


def _refinement(
    run: Run, network: nn.Module, chosen: Mapping[str, Patches], measured: Sequence[Measurement]
) -> tuple[Refinement, list[Measurement]]:
    """Score the exported network with the DenseCRF, at the threshold that is best with it on the validation blocks."""
    parameters = CRFParameters(bands=run.config.bands)
    refined = {name: _refined(run, network, chosen[name], parameters) for name in ("validation", "test")}
    curve = ThresholdCurve()
    curve.add(refined["validation"], chosen["validation"].masks)
    threshold, _ = curve.best()
    with_crf = []
    for name, probabilities in refined.items():
        masks = chosen[name].masks
        scores = Scores.of(probabilities >= threshold, masks)
        error = calibration_error(probabilities, masks)
        with_crf.append(Measurement(f"{name}_crf", len(masks), scores, error))
    plain = {m.name: m.scores.f1 for m in measured}
    pays = all(m.scores.f1 - plain[m.name.removesuffix("_crf")] >= _WORTH for m in with_crf)
    return Refinement(parameters, threshold, pays), with_crf


def _refined(run: Run, network: nn.Module, patches: Patches, parameters: CRFParameters) -> NDArray[np.float32]:
    """Predict patches and refine each by itself; (n, rows, cols) float32."""
    probabilities = predict_all(run_predictor(run, network, patches), patches)
    out = np.empty_like(probabilities)
    for i in range(len(patches)):
        features = patches.windows(np.array([i]))
        if run.config.normalization == "window":
            features = median_scaled(features)
        out[i] = refine(probabilities[i], features[0], parameters)
    return out


class _Exported(nn.Module):
    """An exported network in the place of the trained one."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._logits = _onnx_logits(data)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._logits(x.numpy()))


def _onnx_logits(data: bytes) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def predict(x: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = session.run(["logit"], {"image": x})[0]
        return logits

    return predict


def _store_in_half(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16, each behind a Cast that the runtime folds when it loads."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALLEST:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], f"widen_{name}", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
