"""l4s measure: an inventory measured anew."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo.cli.console import Console, user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("inventory", type=click.Path())
@click.option(
    "--out", required=True, type=click.Path(), help="Inventory to write: .gpkg, .geojson, .fgb, .parquet or .shp."
)
@click.option(
    "--dem",
    multiple=True,
    type=click.Path(),
    help="Elevations in metres; repeat for several files.  [default: those of the map, if they are still there]",
)
@click.option("--slope", type=click.Path(), help="A ready slope in degrees, of the DEM.")
@click.option("--probability", type=click.Path(), help="The map's probability raster.")
@click.option(
    "--bundle", help="The bundle that made the probabilities, for the confidence.  [default: the one that is named]"
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def main(inventory: str, dem: tuple[str, ...], quiet: bool, **options: Any) -> None:
    """Measure the polygons of INVENTORY anew, after somebody drew in it.

    Geometry is always measured, terrain with a DEM, probability and confidence with the probability raster; without it
    they become empty where an outline has changed. Other attributes, such as review, stay.

    \b
    Examples:
      l4s measure reviewed.gpkg --dem dem.tif --probability p.tif --out measured.gpkg
      l4s measure 'drawn.gpkg|layername=slides' --dem dem.tif --out measured.gpkg
    """  # noqa: D301
    with user_errors(), Console(quiet, False) as console:
        from l4s_geo.review.measure import measure

        measure(inventory, dem=list(dem) or None, reporter=console, **options)
