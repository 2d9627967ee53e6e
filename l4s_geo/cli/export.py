"""l4s export: an inventory in the fields of a landslide catalogue."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo.cli.console import user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("inventory", type=click.Path())
@click.option(
    "--schema",
    required=True,
    type=click.Choice(["coolr", "uglc", "usgs"]),
    help="The catalogue: NASA's COOLR and Global Landslide Catalog, the Unified Global Landslide Catalogue, or the "
    "USGS's Landslide Inventories across the United States.",
)
@click.option("--out", required=True, type=click.Path(), help="The file to write: .gpkg, .geojson or .csv.")
@click.option(
    "--geometry",
    type=click.Choice(["points", "polygons", "both"]),
    help="Points inside the landslides, outlines, or both in two layers.  [default: both in a .gpkg, else points]",
)
@click.option(
    "--event",
    type=click.Path(),
    metavar="FILE",
    help="The event file, for name, date, trigger and type of an inventory that does not carry them.",
)
@click.option("--only-new", is_flag=True, help="Leave out what was there before the event, if the inventory tells.")
def main(inventory: str, **options: Any) -> None:
    """Write INVENTORY in the fields of a landslide catalogue, in longitude and latitude.

    What the inventory does not know stays empty, as does what the catalogue's keepers assign; nothing is invented.
    docs/deliver.md says of each field where it comes from.

    \b
    Examples:
      l4s export iburi.gpkg --schema coolr --out iburi_coolr.gpkg
      l4s export inventory.gpkg --schema uglc --event iburi.yaml --out iburi_uglc.csv
      l4s export inventory.gpkg --schema usgs --geometry polygons --out usgs.geojson
    """  # noqa: D301
    with user_errors():
        from l4s_geo.events.catalogue_export import export

        count = export(inventory, **options)
        click.echo(f"{count} landslides written into {options['out']}.", err=True)
