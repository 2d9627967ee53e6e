"""Trees of LightGBM as an ONNX file, which ONNX Runtime runs without LightGBM.

ONNX compares in float32. A threshold between two float32 values is rounded down, so that every float32 feature goes the
same way as in LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import TeachingError

__all__ = ["to_onnx", "used_features"]

_TOLERANCE = 1e-5


def used_features(booster: Any) -> NDArray[np.int64]:
    """Return the numbers of the features by which some tree decides; at least one, in ascending order."""
    used = np.flatnonzero(booster.feature_importance("split"))
    return used if len(used) else np.zeros(1, np.int64)


def to_onnx(booster: Any, scale: float, shift: float, trial: NDArray[np.float32]) -> bytes:
    """Write trees, and the logistic function that makes probabilities of their scores.

    Args:
        booster: a `lightgbm.Booster` for two classes, trained without missing values.
        scale: factor of a raw score.
        shift: what is added to the scaled score.
        trial: (n, features) float32, on which the file is compared with the booster.

    Returns:
        An ONNX file: the `used_features`, (n, used) float32, become probabilities (n, 1) float32.

    Raises:
        TeachingError: the package onnx is missing, or the file would say something else than the booster.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError as error:
        raise TeachingError(
            f"Teaching needs the package onnx, which cannot be imported ({error}); install the extra teach: pip "
            "install 'l4s-geo[teach]'."
        ) from error
    used = used_features(booster)
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", ["features"], ["score"], domain="ai.onnx.ml", **_ensemble(booster, used)
        ),
        helper.make_node("Mul", ["score", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(used)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor(name, TensorProto.FLOAT, (1,), [v]) for name, v in (("scale", scale), ("shift", shift))],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    checker.check_model(model)
    file: bytes = model.SerializeToString()
    _compare(file, booster, scale, shift, trial)
    return file


def _compare(file: bytes, booster: Any, scale: float, shift: float, trial: NDArray[np.float32]) -> None:
    from l4s_geo.inference.taught import Trees

    expected = 1 / (1 + np.exp(-(scale * booster.predict(trial, raw_score=True) + shift)))
    taken = trial[:, used_features(booster)]
    error = float(np.abs(Trees(file, taken.shape[1], "the file of trees")(taken) - expected).max(initial=0))
    if not error <= _TOLERANCE:
        raise TeachingError(
            f"The trees as ONNX differ from LightGBM's by {error:.2g} in probability; expected at most "
            f"{_TOLERANCE:g}, so install another version of lightgbm or onnxruntime."
        )


def _ensemble(booster: Any, used: NDArray[np.int64]) -> dict[str, Any]:
    """The attributes of ONNX's operator for all trees of a booster."""
    nodes: list[dict[str, Any]] = []
    leaves: list[dict[str, Any]] = []
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        for node in _walk(tree["tree_structure"], number):
            nodes.append(node)
            if node["modes"] != "LEAF":
                node["featureids"] = int(np.searchsorted(used, node["featureids"]))
            else:
                leaves.append({"treeids": number, "nodeids": node["nodeids"], "ids": 0, "weights": node["weight"]})
    fields = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    ensemble = {f"nodes_{field}": [node[field] for node in nodes] for field in fields}
    ensemble |= {
        f"target_{field}": [leaf[field] for leaf in leaves] for field in ("treeids", "nodeids", "ids", "weights")
    }
    return ensemble | {"n_targets": 1, "aggregate_function": "SUM"}


def _walk(root: dict[str, Any], tree: int) -> Iterator[dict[str, Any]]:
    """Yield a tree's nodes, each numbered, with the numbers of those below it."""
    numbers = iter(range(1_000_000))
    waiting = [(next(numbers), root)]
    while waiting:
        number, node = waiting.pop()
        leaf = {"treeids": tree, "nodeids": number, "featureids": 0, "values": 0.0, "truenodeids": 0, "falsenodeids": 0}
        if "leaf_value" in node:
            yield leaf | {"modes": "LEAF", "weight": float(node["leaf_value"])}
            continue
        if node["decision_type"] != "<=":
            raise TeachingError(
                f"LightGBM decided by {node['decision_type']!r}; expected comparisons by <= alone, so install another "
                "version of it."
            )
        below = [(next(numbers), node[side]) for side in ("left_child", "right_child")]
        waiting += below
        yield leaf | {
            "modes": "BRANCH_LEQ",
            "featureids": int(node["split_feature"]),
            "values": _rounded_down(float(node["threshold"])),
            "truenodeids": below[0][0],
            "falsenodeids": below[1][0],
        }


def _rounded_down(value: float) -> float:
    """The largest float32 that is not above a value."""
    near = np.float32(value)
    return float(near if near <= value else np.nextafter(near, np.float32(-np.inf)))
