"""``l4s-train evaluate``: scores a run or a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from l4s_training.cli import options

__all__ = ["command"]


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
def command(
    run_or_bundle: str,
    data: tuple[str, ...],
    plan: options.SplitPlan,
    role: str,
    threshold: float | None,
    flips: bool,
) -> None:
    """Print precision, recall, F1 and IoU of the landslide class, counts pooled over all pixels.

    RUN_OR_BUNDLE is a folder that `l4s-train fit` wrote, whose own split is used, or a bundle (a folder, a zip or
    the name of an installed one), which is split as the options say.
    """
    from rich.console import Console
    from rich.table import Table

    from l4s_geo import load_bundle
    from l4s_geo.errors import DataError
    from l4s_training import evaluate as measure
    from l4s_training.data import sources, splits
    from l4s_training.data.patches import concatenate
    from l4s_training.run import CONFIG, read_run

    folder = Path(run_or_bundle)
    run = read_run(folder) if (folder / CONFIG).is_file() else None
    if run is not None:
        bands, best, plan = run.config.bands, run.best.threshold if run.best else 0.5, run.config.plan
    else:
        loaded = load_bundle(run_or_bundle)
        bands, best = loaded.bands, loaded.threshold
    sets = sources.read_all(data, bands)
    patches = concatenate(sets)
    if role != "all":
        patches = patches.take(splits.split_sources(sets, plan).of(role))  # type: ignore[arg-type]
    if not len(patches):
        raise DataError(f"The split has no patch of role {role!r}; choose another with --split.")
    if run is not None:
        predict = measure.run_predictor(run, measure.load_network(run), patches)
    else:
        predict = measure.bundle_predictor(loaded, patches)
    cut = best if threshold is None else threshold
    scores = measure.evaluate(measure.with_flips(predict) if flips else predict, patches, cut)
    table = Table("split", "patches", "threshold", "F1", "precision", "recall", "IoU")
    figures = (scores.f1, scores.precision, scores.recall, scores.iou)
    table.add_row(role, str(len(patches)), f"{cut:.3f}", *(f"{value:.4f}" for value in figures))
    Console().print(table)
