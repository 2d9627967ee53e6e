"""A trained network as one small ONNX file that ONNX Runtime runs in float32.

Large weights are stored in half precision, or as 8-bit integers with one scale for each output channel, and widened
when the network is loaded: the file shrinks, the arithmetic and the speed stay those of float32. A network that half
precision changes keeps its weights in full.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from l4s_geo.inference.devices import onnxruntime

__all__ = ["TOLERANCE", "Storage", "check_parity", "onnx_logits", "parity", "stored", "to_onnx", "traced"]

Storage = Literal["half", "int8", "full"]

TOLERANCE = 0.05
"""Largest difference of a logit between torch in float32 and the exported network with its half weights."""
_OPSET = 18
_SMALLEST = 1024
"""Least number of values of a tensor that is stored small; smaller ones stay in float32."""


def to_onnx(network: nn.Module, bands: int, window: int, storage: Storage = "half") -> bytes:
    """Export a network: batch free, rows and columns fixed.

    Args:
        network: in eval mode, on the CPU; (n, bands, window, window) -> (n, 1, window, window) logits.
        bands: number of input bands.
        window: rows and columns.
        storage: how large weights are stored.

    Returns:
        One ONNX file without external data.
    """
    return stored(traced(network, bands, window), storage)


def traced(network: nn.Module, bands: int, window: int) -> onnx.ModelProto:
    """Export a network with its weights in full; see `to_onnx`."""
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
    for node in model.graph.node:  # the exporter records source lines and paths of the machine it ran on
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    return model


def stored(model: onnx.ModelProto, storage: Storage) -> bytes:
    """Return the file of an exported network, its weights stored as asked for; the model stays as it is."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if storage != "full":
        _shrink(copy, storage)
    onnx.checker.check_model(copy)
    return bytes(copy.SerializeToString())


def onnx_logits(data: bytes, gpu: bool = False) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Open an exported network: (n, bands, rows, cols) float32 normalised -> (n, 1, rows, cols) float32 logits.

    Args:
        data: the ONNX file.
        gpu: run on a GPU where ONNX Runtime is the build for one; never tried on real hardware.
    """
    ort = onnxruntime()
    providers: list[object] = ["CPUExecutionProvider"]
    if gpu and "CUDAExecutionProvider" in ort.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0"}))
    session = ort.InferenceSession(data, providers=providers)

    def predict(x: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = session.run(["logit"], {"image": x})[0]
        return logits

    return predict


def check_parity(data: bytes, network: nn.Module, bands: int, window: int, tolerance: float = TOLERANCE) -> float:
    """Compare the exported network with the trained one; see `parity`.

    Returns:
        The largest difference of a logit.

    Raises:
        RuntimeError: they differ by more than the tolerance; the export is wrong.
    """
    worst = parity(data, network, bands, window)
    if not worst <= tolerance:
        raise RuntimeError(f"The exported network differs from the trained one by {worst:.3g} in a logit.")
    return worst


def parity(data: bytes, network: nn.Module, bands: int, window: int) -> float:
    """Compare the exported network with the trained one, on the CPU, on random windows in batches of 1 and 3.

    Returns:
        The largest difference of a logit; NaN where one of them is not a number.
    """
    predict = onnx_logits(data)
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for size in (1, 3):
        noise = torch.randn(size, bands, window // 8, window // 8, generator=generator)
        x = nn.functional.interpolate(noise, size=(window, window), mode="bilinear")
        with torch.inference_mode():
            expected = network(x).numpy()
        worst = float(np.maximum(worst, np.abs(predict(x.numpy()) - expected).max()))  # keeps NaN
    return worst


def _shrink(model: onnx.ModelProto, storage: Storage) -> None:
    """Store large float32 weights small, each behind nodes that the runtime folds when it loads."""
    widening = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALLEST:
            continue
        name = tensor.name
        if storage == "half":
            with np.errstate(over="ignore"):  # parity tells
                half = values.astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
            widening.append(helper.make_node("Cast", [f"{name}_half"], [name], f"widen_{name}", to=TensorProto.FLOAT))
            continue
        integers, scale = _to_int8(values)
        tensor.CopyFrom(numpy_helper.from_array(integers, f"{name}_int8"))
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        widening += [
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_whole"], f"widen_{name}", to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name], f"scale_{name}"),
        ]
    nodes = [*widening, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _to_int8(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round to 255 levels between minus and plus the largest value of each entry of the first axis."""
    axes = tuple(range(1, values.ndim))
    scale = np.abs(values).max(axis=axes, keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale
