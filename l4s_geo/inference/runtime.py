"""Runs a bundle's networks with ONNX Runtime and says which device it really uses."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import DeviceError
from l4s_geo.inference.devices import (
    PRECISIONS,
    Device,
    Precision,
    Target,
    UnavailableError,
    check_device,
    onnxruntime,
    targets,
)
from l4s_geo.inference.fp16 import to_half
from l4s_geo.inference.session import NetworkSession
from l4s_geo.inference.tta import TestTimeAugmentation, apply, enlarge, reduce, undo, views
from l4s_geo.normalize import Statistics, normalize, statistics_of
from l4s_geo.xp import namespace

__all__ = ["Device", "LoadedBundle", "load_bundle", "load_networks"]


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle whose networks are ready to run on one device, and its like on further GPUs.

    Arrays are of the module `xp`: numpy, or cupy on a GPU, where work with them belongs under ``with active():``.
    Several threads may call one on the CPU; on a GPU only one may, but each replica may have its own.
    """

    bundle: Bundle
    target: Target
    """The device that every network really runs on."""
    runtime: str
    """ONNX Runtime's version and provider, and the precision, for the log."""
    precision: Literal["fp32", "fp16"]
    """Precision of weights and activations."""
    networks: tuple[NetworkSession, ...] = field(repr=False)
    """The networks of the members, in their order."""
    others: tuple[LoadedBundle, ...] = field(default=(), repr=False)
    """The same bundle on the other GPUs."""
    without_gpu: str = ""
    """Why "auto" took no GPU, though ONNX Runtime is the build for one."""

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.bundle.name

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of `predict`'s windows, in order."""
        return self.bundle.bands

    @property
    def threshold(self) -> float:
        """Probability from which a pixel counts as landslide."""
        return self.bundle.threshold

    @property
    def device(self) -> str:
        """The device's name: "cpu", "cuda:0", "tensorrt:0", "openvino"."""
        return self.target.name

    @property
    def replicas(self) -> tuple[LoadedBundle, ...]:
        """The bundle on every GPU, this one first; on the CPU this one alone."""
        return (self, *self.others)

    @property
    def sessions(self) -> tuple[Any, ...]:
        """The `onnxruntime.InferenceSession` of every member, in their order."""
        return tuple(network.session for network in self.networks)

    @property
    def xp(self) -> Any:
        """The module of this replica's arrays: numpy or cupy."""
        return self.target.xp

    def describe(self) -> str:
        """Say for the log what runs where."""
        why = f"; no GPU, since {self.without_gpu}" if self.without_gpu else ""
        return f"{', '.join(r.device for r in self.replicas)} ({self.runtime}{why})"

    def active(self) -> AbstractContextManager[None]:
        """Make this replica's GPU current in this thread; does nothing on the CPU."""
        return self.target.active()

    def to_device(self, array: NDArray[Any]) -> Any:
        """Copy an array to this replica's device; on the CPU, the array itself."""
        with self.active():
            return self.xp.asarray(array)

    def to_host(self, array: Any) -> NDArray[Any]:
        """Copy an array of this replica's to the host; on the CPU, the array itself."""
        if namespace(array) is np:
            host: NDArray[Any] = array
            return host
        with self.active():
            host = self.xp.asnumpy(array)
        return host

    def predict(
        self,
        windows: Any,
        domain: Statistics | None = None,
        tta: TestTimeAugmentation = "none",
        batch: int | None = None,
    ) -> Any:
        """Predict the probability of landslide: the mean of `predict_with_spread`, whose arguments it takes."""
        return self.predict_with_spread(windows, domain, tta, batch)[0]

    def predict_with_spread(
        self,
        windows: Any,
        domain: Statistics | None = None,
        tta: TestTimeAugmentation = "none",
        batch: int | None = None,
    ) -> tuple[Any, Any]:
        """Let every network see every view of windows.

        Args:
            windows: (n, bands, 128, 128) float32, L4S units, the bundle's bands in order; NaN marks invalid
                values, which the networks see as average ground. An array of `xp`, or of numpy.
            domain: statistics of the scene that the windows come from, one entry per band, for networks with
                ``domain`` normalisation; None computes them from the windows given.
            tta: test-time augmentation: "none", "flips" (4 views) or "d4" (8 views).
            batch: windows in one run of a network; None for what suits the device.

        Returns:
            The weighted mean of the probabilities over networks and views, and their standard deviation (the
            *spread*; 0 if there is one network and one view), each (n, 128, 128) float32, of the windows' module.

        Raises:
            ValueError: the windows have another shape.
            DeviceError: the GPU's memory does not hold one window.
        """
        side = self.bundle.window
        if windows.ndim != 4 or windows.shape[1:] != (len(self.bands), side, side):
            raise ValueError(
                f"Windows have shape {windows.shape}; bundle {self.name} takes (n, {len(self.bands)}, {side}, {side}) "
                f"with the bands {', '.join(self.bands)}."
            )
        xp, several = self.xp, len(self.networks) * len(views(tta)) > 1
        with self.active():
            mean = xp.zeros((len(windows), side, side), np.float32)
            squares = xp.zeros_like(mean)
            for network in self.networks:
                self._add(network, windows, domain, tta, batch, mean, squares if several else None)
            if several:
                squares -= mean**2
                xp.sqrt(xp.maximum(squares, 0, out=squares), out=squares)
            return (mean, squares) if namespace(windows) is xp else (self.to_host(mean), self.to_host(squares))

    def _add(
        self,
        network: NetworkSession,
        windows: Any,
        domain: Statistics | None,
        tta: TestTimeAugmentation,
        batch: int | None,
        mean: Any,
        squares: Any | None,
    ) -> None:
        """Add a network's share to the mean of the probabilities, and to that of their squares."""
        member = network.member
        bands = slice(None) if member.bands == self.bands else [self.bands.index(b) for b in member.bands]
        statistics = self._statistics(member, windows, domain)
        total = sum(m.weight for m in self.bundle.members) * len(views(tta))
        share = np.float32(member.weight / total)

        def work(part: slice) -> None:
            own = self.xp.asarray(windows[part][:, bands], np.float32)
            x = enlarge(normalize(own, member.normalization, statistics), member.scale)
            votes = [undo(reduce(_sigmoid(network(apply(x, view))), self.bundle.window), view) for view in views(tta)]
            for vote in votes:
                _accumulate(mean[part], share * vote)
                if squares is not None:
                    _accumulate(squares[part], share * vote**2)

        network.each(len(windows), work, batch)

    def _statistics(self, member: Member, windows: Any, domain: Statistics | None) -> Statistics:
        if member.normalization != "domain" or not len(windows):
            return member.statistics
        picks = [self.bands.index(b) for b in member.bands]
        if domain is None:
            return statistics_of(windows[:, picks], "domain")
        return Statistics(tuple(domain.mean[i] for i in picks), tuple(domain.std[i] for i in picks))


def load_bundle(
    name_or_path: str | os.PathLike[str] = defaults.BUNDLE,
    device: Device = defaults.DEVICE,
    precision: Precision = defaults.PRECISION,
    batch: int | None = None,
) -> LoadedBundle:
    """Load a bundle and make it ready to run.

    Args:
        name_or_path: the name of an installed bundle, or the path of a bundle's folder or zip.
        device: "cpu", "cuda" (all GPUs of CUDA_VISIBLE_DEVICES), "cuda:N" (one), "tensorrt", "openvino", or "auto"
            for CUDA if it works, else the CPU.
        precision: "fp32", "fp16" (GPUs only), or "auto" for fp16 on a GPU and fp32 elsewhere.
        batch: windows in one run of a network; None for what suits the device.

    Raises:
        BundleError: there is no such bundle, or it is damaged.
        DeviceError: no ONNX Runtime is installed, or it cannot use the device, or not in that precision.
    """
    return load_networks(find_bundle(name_or_path), device, precision, batch)


def load_networks(bundle: Bundle, device: Device, precision: Precision, batch: int | None) -> LoadedBundle:
    """Make a bundle that has been found ready to run; see `load_bundle`."""
    kind = check_device(device)
    if precision not in PRECISIONS:
        raise DeviceError(f"Precision {precision!r} is unknown; expected one of {', '.join(PRECISIONS)}.")
    if batch is not None and batch < 1:
        raise DeviceError(f"The batch is {batch} windows; expected 1 or more.")
    if kind != "auto":
        return _load(bundle, device, precision, batch)
    try:
        return _load(bundle, "cuda", precision, batch)
    except UnavailableError as error:
        has_cuda = "CUDAExecutionProvider" in onnxruntime().get_available_providers()
        return replace(_load(bundle, "cpu", precision, batch), without_gpu=error.why if has_cuda else "")


def _load(bundle: Bundle, device: str, precision: Precision, batch: int | None) -> LoadedBundle:
    """Open every member on a device, once for each of its GPUs."""
    on_gpu = device.startswith(("cuda", "tensorrt"))
    if precision == "fp16" and not on_gpu:
        raise DeviceError(
            f"Precision fp16 was asked for, but the networks run on {device}, which computes in fp32; leave "
            "--precision out, or use --device cuda on a machine with an NVIDIA GPU."
        )
    exact: Literal["fp32", "fp16"] = "fp16" if on_gpu and precision != "fp32" else "fp32"
    places = targets(device, exact)
    files = [bundle.network(member) for member in bundle.members]
    if exact == "fp16":
        files = [to_half(file) for file in files]
    first, *rest = (_on(bundle, files, target, exact, batch) for target in places)
    return replace(first, others=tuple(rest))


def _on(
    bundle: Bundle, files: list[bytes], target: Target, precision: Literal["fp32", "fp16"], batch: int | None
) -> LoadedBundle:
    """Open every member on one target."""
    with target.active():
        networks = tuple(
            NetworkSession(bundle, member, file, target, batch, share=1 / (len(files) - number))
            for number, (member, file) in enumerate(zip(bundle.members, files, strict=True))
        )
    runtime = f"ONNX Runtime {onnxruntime().__version__}, {target.provider}, {precision}"
    return LoadedBundle(bundle, target, runtime, precision, networks)


def _accumulate(view: Any, values: Any) -> None:
    """Add values to a part of an array; ``array[part] += values`` would then copy that part onto itself."""
    view += values


def _sigmoid(logits: Any) -> Any:
    """Turn logits into probabilities in place, by the logistic function written without overflow."""
    xp, half = namespace(logits), np.float32(0.5)
    xp.tanh(xp.multiply(logits, half, out=logits), out=logits)
    logits += np.float32(1)
    logits *= half
    return logits
