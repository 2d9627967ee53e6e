"""One network in ONNX Runtime, on one device, and how many windows it takes at once.

On the CPU, a run takes a few windows in one thread, and as many runs go on at the same time as there are CPUs: that is
faster than to let the CPUs share every layer of one run, and what belongs to a run, normalisation and sigmoid, shares
its thread. On a GPU, input and output are bound where they lie. The number of windows at once, the *batch*, is bounded
by the memory that a small probe takes, grows to what calls need within that, and is halved when memory runs out. Every
run has the same shape, the last one filled up with zeros, since a new shape makes cuDNN plan every convolution anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.errors import BundleError, DeviceError
from l4s_geo.inference.devices import Target, UnavailableError, available_cpus, onnxruntime

__all__ = ["CPU_BATCH", "MAX_PIXELS", "NetworkSession", "is_out_of_memory"]

CPU_BATCH = 4
"""Windows that a run takes in one thread of the CPU; more gain nothing, and take more memory."""

MAX_PIXELS = 128 * 128 * 128
"""Pixels that a run takes on a GPU: 128 windows of 128 × 128, beyond which a large GPU gains nothing either."""

_STEP = 8
_RESERVE = 0.8
_SIGNS = (
    "Failed to allocate memory",
    "out of memory",
    "CUDA failure 2:",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class NetworkSession:
    """A member of a bundle, ready to run on a target.

    Attributes:
        member: what the network wants to be fed.
        session: its `onnxruntime.InferenceSession`.
        batch: windows in one run.
        limit: highest number of windows in one run.
        threads: runs at the same time.
    """

    def __init__(
        self, bundle: Bundle, member: Member, file: bytes, target: Target, batch: int | None = None, share: float = 1.0
    ) -> None:
        """Open a network.

        Args:
            bundle: the member's bundle.
            member: the network's description.
            file: its ONNX file.
            target: the device.
            batch: windows in one run; None for what suits the device.
            share: of the GPU's free memory, what this network may take.

        Raises:
            BundleError: the file is not a network that ONNX Runtime can run.
            UnavailableError: the network would run on another device.
        """
        self.member, self._target, self._share = member, target, share
        self._side = round(bundle.window * member.scale)
        self.threads = available_cpus() if target.kind == "cpu" else 1
        on_host = target.gpu is None
        self.limit = batch or (CPU_BATCH if on_host else max(1, MAX_PIXELS // self._side**2))
        self._fits = batch is not None or on_host
        self.batch = self.limit if self._fits else 1
        self._providers = target.providers(len(member.bands), self._side, self.limit)
        self.session = _open(bundle, member, file, target, self._providers)
        _check_interface(bundle, member, self.session, self._side)
        self._input, self._output = self.session.get_inputs()[0].name, self.session.get_outputs()[0].name
        self._bundle_name = bundle.name

    def __call__(self, x: Any) -> Any:
        """Run the network once.

        Args:
            x: (n, bands, side, side) float32, C-contiguous, normalised and enlarged, on the target's device; on a
                GPU n is at most `batch`.

        Returns:
            (n, side, side) float32 logits, on the same device.

        Raises:
            BundleError: the network cannot be run, or its output has another shape.
        """
        if self._target.gpu is None:
            return self._run_on_host(x)
        xp, n = self._target.xp, len(x)
        if n < self.batch:
            x = xp.concatenate([x, xp.zeros((self.batch - n, *x.shape[1:]), np.float32)])
        logits = xp.empty((len(x), 1, *x.shape[2:]), np.float32)
        binding = self.session.io_binding()
        place = ("cuda", self._target.gpu, np.float32)
        binding.bind_input(self._input, *place, x.shape, x.data.ptr)
        binding.bind_output(self._output, *place, logits.shape, logits.data.ptr)
        self.session.run_with_iobinding(binding)
        return logits[:n, 0]

    def _run_on_host(self, x: Any) -> Any:
        """Run the network where ONNX Runtime takes and gives numpy arrays."""
        try:
            (logits,) = self.session.run([self._output], {self._input: x})
        except Exception as error:  # ONNX Runtime's classes have no base of their own
            raise BundleError(
                f"{self.member.file} of bundle {self._bundle_name} fails on windows of {self._side} × {self._side} "
                f"pixels ({_first_line(error)}); export it again, or use another bundle."
            ) from error
        expected = (len(x), 1, *x.shape[2:])
        if logits.shape != expected:
            raise BundleError(
                f"{self.member.file} of bundle {self._bundle_name} gives an output of shape {logits.shape}; expected "
                f"{expected}, so export it again."
            )
        return logits[:, 0]

    def each(self, count: int, work: Callable[[slice], None], batch: int | None = None) -> None:
        """Do work on windows, batch by batch; the work may be done again for a batch that ran out of memory.

        Args:
            count: number of windows.
            work: runs the network on a slice of them, and changes nothing unless it succeeds.
            batch: windows in one run; None for what suits the device.

        Raises:
            DeviceError: the GPU's memory does not even hold one window.
        """
        if self._target.gpu is None:
            parts = _parts(count, batch or self.batch, self.threads)
            with ThreadPoolExecutor(max(1, min(self.threads, len(parts)))) as pool:
                list(pool.map(work, parts))
            return
        if batch:
            self.limit = self.batch = batch
            self._fits = True
        self._grow(count)
        done = 0
        while done < count:
            part = slice(done, min(done + self.batch, count))
            if self._succeeds(partial(work, part)):
                done = part.stop

    def _grow(self, count: int) -> None:
        """Raise the batch to what so many windows need, split evenly; the first time, find out what fits."""
        while not self._fits:
            self._fits = self._succeeds(self._probe)
        if count > self.batch < self.limit:
            even = math.ceil(count / math.ceil(count / self.limit))
            self.batch = max(self.batch, min(math.ceil(even / _STEP) * _STEP, self.limit))

    def _probe(self) -> None:
        """Bound the batch by the memory that a run of a few windows takes."""
        xp = self._target.xp
        self.batch = max(1, self.limit // 16)
        windows = xp.zeros((self.batch, len(self.member.bands), self._side, self._side), np.float32)
        before, _ = xp.cuda.runtime.memGetInfo()
        self(windows)
        free, _ = xp.cuda.runtime.memGetInfo()
        each = max(1, before - free) / self.batch
        self.limit = min(self.limit, self.batch + int(_RESERVE * self._share * free / each))

    def _succeeds(self, action: Callable[[], None]) -> bool:
        """Try an action; if the GPU's memory runs out, halve the batch and return that it did not succeed."""
        try:
            action()
            return True
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            why = _first_line(error)
        if self.batch == 1:
            raise DeviceError(
                f"The memory of {self._target.name} does not hold one window of {self._side} × {self._side} pixels for "
                f"{self.member.file} ({why}); end other programs that use the GPU, or use --device cpu."
            )
        self.limit = self.batch = self.batch // 2
        # The arrays of the failed run are free only now: the error held its frames. A new session starts without the
        # memory that the old one has taken and split up.
        self._target.xp.get_default_memory_pool().free_all_blocks()
        self.session.set_providers(self._providers)
        return False


def _parts(count: int, size: int, threads: int) -> list[slice]:
    """Return batches of `size` windows; single ones at the end, so that the threads finish at about the same time."""
    bulk = max(0, count - threads * size) // size * size if threads > 1 else count
    batches = [slice(start, min(start + size, bulk)) for start in range(0, bulk, size)]
    return batches + [slice(start, start + 1) for start in range(bulk, count)]


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of ONNX Runtime or CuPy says that the GPU's memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _SIGNS)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _check_interface(bundle: Bundle, member: Member, session: Any, side: int) -> None:
    """Check that a network takes and gives what the bundle's format says.

    Raises:
        BundleError: it has several inputs or outputs, or one of another type, rank or size.
    """
    ends = {"input": (session.get_inputs(), len(member.bands)), "output": (session.get_outputs(), 1)}
    for what, (values, channels) in ends.items():
        is_float = len(values) == 1 and values[0].type == "tensor(float)"
        if not is_float or not _admits(values[0].shape, (channels, side, side)):
            found = ", ".join(f"{value.type} {value.shape}" for value in values) or "none"
            raise BundleError(
                f"{member.file} of bundle {bundle.name} has the {what} {found}; expected one tensor(float) of shape "
                f"(n, {channels}, {side}, {side}), so export it again."
            )


def _admits(declared: list[Any], expected: tuple[int, int, int]) -> bool:
    """Whether a declared shape, whose free sizes are names, admits any number of windows of a size."""
    if len(declared) != 4 or isinstance(declared[0], int):
        return False
    return all(not isinstance(size, int) or size == want for size, want in zip(declared[1:], expected, strict=True))


def _open(bundle: Bundle, member: Member, file: bytes, target: Target, providers: list[Any]) -> Any:
    """Open a session; an error if it would fall back to another device."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    if target.kind == "cpu":
        options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(file, options, providers=providers, enable_fallback=0)
    except Exception as error:
        if target.kind == "cpu":
            raise BundleError(
                f"{member.file} of bundle {bundle.name} is not a network that ONNX Runtime {ort.__version__} can "
                f"run ({error}); export it again."
            ) from error
        raise UnavailableError(target.name, f"ONNX Runtime could not start its {target.provider} ({error})") from error
    if session.get_providers()[0] != target.provider:
        raise UnavailableError(
            target.name, f"ONNX Runtime could not start its {target.provider} for want of a driver or a library"
        )
    return session
