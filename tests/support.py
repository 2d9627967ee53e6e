"""What tests build their inputs from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from affine import Affine

UTM = "EPSG:32645"
ORIGIN = (300_000.0, 3_100_000.0)
TRANSFORM = Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])


def make_bundle(folder: Path, bands: tuple[str, ...], kind: str, slope: float = 10.0, shift: float = -20.0) -> Path:
    """Write a bundle whose logit is slope · x + shift, with x the first band as its normalisation leaves it."""
    from l4s_geo.bundle import Bundle, Member, write_bundle
    from l4s_geo.normalize import Statistics

    network = linear_network(len(bands), slope, shift)
    n = len(bands)
    member = Member(
        file="linear.onnx",
        sha256=hashlib.sha256(network).hexdigest(),
        architecture="linear",
        bands=bands,
        normalization=kind,
        statistics=Statistics((0.0,) * n, (1.0,) * n),
    )
    bundle = Bundle(folder.name, "1.0.0", "A bundle for tests", bands, (member,), threshold=0.5)
    write_bundle(bundle, {"linear.onnx": network}, folder)
    return folder


def linear_network(bands: int, slope: float, shift: float) -> bytes:
    """An ONNX network: (n, bands, 128, 128) → logit (n, 1, 128, 128) = slope · first band + shift."""
    from onnx import TensorProto, checker, helper

    weights = np.zeros((1, bands, 1, 1), np.float32)
    weights[0, 0] = slope
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w", "b"], ["logit"])],
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", bands, 128, 128])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1, 128, 128])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("b", TensorProto.FLOAT, (1,), [shift]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()
