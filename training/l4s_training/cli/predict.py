"""``l4s-train predict``: masks of patches, as the competition takes them."""

from __future__ import annotations

from pathlib import Path

import click

from l4s_training.cli import options

__all__ = ["command"]


@click.command("predict")
@click.argument("run_or_bundle")
@options.data
@click.option(
    "--submission", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Zip of mask_N.h5 to write."
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Instead of the one chosen on validation.")
@click.option("--flips", is_flag=True, help="Average the eight flips and rotations.")
def command(run_or_bundle: str, data: tuple[str, ...], submission: Path, threshold: float | None, flips: bool) -> None:
    """Predict every patch of the data, labelled or not, and write the masks as a submission.

    RUN_OR_BUNDLE is a folder that `l4s-train run` or `fit` wrote, or a bundle.
    """
    from l4s_training.data.patches import concatenate
    from l4s_training.data.readers import read as sources
    from l4s_training.runs import prediction as measure
    from l4s_training.runs.subjects import subject_of
    from l4s_training.scoring.submission import write_submission

    subject = subject_of(run_or_bundle)
    patches = concatenate([sources.read_unlabelled(Path(path), subject.bands) for path in data])
    predict = subject.predictor(patches)
    probabilities = measure.predict_all(measure.with_flips(predict) if flips else predict, patches)
    masks = probabilities >= (subject.threshold if threshold is None else threshold)
    write_submission(submission, patches.numbers, masks)
    click.echo(f"{submission}: {len(masks)} masks, {masks.mean():.2%} landslide.")
