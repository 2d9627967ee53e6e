"""What an export is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l4s_training.export.onnx_file import Storage

__all__ = ["ExportSettings"]


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How the bundle is called, what it is measured on, and how its weights are made and stored."""

    name: str
    """Name of the bundle."""
    version: str = "1"
    """Version of the bundle."""
    measure_on: tuple[Path, ...] = ()
    """Other labelled data, none of it trained on, to be scored whole."""
    flips: bool = True
    """Whether to score with the eight flips and rotations averaged, too."""
    crf: bool = False
    """Whether to score with a DenseCRF, too (a recipe that has one always does), and keep its parameters with the
    threshold that is best for it on the validation blocks; it runs by default if it pays on validation and test."""
    fit_weights: bool = False
    """Whether to weigh the networks so that the cross-entropy on the validation blocks is lowest, not all alike (or as
    their recipe says)."""
    storage: Storage = "half"
    """How weights are stored; "int8" halves the file again, and is refused if it costs 0.005 of F1."""
    terrain_prior: Path | None = None
    """Labelled patches with elevations, none of them trained on, from which the terrain prior is learned; it runs by
    default if it pays when each patch is left out in turn."""
