"""``l4s-train evaluate``: scores a run or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options

if TYPE_CHECKING:
    from l4s_training.scoring.metrics import Scores, ThresholdCurve

__all__ = ["command"]

_SHOWN = 6
"""Patches on a picture."""


@click.command("evaluate")
@click.argument("run_or_bundle")
@options.data
@options.split_plan
@click.option(
    "--split",
    "role",
    type=click.Choice(["train", "validation", "test", "all"]),
    default="test",
    show_default=True,
    help="Which patches of the data; all does not split.",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Instead of the one chosen on validation.")
@click.option("--flips", is_flag=True, help="Average the eight flips and rotations.")
@click.option("--per-source", is_flag=True, help="Also score each source of the data by itself.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for thresholds.csv, calibration.csv, curves.png, best.png and worst.png.",
)
def command(
    run_or_bundle: str,
    data: tuple[str, ...],
    plan: options.Plan,
    role: str,
    threshold: float | None,
    flips: bool,
    per_source: bool,
    figures: Path | None,
) -> None:
    """Print precision, recall, F1 and IoU of the landslide class, counts pooled over all pixels.

    RUN_OR_BUNDLE is a folder that `l4s-train run` or `fit` wrote, whose own split is used, or a bundle (a folder, a zip
    or the name of an installed one), which is split as the options say.
    """
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from l4s_geo.errors import DataError
    from l4s_training.data import splits
    from l4s_training.data.patches import concatenate
    from l4s_training.data.readers import read as sources
    from l4s_training.runs import prediction as measure
    from l4s_training.runs.subjects import subject_of
    from l4s_training.scoring.metrics import Scores

    subject = subject_of(run_or_bundle)
    sets = sources.read_all(data, subject.bands)
    index = np.arange(sum(map(len, sets)))
    if role != "all":
        index = splits.divide(sets, subject.plan or plan).of(role)  # type: ignore[arg-type]
    patches = concatenate(sets).take(index)
    if not len(patches):
        raise DataError(f"The split has no patch of role {role!r}; choose another with --split.")
    predict = subject.predictor(patches)
    probabilities = measure.predict_all(measure.with_flips(predict) if flips else predict, patches)
    cut = subject.threshold if threshold is None else threshold
    detected = probabilities >= cut
    table = Table("split", "patches", "threshold", "F1", "precision", "recall", "IoU")
    table.add_row(role, *_row(len(patches), cut, Scores.of(detected, patches.masks)))
    if per_source:
        source = np.repeat(np.arange(len(sets)), [len(s) for s in sets])[index]
        for number, part in enumerate(sets):
            if (here := source == number).any():
                name = " ".join(filter(None, (part.source, part.role)))
                table.add_row(name, *_row(int(here.sum()), cut, Scores.of(detected[here], patches.masks[here])))
    Console().print(table)
    if figures:
        from l4s_training.scoring.metrics import ThresholdCurve
        from l4s_training.scoring.pictures import draw_curves, draw_patches, ranked

        figures.mkdir(parents=True, exist_ok=True)
        curve = ThresholdCurve.of(probabilities, patches.masks)
        _write_tables(curve, figures)
        draw_curves(curve, cut, figures / "curves.png")
        order = ranked(detected, patches.masks)
        for name, chosen in (("best", order[:_SHOWN]), ("worst", order[::-1][:_SHOWN])):
            if chosen:
                draw_patches(patches, probabilities, chosen, cut, figures / f"{name}.png")
        best, scores = curve.best()
        click.echo(
            f"Best threshold here {best:.3f}, with F1 {scores.f1:.4f}. Expected calibration error "
            f"{curve.calibration_error():.4f}. Pictures and tables in {figures}."
        )


def _row(patches: int, threshold: float, scores: Scores) -> list[str]:
    figures = (scores.f1, scores.precision, scores.recall, scores.iou)
    return [str(patches), f"{threshold:.3f}", *(f"{value:.4f}" for value in figures)]


def _write_tables(curve: ThresholdCurve, folder: Path) -> None:
    from l4s_training.files import write_table

    thresholds = [
        [threshold, *(round(value, 5) for value in scores.as_dict().values())]
        for threshold, scores in curve.thresholds()
    ]
    bins = [[round(mean, 5), round(share, 5), pixels] for pixels, mean, share in curve.reliability().rows()]
    for name, header, rows in (
        ("thresholds", ["threshold", "f1", "precision", "recall", "iou"], thresholds),
        ("calibration", ["mean_probability", "landslide_share", "pixels"], bins),
    ):
        write_table(folder / f"{name}.csv", header, rows)
