"""How a bundle scores on the test blocks of the RGB patches: all together, by size, and block by block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import DataError
from l4s_geo.evaluation.reliability import calibration_error, reliability
from l4s_geo.inference.runtime import LoadedBundle
from l4s_training.data import splits
from l4s_training.data.patches import Patches
from l4s_training.data.readers import read as sources
from l4s_training.export.card.markdown import row
from l4s_training.export.card.scenes import RGB_PAIRS
from l4s_training.runs.prediction import bundle_predictor, predict_all, with_flips
from l4s_training.scoring.metrics import Scores
from l4s_training.scoring.objects import recall_by_size, references

__all__ = [
    "BlockPrediction",
    "block_scores",
    "plan_of",
    "pooled_lines",
    "predict_test_blocks",
    "spread_lines",
    "stated_plan",
]

_SPLIT = re.compile(r", split (\S+)$")


@dataclass(frozen=True)
class BlockPrediction:
    """The patches of the test blocks, and what a bundle makes of them."""

    patches: Patches
    blocks: dict[int, NDArray[np.bool_]]
    """By the block's number, (n,) which of the patches lie in it."""
    plain: NDArray[np.float32]
    """(n, rows, cols) probabilities."""
    flipped: NDArray[np.float32]
    """The same with the eight flips and rotations averaged."""
    threshold: float


def stated_plan(bundle: Bundle) -> splits.Plan:
    """Return the split that a bundle was trained with, as its description names it."""
    found = _SPLIT.search(bundle.trained_on)
    return splits.from_text(found[1]) if found else splits.DEFAULT  # descriptions of earlier versions name none


def plan_of(bundle: Bundle) -> splits.SplitPlan:
    """Return the split by blocks that a bundle was trained with, as its description names it.

    Raises:
        DataError: it was trained with a split of another kind, of which the test blocks may have been trained on.
    """
    plan = stated_plan(bundle)
    if not isinstance(plan, splits.SplitPlan):
        raise DataError(
            f"{bundle.name} was trained with the split {splits.as_text(plan)!r}, and a card is measured on the test "
            "blocks of a split by blocks, which it may have been trained on; leave its card as its export wrote it."
        )
    return plan


def predict_test_blocks(model: LoadedBundle, data: Path, plan: splits.SplitPlan = splits.DEFAULT) -> BlockPrediction:
    """Predict the test blocks.

    Args:
        model: the bundle.
        data: the folder that holds the RGB patches.
        plan: the split that the bundle was trained with.

    Raises:
        DataError: the patches cannot be read.
    """
    pairs = sources.read(data / RGB_PAIRS, model.bands)
    test = pairs.take(splits.split(pairs.ids, pairs.numbers, plan).test)
    ids = np.array_split(np.sort(pairs.ids), plan.blocks)
    predict = bundle_predictor(model, test)
    return BlockPrediction(
        test,
        {block: np.isin(test.ids, ids[block]) for block in plan.test},
        predict_all(predict, test),
        predict_all(with_flips(predict), test),
        model.threshold,
    )


def block_scores(test: BlockPrediction) -> dict[int, Scores]:
    """Score each test block by itself."""
    detected = test.plain >= test.threshold
    return {block: Scores.of(detected[inside], test.patches.masks[inside]) for block, inside in test.blocks.items()}


def pooled_lines(test: BlockPrediction) -> list[str]:
    """Write the scores on all test blocks together, and the landslides found by size."""
    masks = test.patches.masks
    lines = ["## Test blocks of the RGB pairs", ""]
    lines += row("", "F1", "precision", "recall", "IoU", "calibration error", head=True)
    for name, p in (("one view", test.plain), ("flips averaged", test.flipped)):
        s = Scores.of(p >= test.threshold, masks)
        lines += row(name, s.f1, s.precision, s.recall, s.iou, calibration_error(p, masks))
    lines += ["", *row("landslides", "in the test blocks", "found", head=True)]
    for size, (count, share) in recall_by_size(references(test.plain, masks, test.threshold)).items():
        lines += row(f"≥ {size:,} m²", count, share)
    return [*lines, ""]


def spread_lines(test: BlockPrediction) -> list[str]:
    """Write how the F1 varies from block to block, and how far the probabilities hold."""
    f1 = {block: scores.f1 for block, scores in block_scores(test).items()}
    values = np.array(list(f1.values()))
    lines = ["## Block by block", "", f"F1 of each test block: {', '.join(f'{v:.3f} ({b})' for b, v in f1.items())};"]
    lines += [
        f"mean {values.mean():.3f}, standard deviation {values.std(ddof=1):.3f}. Reliability over all of them:",
        "",
    ]
    lines += row("pixels", "mean probability", "share of landslide", head=True)
    for count, mean, share in reliability(test.plain, test.patches.masks).rows():
        lines += row(f"{count:,}", mean, share)
    return [*lines, ""]
