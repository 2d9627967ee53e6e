"""l4s report: an inventory as a page for people without a GIS."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo import defaults
from l4s_geo.cli.console import user_errors
from l4s_geo.cli.options import band_files, band_names, class_numbers

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("inventory", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="The page to write, .html.")
@click.option(
    "--scene",
    multiple=True,
    type=click.Path(),
    help="The scene that was mapped, for the imagery; repeat for several.  [default: the files that the inventory "
    "names, if they are still there]",
)
@click.option(
    "--band",
    "files",
    multiple=True,
    metavar="BAND=FILE",
    callback=band_files,
    help="A single-band file of the scene, instead of --scene; repeat for each band.",
)
@click.option(
    "--before",
    multiple=True,
    type=click.Path(),
    help="An earlier scene of the same ground, to swipe between; repeat for several that fill each other's gaps.",
)
@click.option(
    "--before-band",
    "before_files",
    multiple=True,
    metavar="BAND=FILE",
    callback=band_files,
    help="A single-band file of an earlier scene; repeat for each band.",
)
@click.option(
    "--bands", metavar="NAMES", callback=band_names, help="Names of the scenes' bands in order, if they carry none."
)
@click.option(
    "--dem",
    multiple=True,
    type=click.Path(),
    help="Elevations in metres: slope, aspect and elevation of landslides that have none.",
)
@click.option("--mask", type=click.Path(), help="The mask with which the scene was mapped, to show where it lies.")
@click.option(
    "--mask-classes",
    metavar="NUMBERS",
    callback=class_numbers,
    help="Classes of the scene classification (SCL) that count as masked, or none.",
)
@click.option(
    "--units",
    type=click.Choice(["auto", "dn", "reflectance", "percent", "l4s"]),
    default=defaults.UNITS,
    show_default=True,
    help="What the scenes' values are, if they cannot be told.",
)
@click.option("--offset", type=float, metavar="DN", help="Digital numbers to add to the scenes' values.")
def main(
    inventory: str,
    scene: tuple[str, ...],
    files: dict[str, str],
    before: tuple[str, ...],
    before_files: dict[str, str],
    dem: tuple[str, ...],
    mask_classes: tuple[int, ...] | None,
    **options: Any,
) -> None:
    """Write a page about INVENTORY: one HTML file for people without a GIS.

    It holds a map of the imagery with the landslides, to zoom, click and filter; key figures, the largest landslides,
    distributions; what was masked; the model with its measured precision; and where the inventory comes from. Nothing
    is fetched from a network. English or German, as the browser says.

    \b
    Examples:
      l4s report inventory.gpkg --scene scene.tif --out report.html
      l4s report inventory.gpkg --scene after.tif --before before.tif --dem dem.tif --out report.html
    """  # noqa: D301
    if scene and files:
        raise click.UsageError("Give either --scene or --band BAND=FILE for each band.")
    with user_errors():
        from l4s_geo.reporting.report import report

        if mask_classes is not None:
            options["mask_classes"] = mask_classes
        report(
            inventory,
            scene=files or list(scene) or None,
            before=[*before, *([before_files] if before_files else [])] or None,
            dem=list(dem) or None,
            **options,
        )
