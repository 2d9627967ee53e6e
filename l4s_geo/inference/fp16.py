"""Networks in half precision: weights and activations in float16, sums in float32.

Convolutions, matrix products and what lies between them take float16; on a GPU's tensor cores, their sums are formed
in float32. Norms, softmax, means and whatever else adds up many values or may leave float16's range stays in float32,
and so do the network's input and output.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from l4s_geo.errors import DeviceError

__all__ = ["HALF_OPERATORS", "to_half"]

HALF_OPERATORS = frozenset({
    "Conv", "ConvTranspose", "Gemm", "MatMul",
    "Add", "Clip", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mul", "Neg", "PRelu", "Relu",
    "Sigmoid", "Sub", "Tanh",
    "AveragePool", "MaxPool", "Resize",
    "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice", "SpaceToDepth",
    "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators that take float16; all others stay in float32."""

_SINGLE_INPUTS = {"Resize": (1, 2)}
"""Inputs of such operators that stay in float32: the scales of a Resize."""


def to_half(network: bytes) -> bytes:
    """Convert a network to half precision.

    Args:
        network: an ONNX file with float32 input and output; weights may be stored in float16 and widened by Cast.

    Returns:
        An ONNX file with the same inputs and outputs.

    Raises:
        DeviceError: the package onnx is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise DeviceError(
            f"Precision fp16 needs the package onnx, which cannot be imported ({error}); install the gpu extra "
            "(pip install 'l4s-geo[gpu]'), or use --precision fp32."
        ) from error
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(network), data_prop=True)
    graph = model.graph
    nodes = list(_halved(graph))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return bytes(model.SerializeToString())


def _halved(graph: Any) -> Iterator[Any]:
    """Yield the graph's nodes in half precision, with casts between them and those that stay in float32."""
    from onnx import TensorProto, helper

    half, single = TensorProto.FLOAT16, TensorProto.FLOAT
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    types |= {weights.name: weights.data_type for weights in graph.initializer}
    constants = {weights.name for weights in graph.initializer}
    results = {value.name for value in graph.output}
    casts: set[str] = set()
    for node in graph.node:
        # A division by a constant is part of GELU; one by a computed value is part of a norm.
        in_half = node.op_type in HALF_OPERATORS or (node.op_type == "Div" and node.input[1] in constants)
        for place, name in enumerate(node.input):
            wanted = half if in_half and place not in _SINGLE_INPUTS.get(node.op_type, ()) else single
            if node.op_type == "Cast" or types.get(name) not in (half, single) or types[name] == wanted:
                continue
            node.input[place] = f"{name}/{TensorProto.DataType.Name(wanted)}"
            if node.input[place] not in casts:
                casts.add(node.input[place])
                yield helper.make_node("Cast", [name], [node.input[place]], to=wanted)
        after = []
        for place, name in enumerate(node.output):
            if not in_half or types.get(name) != single:
                continue
            if name in results:
                node.output[place] = f"{name}/FLOAT16"
                after.append(helper.make_node("Cast", [node.output[place]], [name], to=single))
            else:
                types[name] = half
        yield node
        yield from after
