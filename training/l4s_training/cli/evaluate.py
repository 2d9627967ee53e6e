"""``l4s-train evaluate``: scores a run or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from l4s_training.cli import options
from l4s_training.cli.tables import title_of

if TYPE_CHECKING:
    from rich.table import Table

    from l4s_training.data.roles import Role
    from l4s_training.runs.evaluation import Evaluated
    from l4s_training.scoring.metrics import Scores, ThresholdCurve

__all__ = ["command"]

_SHOWN = 6
"""Patches on a picture."""


@click.command("evaluate")
@options.run_or_bundle
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
@options.threshold
@options.flips
@click.option("--per-source", is_flag=True, help="Also score each source of the data by itself.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for thresholds.csv, calibration.csv, curves.png, best.png and worst.png.",
)
def command(
    run_or_bundle: str,
    data: tuple[str, ...],
    plan: options.Plan | None,
    role: Role | Literal["all"],
    threshold: float | None,
    flips: bool,
    per_source: bool,
    figures: Path | None,
) -> None:
    """Print precision, recall, F1 and IoU of the landslide class, counts pooled over all pixels.

    RUN_OR_BUNDLE is the folder of a recipe run (`l4s-train run`) or of a network run (`l4s-train fit`), whose own split
    is used, or a bundle (a folder, a zip or the name of an installed one), whose card names the split that it was
    trained with.
    """
    from rich.console import Console

    from l4s_training.runs.evaluation import evaluate
    from l4s_training.runs.run_or_bundle import open_run_or_bundle

    evaluated = evaluate(open_run_or_bundle(run_or_bundle), data, plan, role, threshold, flips)
    Console().print(_table(evaluated, role, per_source))
    if figures:
        _write_figures(evaluated, figures)


def _table(evaluated: Evaluated, role: str, per_source: bool) -> Table:
    from rich.table import Table

    columns = ("split", "patches", "threshold", "F1", "precision", "recall", "IoU")
    table = Table(*columns, title=title_of(evaluated.note))
    rows = [(role, len(evaluated.patches), evaluated.scores), *(evaluated.by_source() if per_source else ())]
    for name, patches, scores in rows:
        table.add_row(name, str(patches), f"{evaluated.threshold:.3f}", *_figures(scores))
    return table


def _figures(scores: Scores) -> list[str]:
    return [f"{value:.4f}" for value in (scores.f1, scores.precision, scores.recall, scores.iou)]


def _write_figures(evaluated: Evaluated, folder: Path) -> None:
    """Write the tables and pictures, and say what they show."""
    from l4s_training.scoring.metrics import ThresholdCurve
    from l4s_training.scoring.pictures import draw_curves, draw_patches, ranked

    folder.mkdir(parents=True, exist_ok=True)
    patches, probabilities, threshold = evaluated.patches, evaluated.probabilities, evaluated.threshold
    curve = ThresholdCurve.of(probabilities, patches.masks)
    _write_tables(curve, evaluated.note, folder)
    draw_curves(curve, threshold, folder / "curves.png")
    order = ranked(evaluated.detected, patches.masks)
    for name, chosen in (("best", order[:_SHOWN]), ("worst", order[::-1][:_SHOWN])):
        if chosen:
            draw_patches(patches, probabilities, chosen, threshold, folder / f"{name}.png")
    best, scores = curve.best()
    click.echo(
        f"Best threshold here {best:.3f}, with F1 {scores.f1:.4f}. Expected calibration error "
        f"{curve.calibration_error():.4f}. Pictures and tables in {folder}."
    )


def _write_tables(curve: ThresholdCurve, note: str, folder: Path) -> None:
    from l4s_training.files import write_table

    thresholds = [
        [threshold, *(round(value, 5) for value in scores.as_dict().values()), note]
        for threshold, scores in curve.thresholds()
    ]
    bins = [[round(mean, 5), round(share, 5), pixels, note] for pixels, mean, share in curve.reliability().rows()]
    write_table(folder / "thresholds.csv", ["threshold", "f1", "precision", "recall", "iou", "note"], thresholds)
    write_table(folder / "calibration.csv", ["mean_probability", "landslide_share", "pixels", "note"], bins)
