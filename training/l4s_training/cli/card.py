"""``l4s-train card``: measures a bundle on real scenes, for its model card."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("card")
@click.argument("bundle")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of the real scenes and of the labelled patches.",
)
@click.option("--tta", is_flag=True, help="Also with test-time augmentation, eight times slower.")
@click.option("--write", is_flag=True, help="Write whole scenes and blocks into the bundle's model card.")
def command(bundle: str, data: Path, tta: bool, write: bool) -> None:
    """Print every figure of BUNDLE that its export does not measure: scores on whole scenes and block by block.

    BUNDLE is a folder, or the name of an installed bundle, on red, green and blue. DATA holds l4s_rgb_pairs.npz,
    l4s_14band_labelled.npz, s2_aberystwyth, s2_l1c_l2a_punjab, s2_l1c_slovenia and iburi_2018.
    """
    import tempfile

    from l4s_geo import load_bundle
    from l4s_geo.bands import RGB
    from l4s_geo.errors import DataError
    from l4s_training.export.card import blocks, insert, scenes, whole_scenes

    model = load_bundle(bundle, "cpu")
    if not set(model.bands) <= set(RGB):
        raise DataError(
            f"{model.name} takes {', '.join(model.bands)}; the scenes of a card hold {', '.join(RGB)} only."
        )
    plan = blocks.plan_of(model.bundle)
    scenes.check_folder(data)
    card = insert.card_of(model.bundle) if write else None
    click.echo(f"# {model.name} {model.bundle.version}, threshold {model.threshold:.3f}\n")
    test = blocks.predict_test_blocks(model, data, plan)
    spread = blocks.spread_lines(test)
    click.echo("\n".join(blocks.pooled_lines(test) + spread))
    with tempfile.TemporaryDirectory() as folder:
        section = whole_scenes.section(model, bundle, data, Path(folder), tta)
    click.echo("\n".join(section))
    if card:
        insert.write_section(card, section + spread)
