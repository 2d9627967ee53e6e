"""The exported networks together, run in ONNX Runtime as the mapper runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn

from l4s_geo.crf.parameters import CRFParameters
from l4s_training.data.patches import Patches
from l4s_training.export.members import ExportedMember
from l4s_training.export.onnx_file import onnx_logits
from l4s_training.runs.prediction import Predict, best_device, mean_predictor, refined_predictor, run_predictor

__all__ = ["ExportedEnsemble"]


@dataclass(frozen=True)
class ExportedEnsemble:
    """Exported networks, opened."""

    members: tuple[ExportedMember, ...]
    networks: tuple[nn.Module, ...]
    """What runs each member's ONNX file."""

    @classmethod
    def of(cls, members: Sequence[ExportedMember]) -> Self:
        """Open the members' ONNX files."""
        return cls(tuple(members), tuple(_OnnxNetwork(member.data) for member in members))

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the patches that it predicts, in order."""
        return self.members[0].run.config.bands

    def on(self, patches: Patches) -> Predict:
        """Return what predicts patches; see `run_predictor`."""
        voters = [run_predictor(m.run, n, patches) for m, n in zip(self.members, self.networks, strict=True)]
        return mean_predictor(voters, [member.weight for member in self.members])

    def refined(self, patches: Patches, parameters: CRFParameters) -> Predict:
        """Return what predicts patches and refines the probabilities by a DenseCRF."""
        scaled = any(member.run.config.normalization == "window" for member in self.members)
        return refined_predictor(self.on(patches), patches, parameters, scaled)


class _OnnxNetwork(nn.Module):
    """An exported network in the place of the trained one."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._logits = onnx_logits(data, gpu=best_device().type == "cuda")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._logits(x.numpy()))
