"""l4s stack: a scene and its terrain as one raster."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo.cli.console import Console, user_errors
from l4s_geo.cli.options import scene_options

__all__ = ["main"]


@click.command(context_settings={"max_content_width": 100})
@scene_options
@click.option("--out", required=True, type=click.Path(), help="Raster to write, .tif.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where a stopped run of the same command ended. What it had done lies in .NAME.l4s-parts beside the "
    "output; the folder goes when a run is done, and may be deleted.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def main(inputs: dict[str, Any], out: str, resume: bool, quiet: bool) -> None:
    """Write SCENE and its terrain as one raster on the 10 m mapping grid.

    The raster holds the bands of Landslide4Sense that are there, in its order and with their names: digital numbers
    (reflectance × 10000, offset taken off), slope in degrees, DEM in metres; masked pixels are nodata. It is a Cloud
    Optimized GeoTIFF. Mapping it gives the same landslides as mapping SCENE.

    \b
    Example:
      l4s stack S2A_MSIL1C_….SAFE --dem dem.tif --out stack.tif
      l4s-map stack.tif --out inventory.gpkg
    """  # noqa: D301
    with user_errors(resumes=True), Console(quiet, task="Stacking", unit="strips") as console:
        from l4s_geo.stack.open import Inputs
        from l4s_geo.stack.write import write_stack

        write_stack(Inputs(**inputs), out, resume=resume, reporter=console)
