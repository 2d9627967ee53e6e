"""Networks in half precision say what they say in single precision."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import DeviceError
from l4s_geo.inference.fp16 import HALF_OPERATORS, to_half
from l4s_geo.normalize import normalize
from support import linear_network

onnx = pytest.importorskip("onnx", reason="onnx (extra gpu) is not installed")


def run(network: bytes, x: np.ndarray) -> np.ndarray:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def built(nodes: list, weights: dict[str, np.ndarray], side: int = 8) -> bytes:
    """A network of nodes, from "image" to "logit"."""
    from onnx import TensorProto, helper, numpy_helper

    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, side, side])
        for name, channels in (("image", 2), ("logit", 1))
    ]
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "built", values[:1], values[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def types(network: bytes) -> dict[str, int]:
    """Element type of each value, as ONNX infers it; fails if types do not fit together."""
    model = onnx.load_from_string(network)
    onnx.checker.check_model(model)
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True).graph
    return {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}


@pytest.mark.parametrize(("name", "bound"), [("rgb", 5e-3), ("rgb-fast", 0.01)])
def test_the_embedded_bundles_in_half_precision(labelled_patches, name, bound):
    bundle = find_bundle(name)
    from l4s_geo.bands import BANDS, scale_of

    dn = labelled_patches[0][:3]
    units = (dn / scale_of(BANDS)[:, None, None]).astype(np.float32)
    units = units[:, [BANDS.index(b) for b in bundle.bands]]
    together = 0.0
    for member in bundle.members:
        x = normalize(units, member.normalization, member.statistics)
        network = bundle.network(member)
        single, half = (sigmoid(run(n, x)) for n in (network, to_half(network)))
        assert single.max() > 0.5
        assert 0 < abs(half - single).max() < 0.01
        together += member.weight * (half - single)
    assert abs(together).max() / sum(m.weight for m in bundle.members) < bound


def test_every_convolution_takes_half_and_input_and_output_stay_single():
    half = onnx.TensorProto.FLOAT16
    bundle = find_bundle("rgb")
    network = to_half(bundle.network(bundle.members[0]))
    kinds, graph = types(network), onnx.load_from_string(network).graph
    assert [v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)] == [onnx.TensorProto.FLOAT] * 2
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    assert len(convolutions) > 20
    assert {kinds[name] for node in convolutions for name in node.output} == {half}


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["segformer_b0", *(pytest.param(n, marks=SLOW) for n in ("unet-resnet18", "hrnet_ocr", "swin_unet"))]
)
def test_exported_networks_in_half_precision(name):
    torch = pytest.importorskip("torch", reason="torch (extra train) makes the networks")
    from l4s_training import models
    from l4s_training.export.bench import settle, smooth_noise
    from l4s_training.export.onnx_file import to_onnx

    torch.manual_seed(0)
    network = models.build(name, 4, 64)
    settle(network, smooth_noise(2, 4, 64))
    single = to_onnx(network, 4, 64)
    x = smooth_noise(2, 4, 64, seed=1).numpy()
    a, b = run(single, x), run(to_half(single), x)
    assert a.std() > 0
    assert 0 < abs(a - b).max()
    assert abs(sigmoid(a) - sigmoid(b)).max() < 2e-3
    assert abs(a - b).max() < 5e-3 * np.ptp(a)


def test_sums_and_norms_stay_in_single_precision():
    """65504 is the highest float16: a sum of squares passes it, and the result must not care."""
    from onnx import helper

    nodes = [
        helper.make_node("Relu", ["image"], ["positive"]),
        helper.make_node("Mul", ["positive", "hundred"], ["large"]),
        helper.make_node("ReduceSumSquare", ["large", "axes"], ["energy"]),
        helper.make_node("Sqrt", ["energy"], ["norm"]),
        helper.make_node("Div", ["large", "norm"], ["unit"]),
        helper.make_node("Conv", ["unit", "weights"], ["logit"]),
    ]
    weights = {
        "hundred": np.array(100, np.float32),
        "axes": np.array([1, 2, 3], np.int64),
        "weights": np.ones((1, 2, 1, 1), np.float32),
    }
    network = built(nodes, weights)
    x = np.random.default_rng(0).random((3, 2, 8, 8)).astype(np.float32)
    converted = to_half(network)
    kinds = types(converted)
    assert {kinds[v] for v in ("energy", "norm", "unit")} == {onnx.TensorProto.FLOAT}
    assert {kinds[v] for v in ("positive", "large", "logit/FLOAT16")} == {onnx.TensorProto.FLOAT16}
    np.testing.assert_allclose(run(converted, x), run(network, x), rtol=3e-3)


def test_values_used_in_both_precisions_and_as_the_result():
    """The result also feeds a node that stays single, one value is cast once for two, and whole numbers are let be."""
    from onnx import helper

    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["logit"]),
        helper.make_node("Softplus", ["logit"], ["unused"]),
        helper.make_node("Shape", ["logit"], ["shape"]),
        helper.make_node("Reshape", ["unused", "shape"], ["unused too"]),
    ]
    network = built(nodes, {"weights": np.ones((1, 2, 1, 1), np.float32)})
    converted = to_half(network)
    types(converted)
    casts = [n.input[0] for n in onnx.load_from_string(converted).graph.node if n.op_type == "Cast"]
    assert sorted(casts) == sorted(set(casts))
    x = np.random.default_rng(0).random((1, 2, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(run(converted, x), run(network, x), atol=2e-3)


def test_only_known_operators_are_halved():
    assert not HALF_OPERATORS & {"LayerNormalization", "BatchNormalization", "Softmax", "ReduceMean", "Exp", "Pow"}


def test_a_missing_onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DeviceError, match=r"onnx.*l4s-geo\[gpu\].*--precision fp32"):
        to_half(linear_network.__doc__.encode())
