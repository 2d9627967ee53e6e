"""l4s teach: a bundle learns from labels drawn on a scene."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo import defaults
from l4s_geo.cli.console import Console, user_errors
from l4s_geo.cli.options import azimuth_elevation, device_options, earlier_options, scene_options

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@scene_options
@earlier_options
@click.option(
    "--labels",
    required=True,
    type=click.Path(),
    help="Polygons drawn on the scene, or an inventory that was reviewed; an attribute says which are landslides "
    "(label, class, kind, type, landslide; review). FILE|layername=NAME for one of several layers.",
)
@click.option("--background", type=click.Path(), help="Polygons of background, if they are in another file or layer.")
@click.option(
    "--area",
    metavar="FILE|BOX",
    help="Fully looked-at ground, in which what is unmarked is background: polygons, or west,south,east,north in "
    "degrees or metres.",
)
@click.option("--field", metavar="NAME", help="Attribute that says what a polygon is.  [default: it is found]")
@click.option(
    "--sun",
    callback=azimuth_elevation,
    metavar="AZIMUTH,ELEVATION",
    help="Where the sun stood, degrees.  [default: by the time in the scene's metadata, if it is there]",
)
@click.option(
    "--bundle", default=defaults.BUNDLE, show_default=True, help="The base: an installed bundle (`l4s bundles`)."
)
@click.option("--out", required=True, type=click.Path(), help="Folder of the taught bundle, which has its name.")
@click.option("--suggest", type=click.IntRange(0), default=0, metavar="N", help="Also suggest N windows to label next.")
@click.option("--suggestions", type=click.Path(), metavar="FILE", help="GeoPackage for the suggested windows.")
@click.option(
    "--force",
    is_flag=True,
    help="Write the bundle even if the labelled ground does not show that it maps better than the base.",
)
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print more about the run, and what libraries say.")
def main(inputs: dict[str, Any], quiet: bool, verbose: bool, **options: Any) -> None:
    """Teach a bundle from labels on SCENE, so that it maps this event better.

    Trees learn from the base bundle's probabilities, the scene's bands, its terrain and the light (needs the extra
    teach). What they reach on labelled ground that they have not seen is said; if that is no better than the base, or
    the ground is too narrow to tell, nothing is written (--force). Map with --bundle and the folder; what was taught
    with --before needs it to map, too.

    \b
    Examples:
      l4s teach after.tif --dem dem.tif --labels drawn.gpkg --out iburi-2018
      l4s teach after.tif --dem dem.tif --labels 'drawn.gpkg|layername=slides' --area looked.gpkg --out iburi-2018
      l4s teach after.tif --dem dem.tif --labels reviewed.gpkg --out iburi-2018 --suggest 8 --suggestions next.gpkg
      l4s teach after.tif --dem dem.tif --before before.tif --labels drawn.gpkg --out iburi-2018
      l4s-map after.tif --dem dem.tif --before before.tif --bundle iburi-2018 --out second.gpkg
    """  # noqa: D301
    with user_errors(verbose), Console(quiet, verbose) as console:
        from l4s_geo.teaching.teach import teach

        teach(**inputs, **options, reporter=console)
