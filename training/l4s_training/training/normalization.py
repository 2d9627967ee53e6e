"""`l4s_geo.normalize.normalize` on the device that trains.

On the processor it is the mapper's function itself; on an accelerator the same arithmetic, so that batches need not
come back for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from l4s_geo.normalize import CLIP, Normalization, Statistics, normalize

__all__ = ["normalize_on_device", "normalize_tensor"]


def normalize_tensor(windows: Tensor, kind: Normalization, statistics: Statistics) -> Tensor:
    """Normalise (n, bands, rows, cols) float32 windows in L4S units, NaN where invalid; see `l4s_geo.normalize`."""
    if windows.device.type == "cpu":
        return torch.from_numpy(normalize(windows.numpy(), kind, statistics))
    return normalize_on_device(windows, kind, statistics)


def normalize_on_device(windows: Tensor, kind: Normalization, statistics: Statistics) -> Tensor:
    """Normalise as `normalize_tensor` does, with torch alone."""
    if kind == "window":
        windows = windows / _median(windows)[:, None, None, None]
    mean, std = (torch.tensor(v, device=windows.device)[:, None, None] for v in (statistics.mean, statistics.std))
    return ((windows - mean) / std).clamp(-CLIP, CLIP).nan_to_num(0.0)


def _median(windows: Tensor) -> Tensor:
    """Return the (n,) medians over finite values, of an even number the mean of the middle two; 1 for 0 or less."""
    flat = windows.flatten(1)
    finite = flat.isfinite()
    ranked = torch.where(finite, flat, torch.inf).sort(1).values
    count = finite.sum(1, keepdim=True)
    lower, upper = (ranked.gather(1, at.clamp_min(0)) for at in ((count - 1) // 2, count // 2 - (count == 0).long()))
    median = ((lower + upper) / 2)[:, 0]
    return torch.where((count[:, 0] > 0) & (median > 0), median, 1.0)
