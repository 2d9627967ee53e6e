"""The evidence that a place which looks like a landslide is a new one, and the model that weighs it.

What the networks say of both dates, how the vegetation and the brightness have changed, and whether a cloud stands in
one of the two: a cloud is brighter in blue than any soil, and so are snow and haze. Logits are cut to a range, since
all that is surely no landslide says the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.newness import Newness
from l4s_geo.change.indices import Index, brightness, change_of, vigour
from l4s_geo.errors import BundleError
from l4s_geo.inference.devices import onnxruntime

__all__ = ["FEATURES", "REACH", "NewnessModel", "evidence", "newness_for", "pooled"]

FEATURES = ("logit_after", "logit_before", "change", "vigour", "brightness", "cloud_after", "cloud_before")
"""Names of the evidence, in order: the networks' logits of both dates, the change of the index, the index of the later
date itself (a fresh scar is bare), the logarithm of how many times brighter the ground has become, and by how much more
than soil can the blue has risen, or had been above it before (logarithms, 0 for what soil can do)."""

_LOGITS = {"after": (-5.0, 5.0), "before": (-4.0, 5.0)}
_SOIL, _LOSS = 0.6, 0.4
"""Logarithms of how many times brighter in blue a slope becomes when soil is laid bare, and of how many times darker
than that when it was bare already and is wet now."""
_BRIGHTER = (-1.5, 1.5)
REACH = 3
"""Pixels in each direction over which colours are averaged: a window of 70 m."""
_LEAST = np.float32(1e-3)
"""What a neighbour counts that is surely no landslide, so that no average is one of nothing."""
_DARKEST = np.float32(1)


def evidence(
    p_after: NDArray[np.float32],
    p_before: NDArray[np.float32],
    after: Mapping[str, NDArray[np.float32]],
    before: Mapping[str, NDArray[np.float32]],
    index: Index,
) -> NDArray[np.float32]:
    """Gather the evidence of pixels.

    Args:
        p_after: (n,) float32, the networks' probability on the later date.
        p_before: (n,) float32, on the earlier date.
        after: (n,) float32 by band, digital numbers of the later date.
        before: the same of the earlier date, normalised to the later one.
        index: the measure of change.

    Returns:
        (n, features) float32, see `FEATURES`; NaN where a value is unknown.
    """
    earlier, later = vigour(before, index), vigour(after, index)
    bluer = _log_ratio(after["B2"], before["B2"])
    columns = (
        np.clip(_logit(p_after), *_LOGITS["after"]),
        np.clip(_logit(p_before), *_LOGITS["before"]),
        change_of(earlier, later, index),
        later,
        np.clip(_log_ratio(brightness(after), brightness(before)), *_BRIGHTER),
        np.maximum(bluer - np.float32(_SOIL), 0),
        np.maximum(-bluer - np.float32(_LOSS), 0),
    )
    return np.stack([column.astype(np.float32, copy=False) for column in columns], axis=-1)


def pooled(values: NDArray[np.float32], probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average bands over the suspected landslide around each pixel: neighbours count by their probability.

    A landslide is new as a whole. A single pixel of a change is mostly noise, what is left of a shift, and the rim of
    something larger.

    Args:
        values: (bands, rows, cols) float32, NaN where unknown.
        probability: (rows, cols) float32, that of a landslide on the later date; NaN where unknown.

    Returns:
        The same shape as the values; NaN where a pixel itself is unknown.
    """
    known = np.isfinite(values)
    weight = np.where(known, np.maximum(np.nan_to_num(probability), _LEAST), np.float32(0))
    total, share = (_summed(part) for part in (np.where(known, values, np.float32(0)) * weight, weight))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, total / share, np.float32(np.nan))


def _summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum bands over each pixel's neighbours; not by running sums, which would depend on where a strip begins."""
    ones = np.ones(2 * REACH + 1)
    out: NDArray[np.float32] = values
    for axis in (1, 2):
        out = ndimage.correlate1d(out, ones, axis=axis, mode="constant")
    return out


class NewnessModel:
    """A model of newness, ready to run; on the CPU, where a pixel costs it a few multiplications."""

    def __init__(self, bundle: Bundle, model: Newness) -> None:
        """Open a model of a bundle.

        Raises:
            BundleError: the file is damaged, or takes other evidence than this version gathers.
        """
        if model.features != FEATURES:
            raise BundleError(
                f"The model of newness {model.file} of bundle {bundle.name} takes {', '.join(model.features)}; this "
                f"version gathers {', '.join(FEATURES)}, so fit it again (l4s-train newness)."
            )
        self.description = model
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = ort.InferenceSession(bundle.network(model), options, providers=["CPUExecutionProvider"])
            logits = self._run(np.zeros((2, len(FEATURES)), np.float32))
        except BundleError:
            raise
        except Exception as error:
            raise BundleError(
                f"The model of newness {model.file} of bundle {bundle.name} cannot be run ({error}); fit it again "
                "(l4s-train newness)."
            ) from error
        if logits.shape != (2, 1):
            raise BundleError(
                f"The model of newness {model.file} of bundle {bundle.name} returns values of shape {logits.shape} for "
                "2 pixels; expected (2, 1), so fit it again (l4s-train newness)."
            )

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of a new landslide.

        Args:
            rows: (n, features) float32, as `evidence` returns them.

        Returns:
            (n,) float32; NaN where some evidence is.
        """
        out = np.full(len(rows), np.nan, np.float32)
        known = np.isfinite(rows).all(axis=1)
        if known.any():
            out[known] = 1 / (1 + np.exp(-self._run(rows[known])[:, 0]))
        return out

    def _run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._session.run(None, {"evidence": rows})[0]
        return logits


def newness_for(bundle: Bundle, index: Index) -> NewnessModel:
    """Open the bundle's model of newness for a measure of change.

    Raises:
        BundleError: it has none.
    """
    model = next((m for m in bundle.newness if m.index == index), None)
    if model is None:
        known = ", ".join(m.index for m in bundle.newness) or "none at all"
        raise BundleError(
            f"The bundle {bundle.name} has no model of newness for {index} (it has {known}); leave --before out, use "
            "the bundle rgb, or fit one (l4s-train newness)."
        )
    return NewnessModel(bundle, model)


def _logit(p: NDArray[np.float32]) -> NDArray[np.float32]:
    clipped = np.clip(p, np.float32(1e-6), np.float32(1 - 1e-6))
    out: NDArray[np.float32] = np.log(clipped) - np.log1p(-clipped)
    return out


def _log_ratio(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = np.log(np.maximum(one, _DARKEST) / np.maximum(other, _DARKEST))
    return out
