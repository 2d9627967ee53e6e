"""Stands in for CuPy, CUDA GPUs and ONNX Runtime's CUDA provider, so that code for GPUs can be tested without one.

As strict as the real ones where mistakes are easy: arrays of the device and of numpy do not mix, an array belongs to
one GPU, work outside the GPU's own stream is refused, sessions take pointers to contiguous memory, and memory runs out.
"""

from __future__ import annotations

import contextlib
import ctypes
import operator
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

GIB = 2**30


class Cards:
    """The machine's GPUs, what they were asked to do, and what they have memory for."""

    def __init__(self, count: int = 1, memory: int = 16 * GIB, per_window: int = 0, fits: int = 10**9) -> None:
        self.count, self.memory, self.per_window, self.fits = count, memory, per_window, fits
        self.runs: list[tuple[int, tuple[int, ...]]] = []
        """(GPU, input shape) of every run that succeeded."""
        self.sessions: list[Session] = []
        self.highest = 0
        """Most windows that a run took."""
        self.driver_error = ""
        self.current = threading.local()

    @property
    def gpu(self) -> int:
        return getattr(self.current, "gpu", 0)

    @property
    def stream(self) -> int:
        return getattr(self.current, "stream", 0)

    def check_stream(self, gpu: int) -> None:
        assert self.gpu == gpu, f"GPU {self.gpu} works on an array of GPU {gpu}"
        assert self.stream == 1000 + gpu, "work is not on the GPU's own stream"


CARDS = Cards()


class Array:
    """What cupy.ndarray is."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray) -> None:
        CARDS.check_stream(CARDS.gpu)
        self.host, self.gpu = host, CARDS.gpu

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Any:
        return (Array(part) for part in self.host)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "dtype", "size"):
            return getattr(self.host, name)
        if name == "T":
            return Array(self.host.T)
        raise AttributeError(name)

    @property
    def data(self) -> SimpleNamespace:
        assert self.host.flags.c_contiguous, "a pointer to an array that is not contiguous"
        return SimpleNamespace(ptr=self.host.ctypes.data)

    def change(self, function: Any, other: Any) -> Array:
        CARDS.check_stream(self.gpu)
        self.host = function(self.host, host_of(other))
        return self

    def __float__(self) -> float:
        return float(self.host)

    def copy(self) -> Array:
        return Array(self.host.copy())

    def reshape(self, *shape: Any) -> Array:
        return Array(self.host.reshape(*shape))

    def sum(self, axis: Any = None) -> Array:
        return Array(np.asarray(self.host.sum(axis=axis)))

    def astype(self, dtype: Any) -> Array:
        return Array(self.host.astype(dtype))

    def __getitem__(self, key: Any) -> Array:
        return Array(self.host[host_of(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        CARDS.check_stream(self.gpu)
        self.host[host_of(key)] = host_of(value)


def host_of(value: Any) -> Any:
    """Unwrap; numpy arrays are refused."""
    if isinstance(value, Array):
        CARDS.check_stream(value.gpu)
        return value.host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(host_of(v) for v in value)
    return value


def on_device(function: Any) -> Any:
    """Make a function of the device's arrays from one of numpy's."""

    def call(*arguments: Any, **options: Any) -> Any:
        out = options.get("out")
        result = function(*(host_of(a) for a in arguments), **{k: host_of(v) for k, v in options.items()})
        return out if out is not None else Array(np.asarray(result))

    return call


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul", "gt", "lt", "ge", "le"):
    _operator = getattr(operator, f"__{_name}__")
    setattr(Array, f"__{_name}__", lambda self, other, _o=_operator: on_device(_o)(self, other))
    setattr(Array, f"__r{_name}__", lambda self, other, _o=_operator: on_device(_o)(other, self))
for _name in ("iadd", "isub", "imul", "itruediv"):
    _operator = getattr(operator, f"__{_name}__")
    setattr(Array, f"__{_name}__", lambda self, other, _o=_operator: self.change(_o, other))


class OutOfMemoryError(MemoryError):
    """What cupy.cuda.memory.OutOfMemoryError is."""


class CUDARuntimeError(RuntimeError):
    """What cupy.cuda.runtime.CUDARuntimeError is."""


class Device:
    """What cupy.cuda.Device is."""

    def __init__(self, gpu: int) -> None:
        assert 0 <= gpu < CARDS.count
        self.gpu = gpu

    def __enter__(self) -> None:
        self.before, CARDS.current.gpu = CARDS.gpu, self.gpu

    def __exit__(self, *_: object) -> None:
        CARDS.current.gpu = self.before


class Stream:
    """What cupy.cuda.Stream is; entered by several threads, and again."""

    def __init__(self, non_blocking: bool = False) -> None:
        assert non_blocking
        self.ptr = 1000 + CARDS.gpu
        self.thread = threading.local()

    def __enter__(self) -> None:
        self.thread.before = [*getattr(self.thread, "before", ()), CARDS.stream]
        CARDS.current.stream = self.ptr

    def __exit__(self, *_: object) -> None:
        CARDS.current.stream = self.thread.before.pop()


class RawKernel:
    """What cupy.RawKernel is, for the kernels of this project."""

    def __init__(self, source: str, name: str) -> None:
        assert f"void {name}(" in source
        self.kernel = {"medians": medians, "sums": sums}[name]

    def __call__(self, grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
        for argument in arguments:
            assert isinstance(argument, Array | np.generic), "a kernel takes arrays and numbers of an exact type"
            assert not isinstance(argument, Array) or argument.host.flags.c_contiguous
        self.kernel(grid[0] * block[0], *(host_of(a) for a in arguments))


def medians(threads: int, values: np.ndarray, count: np.int64, out: np.ndarray) -> None:
    """What the kernel of `l4s_geo.window_median` computes."""
    for i, window in enumerate(values.reshape(-1, count)):
        finite = window[np.isfinite(window)]
        out[i] = np.median(finite) if len(finite) else np.nan


def sums(threads: int, features: np.ndarray, *arguments: Any) -> None:
    """What the kernel of `l4s_geo.crf.cupy_backend` computes."""
    images, (ys, xs, count, bands, rows, cols), kernels, out = (
        arguments[:2], arguments[2:8], arguments[8:13], arguments[13],
    )  # fmt: skip
    assert threads >= count
    assert features.shape == (bands, rows, cols)
    gaussian_radius, gaussian, bilateral_radius, bilateral, value = kernels
    for number, (image, radius) in enumerate(zip(images, (gaussian_radius, bilateral_radius), strict=True)):
        for k, (y, x) in enumerate(zip(ys[:count], xs[:count], strict=True)):
            r0, r1, c0, c1 = max(0, y - radius), y + radius + 1, max(0, x - radius), x + radius + 1
            near = image[r0:r1, c0:c1]
            r, c = np.indices(near.shape)
            apart = (r + r0 - y) ** 2 + (c + c0 - x) ** 2
            unlike = ((features[:, r0:r1, c0:c1] - features[:, y, x, None, None]) ** 2).sum(axis=0)
            energy = apart * (bilateral if number else gaussian) + number * np.fmin(unlike * value, 24)
            out[number, k] = (np.exp(-energy) * near).sum()


def cupy() -> ModuleType:
    """What the module cupy is, as far as this project uses it."""
    module = ModuleType("cupy")
    same = ("ascontiguousarray", "clip", "concatenate", "empty", "isnan", "maximum", "multiply", "nanmean", "nanstd")
    for name in (*same, "rot90", "sqrt", "stack", "take", "tanh", "where", "zeros", "zeros_like"):
        setattr(module, name, on_device(getattr(np, name)))

    def asarray(array: Any, dtype: Any = None) -> Array:
        if isinstance(array, Array) and dtype in (None, array.dtype):
            return array
        return Array(np.array(array.host if isinstance(array, Array) else array, dtype))

    def device_count() -> int:
        if CARDS.driver_error:
            raise CUDARuntimeError(CARDS.driver_error)
        return CARDS.count

    def memory() -> tuple[int, int]:
        return CARDS.memory - CARDS.highest * CARDS.per_window, CARDS.memory

    module.ndarray = Array
    module.asarray = asarray
    module.asnumpy = lambda array: host_of(array).copy()
    module.RawKernel = RawKernel
    module.get_default_memory_pool = lambda: SimpleNamespace(free_all_blocks=lambda: None)
    module.cuda = SimpleNamespace(
        Device=Device,
        Stream=Stream,
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=device_count, memGetInfo=memory),
    )
    return module


class Binding:
    """What onnxruntime.IOBinding is."""

    def __init__(self) -> None:
        self.input: tuple[str, np.ndarray] | None = None
        self.output: tuple[str, np.ndarray] | None = None

    def bind_input(
        self, name: str, device_type: str, device_id: int, element_type: Any, shape: tuple[int, ...], buffer_ptr: int
    ) -> None:
        self.input = name, self._memory(device_type, device_id, element_type, shape, buffer_ptr)

    def bind_output(
        self, name: str, device_type: str, device_id: int, element_type: Any, shape: tuple[int, ...], buffer_ptr: int
    ) -> None:
        self.output = name, self._memory(device_type, device_id, element_type, shape, buffer_ptr)

    @staticmethod
    def _memory(device_type: str, gpu: int, element_type: Any, shape: tuple[int, ...], pointer: int) -> np.ndarray:
        assert (device_type, element_type) == ("cuda", np.float32)
        CARDS.check_stream(gpu)
        memory = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * int(np.prod(shape))))
        return np.frombuffer(memory.contents, np.float32).reshape(shape)


class Session:
    """What onnxruntime.InferenceSession is on a GPU; computes on the CPU."""

    cpu: Any = None

    def __init__(self, file: bytes, options: Any, providers: list[Any], enable_fallback: int) -> None:
        assert enable_fallback == 0
        self.asked = dict((p, {}) if isinstance(p, str) else p for p in providers)
        self.file, self.resets = file, 0
        self._session = Session.cpu(file, options, providers=["CPUExecutionProvider"])
        CARDS.sessions.append(self)

    def get_providers(self) -> list[str]:
        return [*self.asked, "CPUExecutionProvider"]

    def set_providers(self, providers: list[Any]) -> None:
        assert dict(providers) == self.asked
        self.resets += 1

    def get_inputs(self) -> Any:
        return self._session.get_inputs()

    def get_outputs(self) -> Any:
        return self._session.get_outputs()

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> Any:
        assert list(self.asked) == ["CPUExecutionProvider"], "arrays of the host go to a GPU"
        return self._session.run(names, feed)

    def io_binding(self) -> Binding:
        return Binding()

    def run_with_iobinding(self, binding: Binding) -> None:
        (name, x), (output, logits) = binding.input, binding.output
        if len(x) > CARDS.fits:
            raise RuntimeError(
                "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. "
                f"BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size {x.nbytes}"
            )
        options = next(iter(self.asked.values()))
        CARDS.check_stream(int(options["device_id"]))
        assert options["user_compute_stream"] == str(CARDS.stream)
        CARDS.highest = max(CARDS.highest, len(x))
        CARDS.runs.append((CARDS.gpu, x.shape))
        logits[:] = self._session.run([output], {name: x})[0]


@contextlib.contextmanager
def gpus(monkeypatch: pytest.MonkeyPatch, **cards: Any) -> Any:
    """Let this process believe in GPUs; yields the `Cards`."""
    global CARDS
    import onnxruntime

    from l4s_geo import window_median as median_gpu

    CARDS = Cards(**cards)
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cupy", cupy())
        patch.setattr(Session, "cpu", onnxruntime.InferenceSession)
        patch.setattr(onnxruntime, "InferenceSession", Session)
        patch.setattr(onnxruntime, "get_available_providers", lambda: names)
        median_gpu._kernel.cache_clear()
        yield CARDS
        median_gpu._kernel.cache_clear()
