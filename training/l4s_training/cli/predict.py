"""``l4s-train predict``: masks of patches, as the competition takes them."""

from __future__ import annotations

from pathlib import Path

import click

from l4s_training.cli import options

__all__ = ["command"]


@click.command("predict")
@options.run_or_bundle
@options.data
@click.option(
    "--submission", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Zip of mask_N.h5 to write."
)
@options.threshold
@options.flips
def command(run_or_bundle: str, data: tuple[str, ...], submission: Path, threshold: float | None, flips: bool) -> None:
    """Predict every patch of the data, labelled or not, and write the masks as a submission.

    RUN_OR_BUNDLE is the folder of a recipe run (`l4s-train run`) or of a network run (`l4s-train fit`), or a bundle (a
    folder, a zip or the name of an installed one).
    """
    from l4s_training.data.patches import concatenate
    from l4s_training.data.readers import read as sources
    from l4s_training.files import check_apart
    from l4s_training.runs.run_or_bundle import open_run_or_bundle
    from l4s_training.scoring.submission import write_submission

    check_apart(submission, data, [run_or_bundle])
    model = open_run_or_bundle(run_or_bundle)
    patches = concatenate([sources.read_unlabelled(path, model.bands) for path in data])
    masks = model.probabilities(patches, flips) >= (model.threshold if threshold is None else threshold)
    write_submission(submission, patches.numbers, masks)
    click.echo(f"{submission}: {len(masks)} masks, {masks.mean():.2%} landslide.")
