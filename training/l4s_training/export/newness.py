"""Fits a bundle's models of newness, on pairs of dates made of patches that its networks were not trained on.

A logistic regression on the evidence (`l4s_geo.change.evidence`): its coefficients may only have the signs that make
sense, so that no accident of the pairs makes a cloud an argument for a landslide. Its probability is calibrated on the
pairs by construction, and measured on others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper
from scipy.optimize import minimize
from scipy.special import expit, logit

from l4s_geo.bands import scale_of
from l4s_geo.bundles.newness import Newness
from l4s_geo.change.evidence import FEATURES, evidence, pooled
from l4s_geo.change.indices import INDEX_BANDS, Index
from l4s_geo.change.newness import FLOOR, highest_near
from l4s_geo.change.normalisation import normalisation
from l4s_geo.errors import DataError
from l4s_geo.inference.runtime import LoadedBundle
from l4s_training.data.pairs import Pair, simulate_pair
from l4s_training.data.patches import Patches
from l4s_training.scoring.metrics import Scores, ThresholdCurve

__all__ = ["LOSS", "Logistic", "Measured", "PairEvidence", "fit", "gather", "measure", "newness_of", "to_onnx"]
__all__ += ["join", "shift_for"]

_SIGNS: dict[str, tuple[float | None, float | None]] = {
    "logit_after": (0, None),
    "logit_before": (None, 0),
    "change": (None, 0),
    "vigour": (None, 0),
    "brightness": (0, None),
    "cloud_after": (None, 0),
    "cloud_before": (None, 0),
}
"""The range of each coefficient."""
LOSS = 0.04
"""Share of the new landslides' pixels that the earlier date may cost on the pairs that chose the cut."""
_RIDGE = 1e-4
_SUSPECT = 0.2


@dataclass(frozen=True)
class PairEvidence:
    """What there is to learn from, or to measure on: pairs of dates, predicted."""

    rows: NDArray[np.float32]
    """(m, features): the evidence of the pixels that are compared."""
    truth: NDArray[np.bool_]
    """(m,): whether they are new landslides."""
    where: NDArray[np.bool_]
    """(n, rows, cols): where these pixels lie, in order."""
    new: NDArray[np.bool_]
    """(n, rows, cols): new landslides."""
    old: NDArray[np.bool_]
    """(n, rows, cols): landslides of both dates."""
    judged: NDArray[np.bool_]
    """(n, rows, cols): where something is true."""
    p_after: NDArray[np.float32]
    """(n, rows, cols): the networks' probability on the later date."""

    def surface(self, p: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, rows, cols): probabilities of the compared pixels, and what the networks say of the others."""
        out = self.p_after.copy()
        out[self.where] = p
        return out


@dataclass(frozen=True)
class Logistic:
    """A logistic regression on the evidence."""

    weights: NDArray[np.float64]
    """(features,) coefficients."""
    intercept: float

    def of(self, sample: PairEvidence) -> NDArray[np.float32]:
        """Return the probability of the compared pixels, as a run has it: (m,) float32, never above the networks'."""
        return np.minimum(self(sample.rows), sample.p_after[sample.where])

    def moved(self, by: float) -> Logistic:
        """Return the model with its logits raised."""
        return replace(self, intercept=self.intercept + by)

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of rows of evidence: (m,) float32."""
        p: NDArray[np.float32] = expit(rows @ self.weights + self.intercept).astype(np.float32)
        return p


@dataclass(frozen=True)
class Measured:
    """What a model of newness gains on pairs."""

    without: Scores
    """New landslides against what the networks find on the later date, without the earlier one."""
    new: Scores
    """New landslides against what is called new."""
    old: Scores
    """Old landslides against what is found and not called new."""
    calibration_error: float
    """Mean distance of probability and frequency, over the compared pixels."""

    def as_scores(self, prefix: str) -> dict[str, float]:
        """Return the figures by name."""
        out = {f"{prefix}_without_{k}": round(v, 4) for k, v in self.without.as_dict().items() if k != "iou"}
        out |= {f"{prefix}_new_{k}": round(v, 4) for k, v in self.new.as_dict().items() if k != "iou"}
        out |= {f"{prefix}_old_{k}": round(v, 4) for k, v in self.old.as_dict().items() if k != "iou"}
        return out | {f"{prefix}_calibration_error": round(self.calibration_error, 4)}


def gather(
    model: LoadedBundle, patches: Patches, index: Index, seed: int, draws: int = 1, clouds: bool = True
) -> PairEvidence:
    """Make pairs of patches, let the networks see both dates, and gather the evidence.

    Args:
        model: the bundle.
        patches: labelled, with the bundle's bands and those of the index; none that the networks were trained on.
        index: the measure of change.
        seed: of all that is drawn.
        draws: pairs that are made of each patch.
        clouds: whether there may be clouds on a date.
    """
    rng = np.random.default_rng(seed)
    found = [
        _one(model, patches, position, index, rng, clouds) for _ in range(draws) for position in range(len(patches))
    ]
    rows, pairs, wheres, chances = zip(*found, strict=True)
    stacked = {name: np.stack([getattr(pair, name) for pair in pairs]) for name in ("new", "old", "judged")}
    where = np.stack(wheres)
    return PairEvidence(np.concatenate(rows), stacked["new"][where], where, **stacked, p_after=np.stack(chances))


def fit(sample: PairEvidence) -> Logistic:
    """Fit a logistic regression, its coefficients of the signs that make sense.

    Raises:
        DataError: the pairs hold no new landslide, or nothing else.
    """
    used = np.isfinite(sample.rows).all(axis=1) & sample.judged[sample.where]
    x, y = sample.rows[used].astype(np.float64), sample.truth[used]
    if not y.any() or y.all():
        raise DataError("The pairs hold no new landslide, or nothing else; give labelled patches with landslides.")
    sign = np.where(y, 1.0, -1.0)

    def loss(t: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ t[1:] + t[0])
        pull = -sign * expit(-margin) / len(x)
        value = np.logaddexp(0, -margin).mean() + _RIDGE * (t[1:] ** 2).sum()
        return float(value), np.concatenate([[pull.sum()], pull @ x + 2 * _RIDGE * t[1:]])

    bounds = [(None, None), *(_SIGNS[name] for name in FEATURES)]
    t = minimize(loss, np.zeros(1 + len(FEATURES)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Logistic(t[1:], float(t[0]))


def measure(sample: PairEvidence, p: NDArray[np.float32], threshold: float, plain: float) -> Measured:
    """Score probabilities of newness on pairs, pooled over the pixels of which something is true.

    Args:
        sample: the pairs.
        p: (m,) probability of each compared pixel.
        threshold: from which one is new.
        plain: the bundle's threshold without an earlier date.
    """
    surface, judged = sample.surface(np.nan_to_num(p)), sample.judged
    is_new, found = surface >= threshold, sample.p_after >= plain
    pairs = ((found, sample.new), (is_new, sample.new), (found & ~is_new, sample.old))
    without, new, old = (Scores.of(detected[judged], truth[judged].astype(np.uint8)) for detected, truth in pairs)
    used = judged[sample.where] & np.isfinite(p)
    curve = ThresholdCurve.of(p[used][None, None], sample.truth[used][None, None].astype(np.uint8))
    return Measured(without, new, old, curve.calibration_error())


def shift_for(sample: PairEvidence, p: NDArray[np.float32], threshold: float) -> float:
    """Return by how much logits have to rise so that a threshold costs little recall, `LOSS` of the new landslides.

    Only what is found without the earlier date can be new. With the bundle's own threshold as the cut, one number says
    both. The best F1 lies nearly anywhere between 0.25 and 0.4, so that recall decides.

    Args:
        sample: pairs, best without clouds, of which new landslides are to be found.
        p: (m,) probability of each compared pixel, from a model that did not see its pair or saw many.
        threshold: the bundle's.

    Raises:
        DataError: the networks find none of the new landslides.
    """
    new = sample.new & sample.judged
    right = np.sort(np.nan_to_num(p)[(new & (sample.p_after >= threshold))[sample.where]])
    if not len(right):
        raise DataError("The networks find no new landslide of the pairs; give patches that they know landslides of.")
    cut = right[min(int(LOSS * new.sum()), len(right) - 1)]
    return float(logit(threshold) - logit(np.clip(cut, 0.01, 0.99)))


def to_onnx(model: Logistic) -> bytes:
    """Write a model as ONNX: evidence (n, features) float32 to logits (n, 1) float32."""
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["evidence", "weights", "intercept"], ["logit"])],
        "newness",
        [helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["n", len(FEATURES)])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, (len(FEATURES), 1), model.weights.astype(np.float32)),
            helper.make_tensor("intercept", TensorProto.FLOAT, (1,), [model.intercept]),
        ],
    )
    written = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(written)
    data: bytes = onnx.ModelProto.SerializeToString(written)
    return data


def newness_of(model: Logistic, index: Index, threshold: float, scores: dict[str, float]) -> tuple[Newness, bytes]:
    """Return the description of a model, and its file."""
    data = to_onnx(model)
    digest = hashlib.sha256(data).hexdigest()
    return Newness(f"newness-{index}.onnx", digest, index, threshold, FEATURES, scores), data


def _one(
    model: LoadedBundle,
    patches: Patches,
    position: int,
    index: Index,
    rng: np.random.Generator,
    clouds: bool,
) -> tuple[NDArray[np.float32], Pair, NDArray[np.bool_], NDArray[np.float32]]:
    """Make one pair, and gather the evidence of its pixels."""
    raw = scale_of(patches.bands).astype(np.float32)[:, None, None]
    dn = patches.windows(np.array([position]))[0] * raw
    mask = patches.masks[position] > 0
    picks = [patches.bands.index(band) for band in model.bands]
    suspects = model.predict((dn / raw)[picks][None])[0] >= _SUSPECT
    pair = simulate_pair(dn, patches.bands, mask, suspects, rng, not patches.quantum[position], clouds)
    p_after, p_before = (model.predict((v / raw)[picks][None])[0] for v in (pair.after, pair.before))
    where = p_after >= FLOOR
    bands = INDEX_BANDS[index]
    after, before = (v[[patches.bands.index(b) for b in bands]] for v in (pair.after, pair.before))
    before = _normalised(after, before)
    later, earlier = (dict(zip(bands, pooled(v, p_after)[:, where], strict=True)) for v in (after, before))
    return evidence(p_after[where], highest_near(p_before)[where], later, earlier, index), pair, where, p_after


def _normalised(after: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring the earlier date's colours to those of the later one, as a run does."""
    lines = normalisation(after[:, ::2, ::2].reshape(len(after), -1), before[:, ::2, ::2].reshape(len(before), -1))
    if lines is None:
        return before
    gain, offset = (np.array([getattr(line, name) for line in lines], np.float32) for name in ("gain", "offset"))
    out: NDArray[np.float32] = np.maximum(before * gain[:, None, None] + offset[:, None, None], 0)
    return out


def join(samples: Sequence[PairEvidence]) -> PairEvidence:
    """Join samples of pairs."""
    names = PairEvidence.__dataclass_fields__
    return PairEvidence(**{name: np.concatenate([getattr(s, name) for s in samples]) for name in names})
