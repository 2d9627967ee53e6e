"""``l4s-train newness``: fits what tells new landslides from old ones, and puts it into a bundle."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("newness")
@click.argument("bundle")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Labelled patches with red, green and blue, which the default split divides (l4s_rgb_pairs.npz).",
)
@click.option(
    "--infrared",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Labelled patches with near infrared that no network was trained on (l4s_14band_labelled.npz).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@click.option("--write", is_flag=True, help="Write the models into the bundle's folder, and its model card.")
def command(bundle: str, data: Path, infrared: Path, seed: int, write: bool) -> None:
    """Fit the models of newness of BUNDLE on pairs of dates made of patches, and print what they gain.

    BUNDLE is a folder, or the name of an installed bundle. Its networks stay as they are; a bundle that is exported
    again has to be fitted again.
    """
    from l4s_geo import load_bundle
    from l4s_training.export import newness_bundle

    model = load_bundle(bundle, "cpu")
    fitted = list(newness_bundle.fit_all(model, data, infrared, seed))
    called = f"l4s-train newness {model.name} --data {data} --infrared {infrared} --write"
    click.echo("\n".join(newness_bundle.card_section(model.bundle, fitted, called)))
    if write:
        newness_bundle.write(model, fitted, called)
