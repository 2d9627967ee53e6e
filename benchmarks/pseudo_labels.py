"""How good are the labels that a teacher gives the test images, by threshold, calibration and what the rest is?

    python benchmarks/pseudo_labels.py runs/methods/methods-refinement-hinge-control --stage net \\
        --data runs/methods/simulated

Labels are compared with the masks of the test images, which no training looks at. *Kept* is the share of the pixels of
0.5 or more that reach the threshold; *missed as background* the share of landslide pixels that a student is taught as
background, where the rest is background and where it is ignored.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.special import expit

from l4s_training.data.patches import Patches
from l4s_training.data.readers import read as sources
from l4s_training.runs.prediction import predict_network_run
from l4s_training.scoring.calibration import fit_calibration, logits_of
from l4s_training.scoring.metrics import Scores
from l4s_training.training.network_run import NetworkRun, read_network_run

EVERY = 4
"""Of the training patches every so many-th calibrates."""


def calibrated(teacher: NetworkRun, images: Patches, labelled: Patches | None) -> np.ndarray:
    """Predict images, (n, rows, cols), calibrated on labelled patches if there are any."""
    probabilities = predict_network_run(teacher, images)
    if labelled is None:
        return probabilities
    calibration = fit_calibration(logits_of(predict_network_run(teacher, labelled)), labelled.masks)
    return expit(calibration(logits_of(probabilities)))


def row(probability: np.ndarray, images: Patches, threshold: float) -> list[str]:
    """Return what a line of the table says."""
    truth = images.masks > 0
    labels = Scores.of(probability >= threshold, images.masks)
    kept = (probability >= threshold).sum() / max((probability >= 0.5).sum(), 1)
    sure = ((probability <= 1 - threshold) & truth).sum() / truth.sum()
    ignored = ((probability > 1 - threshold) & (probability < threshold)).mean()
    values = (kept, labels.precision, labels.recall, 1 - labels.recall, sure, ignored)
    return [f"{100 * value:.1f}" for value in values]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a recipe run")
    parser.add_argument("--stage", default="net", help="the stage of the teacher")
    parser.add_argument("--data", type=Path, required=True, help="the official folders")
    parser.add_argument("--threshold", type=float, default=0.7)
    given = parser.parse_args()
    stages = json.loads((given.run / "run.json").read_text(encoding="utf-8"))["stages"]
    teacher = read_network_run(given.run / stages[given.stage])
    train, validation, test = (
        sources.read(given.data / name, teacher.config.bands) for name in ("TrainData", "ValidData", "TestData")
    )
    some = train.take(np.arange(0, len(train), EVERY))
    print("calibrated on | kept | precision | recall | missed as background: rest background | rest ignored | ignored")
    for name, labelled in (("nothing", None), ("validation", validation), ("source", some)):
        print(" | ".join([name, *row(calibrated(teacher, test, labelled), test, given.threshold)]))


if __name__ == "__main__":
    main()
