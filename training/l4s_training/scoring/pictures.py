"""Pictures of a measurement: the threshold curve, the calibration, the best and the worst patches."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l4s_geo.output.atomic import atomic_write
from l4s_training.data.patches import Patches
from l4s_training.scoring.metrics import Scores, ThresholdCurve

__all__ = ["draw_curves", "draw_patches", "picture", "ranked"]

mpl.use("Agg")

_COLOURS = {"found": (0.1, 0.7, 0.2), "missed": (0.9, 0.1, 0.1), "false": (0.15, 0.35, 1.0)}


def ranked(detected: NDArray[np.bool_], masks: NDArray[np.uint8]) -> list[tuple[int, Scores]]:
    """Return positions and scores of the patches, the highest F1 first.

    Patches without a landslide and without a detection say nothing and are left out; of equal F1 the patch with fewer
    wrong pixels comes first.
    """
    scores = [Scores.of(d, m) for d, m in zip(detected, masks, strict=True)]
    told = [(i, s) for i, s in enumerate(scores) if s.tp + s.fp + s.fn]
    return sorted(told, key=lambda pair: (-pair[1].f1, pair[1].fp + pair[1].fn))


def draw_curves(curve: ThresholdCurve, threshold: float, path: Path) -> None:
    """Draw scores over the threshold, and frequency over probability, as a PNG."""
    rows = curve.thresholds()
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in ("f1", "precision", "recall", "iou"):
        left.plot(
            [t for t, _ in rows], [s.as_dict()[name] for _, s in rows], label={"f1": "F1", "iou": "IoU"}.get(name, name)
        )
    left.axvline(threshold, color="black", linewidth=0.8, linestyle=":")
    left.set(xlabel="threshold", ylabel="score", xlim=(0, 1), ylim=(0, 1))
    left.legend()
    bins = curve.reliability().rows()
    right.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    right.plot([mean for _, mean, _ in bins], [share for _, _, share in bins], marker="o")
    right.set(xlabel="probability", ylabel="share of landslide pixels", xlim=(0, 1), ylim=(0, 1))
    right.set_title(f"expected calibration error {curve.calibration_error():.4f}")
    _save(figure, path, 120)


def draw_patches(
    patches: Patches,
    probabilities: NDArray[np.float32],
    chosen: list[tuple[int, Scores]],
    threshold: float,
    path: Path,
) -> None:
    """Draw patches, one a row, as a PNG: image, probability, and found (green), missed (red) and false (blue) pixels.

    Args:
        patches: (n,).
        probabilities: (n, rows, cols).
        chosen: positions and scores of those to be drawn.
        threshold: probability from which a pixel counts as landslide.
        path: the file.
    """
    figure = Figure(figsize=(9, 3 * len(chosen)), layout="constrained")
    rows = figure.subplots(len(chosen), 3, squeeze=False)
    for (index, scores), (image, probability, verdict) in zip(chosen, rows, strict=True):
        shown = picture(patches, index)
        image.imshow(shown)
        image.set_title(
            f"{patches.source} {patches.numbers[index]}" if len(patches.source) < 30 else str(patches.numbers[index])
        )
        probability.imshow(probabilities[index], vmin=0, vmax=1, cmap="magma")
        probability.set_title("probability")
        verdict.imshow(_verdict(shown, probabilities[index] >= threshold, patches.masks[index] > 0))
        verdict.set_title(f"F1 {scores.f1:.2f}  found {scores.tp}  missed {scores.fn}  false {scores.fp}", fontsize=8)
        for axes in (image, probability, verdict):
            axes.set_axis_off()
    _save(figure, path, 80)


def _save(figure: Figure, path: Path, dpi: int) -> None:
    """Write a picture as a PNG.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    with atomic_write(path) as part:
        figure.savefig(part, dpi=dpi, format="png")


def picture(patches: Patches, index: int) -> NDArray[np.float32]:
    """Return a patch to look at: (rows, cols, 3) in 0 to 1, red, green, blue, or the first bands there are."""
    bands = patches.windows(np.array([index]))[0]
    wanted = ("B4", "B3", "B2") if {"B4", "B3", "B2"} <= set(patches.bands) else (patches.bands * 3)[:3]
    rgb = np.stack([bands[patches.bands.index(band)] for band in wanted], axis=-1)
    low, high = np.nanpercentile(rgb, (1, 99))
    stretched: NDArray[np.float32] = np.clip(np.nan_to_num((rgb - low) / max(high - low, 1e-6)), 0, 1)
    return stretched


def _verdict(shown: NDArray[np.float32], detected: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float32]:
    grey = np.repeat(shown.mean(axis=-1, keepdims=True), 3, axis=-1)
    for name, pixels in (("found", detected & truth), ("missed", truth & ~detected), ("false", detected & ~truth)):
        grey[pixels] = _COLOURS[name]
    return grey
