"""l4s inventory: an inventory from a probability raster."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo import defaults
from l4s_geo.cli.console import Console, user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("probability", type=click.Path())
@click.option(
    "--out", required=True, type=click.Path(), help="Inventory to write: .gpkg, .geojson, .fgb, .parquet or .shp."
)
@click.option("--threshold", type=float, help="Probability from which a pixel is landslide.  [default: the map's]")
@click.option("--min-area", type=float, default=defaults.MIN_AREA, show_default=True, help="Minimum mapping unit, m².")
@click.option(
    "--connectivity",
    type=click.Choice(["4", "8"]),
    default=str(defaults.CONNECTIVITY),
    show_default=True,
    help="Pixels that belong together: those that share a side, or a corner too.",
)
@click.option(
    "--fill-holes", type=float, default=defaults.FILL_HOLES, show_default=True, help="Fill holes up to this area, m²."
)
@click.option(
    "--simplify", type=float, default=defaults.SIMPLIFY, show_default=True, help="Smooth outlines to this, m."
)
@click.option(
    "--dem",
    multiple=True,
    type=click.Path(),
    help="Elevations in metres; repeat for several files.  [default: those of the map, if they are still there]",
)
@click.option("--slope", type=click.Path(), help="A ready slope in degrees, of the DEM.")
@click.option(
    "--bundle", help="The bundle that made the probabilities, for the confidence.  [default: the one that is named]"
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def main(dem: tuple[str, ...], connectivity: str, quiet: bool, **options: Any) -> None:
    """Make an inventory of PROBABILITY, the raster that l4s-map --probability writes; nothing is mapped again.

    With the settings of the map it is that map's inventory; with another threshold or minimum area, another one.

    \b
    Examples:
      l4s-map scene.tif --dem dem.tif --out inventory.gpkg --probability p.tif
      l4s inventory p.tif --threshold 0.4 --min-area 1000 --out more.gpkg
    """  # noqa: D301
    with user_errors(), Console(quiet, False) as console:
        from l4s_geo.review.make import make_inventory

        make_inventory(
            options.pop("probability"),
            dem=list(dem) or None,
            connectivity=8 if connectivity == "8" else 4,
            reporter=console,
            **options,
        )
