"""Devices that networks can run on: their names, and ONNX Runtime's providers for them.

| name | provider | arrays |
| --- | --- | --- |
| ``cpu`` | CPUExecutionProvider | numpy |
| ``cuda`` (all GPUs), ``cuda:N`` | CUDAExecutionProvider | cupy |
| ``tensorrt`` | TensorrtExecutionProvider, which leaves what it cannot run to CUDA | cupy |
| ``openvino`` | OpenVINOExecutionProvider | numpy |
| ``auto`` | CUDA if it works, else the CPU | |

Everything on a GPU happens on one stream of that GPU, ONNX Runtime's work included, so that nothing has to wait for
the host.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from l4s_geo.errors import DeviceError

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "Device",
    "Precision",
    "Target",
    "UnavailableError",
    "available_cpus",
    "check_device",
    "onnxruntime",
    "targets",
]

Device = str
"""Name of a device, one of `DEVICES`."""

Precision = Literal["auto", "fp32", "fp16"]

PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "fp16")

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "tensorrt", "openvino")
"""Names of devices; N is a GPU's number."""

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_REMEDIES = {
    "cpu": "install the extra again (pip install 'l4s-geo[cpu]')",
    "cuda": "install the gpu extra (pip install 'l4s-geo[gpu]', after pip uninstall onnxruntime) on a machine with an "
    "NVIDIA GPU, or use --device auto",
    "tensorrt": "install the gpu extra (pip install 'l4s-geo[gpu]', after pip uninstall onnxruntime) and TensorRT "
    "10 (pip install 'tensorrt-cu13<11') on a machine with an NVIDIA GPU, or use --device cuda",
    "openvino": "install its build of ONNX Runtime (pip install onnxruntime-openvino, after pip uninstall "
    "onnxruntime), or use --device cpu",
}

INPUT = "image"
"""Name of the input of every network that `l4s_training` exports; TensorRT needs it before it has read one."""

_CUDA = {
    # A search by timing would choose other algorithms, hence other results, from run to run.
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",
    "use_tf32": "0",
}
_OPENVINO = {"device_type": "CPU", "precision": "FP32"}


@dataclass(frozen=True)
class Target:
    """One device, and how networks run on it."""

    name: str
    """Name of the device, with a GPU's number: "cpu", "cuda:0", "tensorrt:0", "openvino"…"""
    precision: Literal["fp32", "fp16"] = "fp32"
    """Precision of weights and activations."""
    gpu: int | None = None
    """The CUDA GPU's number; None for arrays in the host's memory."""
    stream: Any = field(default=None, repr=False)
    """The GPU's `cupy.cuda.Stream`; None on the host."""

    @property
    def kind(self) -> str:
        """Kind of the device: its name without a GPU's number."""
        return self.name.partition(":")[0]

    @property
    def provider(self) -> str:
        """ONNX Runtime's execution provider that is to run."""
        return _PROVIDERS[self.kind]

    def providers(self, bands: int, side: int, batch: int) -> list[tuple[str, dict[str, str]]]:
        """Return the execution providers that a session is given, and their options.

        Args:
            bands: the network's number of input bands.
            side: rows and columns of its windows.
            batch: highest number of windows in one run.
        """
        if self.gpu is None:
            return [(self.provider, _OPENVINO if self.kind == "openvino" else {})]
        place = {"device_id": str(self.gpu), "user_compute_stream": str(self.stream.ptr)}
        cuda = (_PROVIDERS["cuda"], place | _CUDA)
        if self.kind == "cuda":
            return [cuda]
        shapes = {"min": 1, "opt": batch, "max": batch}
        tensorrt = {
            "trt_fp16_enable": str(int(self.precision == "fp16")),
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(_cache()),
            **{f"trt_profile_{k}_shapes": f"{INPUT}:{n}x{bands}x{side}x{side}" for k, n in shapes.items()},
        }
        return [(self.provider, place | tensorrt), cuda]

    @property
    def xp(self) -> Any:
        """The module of the arrays that networks take: numpy or cupy."""
        return np if self.gpu is None else _cupy()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make the GPU and its stream those that cupy uses in this thread; does nothing on the host."""
        if self.gpu is None:
            yield
        else:
            with self.xp.cuda.Device(self.gpu), self.stream:
                yield


class UnavailableError(DeviceError):
    """A device is not to be had."""

    def __init__(self, device: str, why: str) -> None:
        """Say why, and what to install."""
        self.why = why
        super().__init__(f"Device {device} was asked for, but {why}; {_REMEDIES[device.partition(':')[0]]}.")


def check_device(name: str) -> str:
    """Return the kind of a device by name, "auto" included.

    Raises:
        DeviceError: there is no such name.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|tensorrt|openvino", name):
        raise DeviceError(f"Device {name!r} is unknown; expected one of {', '.join(DEVICES)}.")
    return name.partition(":")[0]


def targets(name: str, precision: Literal["fp32", "fp16"]) -> list[Target]:
    """Find a device: one target, or one for each GPU that "cuda" or "tensorrt" can see.

    Args:
        name: one of `DEVICES` but "auto".
        precision: what the networks are to run in.

    Raises:
        UnavailableError: the device is not to be had.
    """
    kind = check_device(name)
    sought = Target(name, precision)
    ort = onnxruntime()
    if sought.provider not in ort.get_available_providers():
        raise UnavailableError(sought.name, f"the ONNX Runtime installed has no {sought.provider}")
    if kind in ("cpu", "openvino"):
        return [sought]
    count = _gpus(sought)
    numbers = range(count) if name == kind else [int(name.partition(":")[2])]
    if numbers[-1] >= count:
        raise UnavailableError(sought.name, f"{count} GPU{'s are' if count > 1 else ' is'} visible, numbered from 0")
    _load_libraries(ort, kind)
    return [replace(sought, name=f"{kind}:{n}", gpu=n, stream=_stream(n)) for n in numbers]


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def onnxruntime() -> ModuleType:
    """Import ONNX Runtime, with its telemetry off.

    From 1.32 on it writes an identity of the device into the user's cache folder and calls its maker's servers, both as
    soon as it is imported, unless the environment variable ORT_DISABLE_TELEMETRY says no.

    Raises:
        DeviceError: it is missing or damaged.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise DeviceError(
            "No ONNX Runtime is installed, and it is needed to run the networks; install one extra: "
            "pip install 'l4s-geo[cpu]', or 'l4s-geo[gpu]' for an NVIDIA GPU."
        ) from error
    if not hasattr(ort, "InferenceSession"):
        raise DeviceError(
            "ONNX Runtime is damaged, as happens when onnxruntime and onnxruntime-gpu were both installed; "
            "uninstall both, then install one extra: pip install 'l4s-geo[cpu]' or 'l4s-geo[gpu]'."
        )
    if hasattr(ort, "disable_telemetry_events"):
        ort.disable_telemetry_events()  # of a program that had imported it before
    module: ModuleType = ort
    return module


def _cupy() -> ModuleType:
    import cupy

    module: ModuleType = cupy
    return module


def _gpus(sought: Target) -> int:
    """Count the visible GPUs."""
    try:
        cupy = _cupy()
    except ImportError as error:
        raise UnavailableError(
            sought.name, f"CuPy, which holds the arrays there, cannot be imported ({error})"
        ) from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise UnavailableError(sought.name, f"CUDA finds no usable NVIDIA GPU ({error})") from error
    if not count:
        raise UnavailableError(sought.name, "CUDA finds no NVIDIA GPU (is CUDA_VISIBLE_DEVICES empty?)")
    return count


def _load_libraries(ort: ModuleType, kind: str) -> None:
    """Load the libraries that came as Python packages, which ONNX Runtime's providers do not find by themselves."""
    with contextlib.redirect_stdout(sys.stderr):  # it prints; the worker's stdout is a protocol
        if hasattr(ort, "preload_dlls"):  # from 1.21 on
            ort.preload_dlls()
        if kind == "tensorrt":
            with contextlib.suppress(ImportError):
                importlib.import_module("tensorrt")


def _stream(number: int) -> Any:
    """Make a stream on a GPU."""
    cupy = _cupy()
    with cupy.cuda.Device(number):
        return cupy.cuda.Stream(non_blocking=True)


def _cache() -> Path:
    """Where TensorRT keeps the engines that it takes minutes to build."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "l4s" / "tensorrt"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
