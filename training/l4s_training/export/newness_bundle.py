"""Puts models of newness into a bundle that is there: fitted, measured on other patches, described in its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.item import write_bundle
from l4s_geo.bundles.newness import Newness
from l4s_geo.change.evidence import FEATURES
from l4s_geo.change.indices import INDEX_BANDS, Index
from l4s_geo.errors import DataError
from l4s_geo.inference.runtime import LoadedBundle
from l4s_training.data import splits
from l4s_training.data.patches import Patches
from l4s_training.data.readers.read import read
from l4s_training.export.card.blocks import stated_plan
from l4s_training.export.card.insert import NEWNESS, card_of, write_newness
from l4s_training.export.card.markdown import row
from l4s_training.export.newness import Logistic, PairEvidence, fit, gather, join, measure, newness_of, shift_for

__all__ = ["Fitted", "card_section", "caution", "fit_all", "write"]

_EVERY = 2
"""Every so many patches of the test blocks are enough to measure on."""
_DRAWS = 3
"""Pairs that are made of each patch where there are few."""


@dataclass(frozen=True)
class Fitted:
    """A model of newness, fitted and measured."""

    newness: Newness
    file: bytes
    model: Logistic
    patches: tuple[int, int]
    """Number of patches that fitted it, and of those that it was measured on."""


def fit_all(model: LoadedBundle, pairs: Path, infrared: Path, seed: int = 0) -> Iterator[Fitted]:
    """Fit and measure a model for each measure of change.

    The one on visible greenness is fitted on the validation blocks of the first source and measured on every second
    patch of its test blocks, split as `l4s_training.data.splits.DEFAULT` says. The one on the NDVI is fitted on all
    patches of the second source, and measured with each of them left out in turn.

    Args:
        model: the bundle; see `caution` for what its own split means.
        pairs: labelled patches with red, green and blue.
        infrared: labelled patches with near infrared as well, none of them trained on.
        seed: of all that is drawn.

    Raises:
        DataError: the patches cannot be read, or lack bands.
    """
    rgb = read(pairs, _bands(model, "greenness"))
    split = splits.split(rgb.ids, rgb.numbers, splits.DEFAULT)
    yield _held_out(model, rgb.take(split.validation), rgb.take(split.test[::_EVERY]), seed)
    yield _left_out(model, read(infrared, _bands(model, "rdndvi", ("slope", "DEM"))), seed)


def caution(bundle: Bundle) -> list[str]:
    """Return what is to be said of a bundle whose own split may have trained on the patches of the first source."""
    plan = splits.as_text(stated_plan(bundle))
    if plan == splits.as_text(splits.DEFAULT):
        return []
    return [
        f"The bundle was trained with the split {plan!r}, and these patches are divided by the default blocks: if its",
        "networks were trained on them, the figures of greenness are too good.",
    ]


def write(model: LoadedBundle, fitted: Sequence[Fitted], command: str) -> None:
    """Write models into a bundle's folder and describe them in its card; its networks stay as they are.

    Raises:
        DataError: the bundle is a zip, or has no card.
    """
    bundle = model.bundle
    card = card_of(bundle)
    files = {member.file: bundle.network(member) for member in bundle.members}
    files |= {f.newness.file: f.file for f in fitted}
    write_bundle(replace(bundle, newness=tuple(f.newness for f in fitted)), files, bundle.location)
    write_newness(card, card_section(bundle, fitted, command))


def card_section(bundle: Bundle, fitted: Sequence[Fitted], command: str) -> list[str]:
    """Write the section of a model card."""
    lines = [NEWNESS, "", *_INTRODUCTION, *caution(bundle), "", f"(`{command}`)", ""]
    lines += row("on pairs made of patches, F1 (precision / recall)", *(f.newness.index for f in fitted), head=True)
    for name, words in _FIGURES.items():
        lines += row(words, *(_figures(f.newness.scores, name) for f in fitted))
    lines += row("calibration error", *(f"{f.newness.scores['test_calibration_error']:.3f}" for f in fitted))
    lines += row("threshold", *(f"{f.newness.threshold:.3f}" for f in fitted))
    lines += row("patches fitted / measured", *(f"{f.patches[0]} / {f.patches[1]}" for f in fitted))
    for position, feature in enumerate(FEATURES):
        lines += row(f"coefficient of {feature}", *(f"{f.model.weights[position]:.2f}" for f in fitted))
    lines += row("intercept", *(f"{f.model.intercept:.2f}" for f in fitted))
    return [*lines, ""]


_INTRODUCTION = """\
With an earlier scene (`--before`), a logistic model weighs what the networks say of both dates, how the vegetation and
the brightness have changed, and whether the blue has risen by more than soil can: `newness-rdndvi.onnx` where both
dates have near infrared, `newness-greenness.onnx` else. Fitted and measured on pairs of dates made of labelled patches:
some landslides are covered with ground from beside them, as if they had not happened; others stay, as old scars; then
come another date's colours, growth, haze, noise, a remaining shift and clouds. Such pairs are easier than real ones.
For rdndvi each patch was left out in turn. The probability of being new is never above that of being a landslide, and
its threshold is the bundle's: nothing is called new that is not found without the earlier date. The intercept was moved
so that the earlier date costs 4 of 100 pixels of new landslides on pairs without clouds: for greenness on those that
fitted it, for rdndvi on each patch as the others see it, so that its recall here is what was asked for.""".splitlines()

_FIGURES: Mapping[str, str] = {
    "without": "new landslides, without the earlier date",
    "new": "new landslides, with it",
    "old": "old landslides: found and not called new",
    "clear_new": "new landslides on pairs without clouds",
    "clear_old": "old landslides there",
}


def _figures(scores: Mapping[str, float], name: str) -> str:
    key = f"test_{name}" if not name.startswith("clear") else name.replace("clear", "test_clear")
    f1, precision, recall = (scores[f"{key}_{kind}"] for kind in ("f1", "precision", "recall"))
    return f"{f1:.3f} ({precision:.3f} / {recall:.3f})"


def _bands(model: LoadedBundle, index: Index, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the bundle's bands and those of an index, each once."""
    return tuple(dict.fromkeys((*model.bands, *INDEX_BANDS[index], *more)))


def _held_out(model: LoadedBundle, fitting: Patches, testing: Patches, seed: int) -> Fitted:
    """Fit on some patches and measure on others."""
    if not (len(fitting) and len(testing)):
        raise DataError(
            f"{fitting.source} leaves no patch to fit on or to measure on; give the set of the default split."
        )
    sample = gather(model, fitting, "greenness", seed)
    threshold = model.threshold
    fitted = fit(sample)
    clear = gather(model, fitting, "greenness", seed, clouds=False)
    fitted = fitted.moved(shift_for(clear, fitted(clear.rows), threshold))
    scores: dict[str, float] = {}
    for prefix, clouds in (("test", True), ("test_clear", False)):
        other = gather(model, testing, "greenness", seed + 1, clouds=clouds)
        scores |= measure(other, fitted.of(other), threshold, threshold).as_scores(prefix)
    newness, file = newness_of(fitted, "greenness", threshold, scores)
    return Fitted(newness, file, fitted, (len(fitting), len(testing)))


def _left_out(model: LoadedBundle, patches: Patches, seed: int) -> Fitted:
    """Fit on all patches, and measure with each left out in turn."""
    singles = [patches.take(np.array([i])) for i in range(len(patches))]
    samples = [gather(model, one, "rdndvi", seed + i, _DRAWS) for i, one in enumerate(singles)]
    clear = [gather(model, one, "rdndvi", seed + i, _DRAWS, clouds=False) for i, one in enumerate(singles)]
    threshold = model.threshold
    others = [fit(join(samples[:i] + samples[i + 1 :])) for i in range(len(samples))]
    shift = shift_for(join(clear), _of_each(others, clear), threshold)
    fitted, others = fit(join(samples)).moved(shift), [other.moved(shift) for other in others]
    scores: dict[str, float] = {}
    for prefix, measured in (("test", samples), ("test_clear", clear)):
        every = join(measured)
        p = np.minimum(_of_each(others, measured), every.p_after[every.where])
        scores |= measure(every, p, threshold, threshold).as_scores(prefix)
    newness, file = newness_of(fitted, "rdndvi", threshold, scores)
    return Fitted(newness, file, fitted, (len(patches), len(patches)))


def _of_each(models: Sequence[Logistic], samples: Sequence[PairEvidence]) -> NDArray[np.float32]:
    """Return the probability of the pixels of all samples, each by its own model."""
    return np.concatenate([model(sample.rows) for model, sample in zip(models, samples, strict=True)])
