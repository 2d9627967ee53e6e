"""Makes ``import torchvision`` work beside a CPU-only torch.

The registry's torchvision has its custom operators in an extension that needs libtorch_cuda. Where that
extension does not load, importing torchvision fails with ``operator torchvision::nms does not exist``, and with it
timm, segmentation-models-pytorch, lightning and torchmetrics, none of which calls that operator here. Declaring
the two operators, without an implementation, lets the import through. `ensure` runs before any of them is
imported, in spawned workers too.
"""

from __future__ import annotations

import importlib
import sys

import torch

__all__ = ["ensure"]

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # the operators live as long as this reference


def ensure() -> None:
    """Import torchvision, declaring its missing operators first where its extension does not load."""
    global _library
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or _library is not None:
            raise
        for name in [m for m in sys.modules if m == "torchvision" or m.startswith("torchvision.")]:
            del sys.modules[name]
        _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            _library.define(schema)  # type: ignore[no-untyped-call]
        importlib.import_module("torchvision")
