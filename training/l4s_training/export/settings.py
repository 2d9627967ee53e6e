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
    data: tuple[Path, ...] = ()
    """Where the data is now that the runs were trained on; empty for where it was."""
    measure_on: tuple[Path, ...] = ()
    """Other labelled data, none of it trained on, to be scored whole."""
    flips: bool = True
    """Whether to score with the eight flips and rotations averaged, too."""
    crf: bool = False
    """Whether to score with a DenseCRF, too (a recipe that has one always does), and keep its parameters with the
    threshold that is best for it on the validation patches; it runs by default if it pays there."""
    fit_weights: bool = False
    """Whether to weigh the networks so that the cross-entropy on the validation blocks is lowest, not all alike (or as
    their recipe says)."""
    storage: Storage = "half"
    """How weights are stored: "half", in full where that changes a logit by more than 0.05; "int8", a quarter of the
    size, refused if it costs more than 0.005 of the validation F1, or if there are no validation patches to tell."""
    terrain_prior: Path | None = None
    """Labelled patches with elevations, none of them trained on, from which the terrain prior is learned; it runs by
    default if it pays when each patch is left out in turn."""
