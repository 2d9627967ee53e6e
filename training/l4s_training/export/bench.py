"""Measures networks: parameters, multiply-adds, milliseconds a window in torch and in ONNX Runtime."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from l4s_geo.bands import BANDS
from l4s_geo.inference.devices import onnxruntime
from l4s_training import models
from l4s_training.export.onnx_file import to_onnx
from l4s_training.models.layers import count_parameters

__all__ = ["NetworkCost", "measure_cost", "multiply_adds", "settle"]

_BATCH = 8
_ROUNDS = 3


@dataclass(frozen=True)
class NetworkCost:
    """What one network costs, on the processor."""

    name: str
    """Name of the network, see `l4s_training.models`."""
    parameters: int
    """Number of learnable values."""
    multiply_adds: int
    """Multiply-adds of one window."""
    torch_ms: float
    """Milliseconds a window in torch, in batches of eight; the median of three runs."""
    onnx_ms: float
    """Milliseconds a window in ONNX Runtime, measured likewise."""


def measure_cost(name: str, bands: int = len(BANDS), window: int = 128) -> NetworkCost:
    """Build a network, run it in torch and, exported, in ONNX Runtime, on the processor with torch's threads."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    network = models.build(name, bands, window)
    x = smooth_noise(_BATCH, bands, window)
    settle(network, x[:2])
    seconds_torch = _median(lambda: _run(network, x))
    predict = _session(to_onnx(network, bands, window))
    images = x.numpy()
    return NetworkCost(
        name,
        count_parameters(network),
        multiply_adds(network, x[:1]),
        1e3 * seconds_torch / _BATCH,
        1e3 * _median(lambda: predict(images)) / _BATCH,
    )


def multiply_adds(network: nn.Module, x: torch.Tensor) -> int:
    """Count the multiply-adds of convolutions, matrix products and attention in one forward pass."""
    # the counter knows the matrix products of attention, not the fused kernel of the processor
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(x)
    return int(counter.get_total_flops()) // 2


def settle(network: nn.Module, x: torch.Tensor, passes: int = 3) -> None:
    """Let the normalisations of a fresh network see data, then switch it to eval mode.

    Fresh statistics (mean 0, variance 1) let the activations of a deep network grow or vanish, and two correct
    computations of it drift apart.
    """
    network.train()
    with torch.no_grad():
        for _ in range(passes):
            network(x)
    network.eval()


def smooth_noise(n: int, bands: int, window: int, seed: int = 0) -> torch.Tensor:
    """Draw random images that vary over eight pixels, as ground does; (n, bands, window, window) float32."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, bands, window // 8, window // 8, generator=generator)
    return functional.interpolate(coarse, size=(window, window), mode="bilinear")


def _run(network: nn.Module, x: torch.Tensor) -> None:
    with torch.inference_mode():
        network(x)


def _session(data: bytes) -> Callable[[object], object]:
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"image": images})


def _median(function: Callable[[], object]) -> float:
    function()
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
