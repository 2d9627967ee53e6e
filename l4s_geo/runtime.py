"""Runs a bundle's networks with ONNX Runtime and says which device it really uses."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundle import Bundle, Member
from l4s_geo.errors import BundleError, DeviceError
from l4s_geo.library import DEFAULT, find_bundle
from l4s_geo.normalize import Statistics, normalize, statistics_of
from l4s_geo.views import Augmentation, apply, enlarge, reduce, undo, views

__all__ = ["DEVICES", "Device", "LoadedBundle", "load_bundle"]

Device = Literal["auto", "cuda", "cpu"]

DEVICES: tuple[Device, ...] = ("auto", "cuda", "cpu")

_PROVIDERS = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_BATCH = 16


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle whose networks are ready to run."""

    bundle: Bundle
    device: Literal["cuda", "cpu"]
    """The device that every network really runs on: "cuda" or "cpu"."""
    runtime: str
    """ONNX Runtime's version and provider, for the log."""
    sessions: tuple[Any, ...] = field(repr=False)
    """One `onnxruntime.InferenceSession` per member."""

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

    def predict(
        self,
        windows: NDArray[np.float32],
        domain: Statistics | None = None,
        tta: Augmentation = "none",
        batch: int = _BATCH,
    ) -> NDArray[np.float32]:
        """Predict the probability of landslide: the mean of `vote`, whose arguments it takes."""
        return self.vote(windows, domain, tta, batch)[0]

    def vote(
        self,
        windows: NDArray[np.float32],
        domain: Statistics | None = None,
        tta: Augmentation = "none",
        batch: int = _BATCH,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Let every network see every view of windows.

        Args:
            windows: (n, bands, 128, 128) float32, L4S units, the bundle's bands in order; NaN marks invalid
                values, which the networks see as average ground.
            domain: statistics of the scene that the windows come from, one entry per band, for networks with
                ``domain`` normalisation; None computes them from the windows given.
            tta: test-time augmentation: "none", "flips" (4 views) or "d4" (8 views).
            batch: windows in one call of a network.

        Returns:
            The weighted mean of the probabilities over networks and views, and their standard deviation (the
            *spread*; 0 if there is one network and one view), each (n, 128, 128) float32.

        Raises:
            ValueError: the windows have another shape.
        """
        side = self.bundle.window
        if windows.ndim != 4 or windows.shape[1:] != (len(self.bands), side, side):
            raise ValueError(
                f"Windows have shape {windows.shape}; bundle {self.name} takes (n, {len(self.bands)}, {side}, {side}) "
                f"with the bands {', '.join(self.bands)}."
            )
        windows = np.asarray(windows, np.float32)
        mean = np.zeros((len(windows), side, side), np.float32)
        squares = np.zeros_like(mean)
        total = sum(member.weight for member in self.bundle.members) * len(views(tta))
        for member, session in zip(self.bundle.members, self.sessions, strict=True):
            own = windows[:, [self.bands.index(b) for b in member.bands]]
            statistics = self._statistics(member, own, domain)
            share = np.float32(member.weight / total)
            for start in range(0, len(own), batch):
                part = slice(start, start + batch)
                x = enlarge(normalize(own[part], member.normalization, statistics), member.scale)
                for view in views(tta):
                    (logits,) = session.run(None, {session.get_inputs()[0].name: apply(x, view)})
                    probability = undo(reduce(_sigmoid(logits[:, 0]), side), view)
                    mean[part] += share * probability
                    squares[part] += share * probability**2
        return mean, np.sqrt(np.maximum(squares - mean**2, 0))

    def _statistics(self, member: Member, own: NDArray[np.float32], domain: Statistics | None) -> Statistics:
        if member.normalization != "domain" or not len(own):
            return member.statistics
        if domain is None:
            return statistics_of(own, "domain")
        picks = [self.bands.index(b) for b in member.bands]
        return Statistics(tuple(domain.mean[i] for i in picks), tuple(domain.std[i] for i in picks))


def load_bundle(name_or_path: str | os.PathLike[str] = DEFAULT, device: Device = "auto") -> LoadedBundle:
    """Load a bundle and make it ready to run.

    Args:
        name_or_path: the name of an installed bundle, or the path of a bundle's folder or zip.
        device: "cuda", "cpu", or "auto" for the first of the two that works.

    Raises:
        BundleError: there is no such bundle, or it is damaged.
        DeviceError: no ONNX Runtime is installed, or it cannot use the device.
    """
    bundle = find_bundle(name_or_path)
    ort = _onnxruntime()
    if device != "cpu" and _PROVIDERS["cuda"] in ort.get_available_providers():
        loaded = _load(ort, bundle, "cuda")
        if loaded is not None:
            return loaded
        why = "ONNX Runtime could not start its CUDA provider: no NVIDIA GPU, or no matching driver and CUDA"
    else:
        why = "the ONNX Runtime installed has no CUDA provider"
    if device == "cuda":
        raise DeviceError(
            f"Device cuda was asked for, but {why}; install the gpu extra (pip install 'l4s-geo[gpu]', after "
            "pip uninstall onnxruntime) on a machine with an NVIDIA GPU, or use --device auto."
        )
    loaded = _load(ort, bundle, "cpu")
    if loaded is None:
        raise DeviceError("ONNX Runtime could not start its CPU provider; install it again.")
    return loaded


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(
            "No ONNX Runtime is installed, and it is needed to run the networks; install one extra: "
            "pip install 'l4s-geo[cpu]', or 'l4s-geo[gpu]' for an NVIDIA GPU."
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise DeviceError(
            "ONNX Runtime is damaged, as happens when onnxruntime and onnxruntime-gpu were both installed; "
            "uninstall both, then install one extra: pip install 'l4s-geo[cpu]' or 'l4s-geo[gpu]'."
        )
    return onnxruntime


def _load(ort: Any, bundle: Bundle, device: Literal["cuda", "cpu"]) -> LoadedBundle | None:
    """Open every member on a device; None if some session falls back to another one."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    sessions = []
    for member in bundle.members:
        network = bundle.network(member)
        try:
            session = ort.InferenceSession(network, options, providers=[_PROVIDERS[device]])
        except Exception as error:
            if device == "cuda":
                return None
            raise BundleError(
                f"{member.file} of bundle {bundle.name} is not a network that ONNX Runtime {ort.__version__} can "
                f"run ({error}); export it again."
            ) from error
        if session.get_providers()[0] != _PROVIDERS[device]:
            return None
        sessions.append(session)
    return LoadedBundle(bundle, device, f"ONNX Runtime {ort.__version__}, {_PROVIDERS[device]}", tuple(sessions))


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logistic function without overflow."""
    half = np.float32(0.5)
    probability: NDArray[np.float32] = half * (np.tanh(half * logits) + np.float32(1))
    return probability
