"""l4s-map: map the landslides of a scene."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from l4s_geo import defaults
from l4s_geo.change.dates import SceneLike
from l4s_geo.cli.console import UNITS_STAY, Console, user_errors
from l4s_geo.cli.options import device_options, earlier_options, many_options, scene_options

__all__ = ["main"]


_USAGE = """\
Usage: l4s-map SCENE --out INVENTORY [--dem DEM] [OPTIONS]
       l4s-map SCENE… --out-dir FOLDER [--dem DEM] [OPTIONS]

  l4s-map scene.tif --dem dem.tif --out inventory.gpkg

SCENE is a Sentinel-2 product, a STAC item, a folder of band files or a raster. A DEM gives the terrain attributes and
fewer false alarms. `l4s-map --help` lists the options, `l4s info SCENE` says what a scene is taken for."""


class _Taught(click.Command):
    """A command that, given nothing at all, shows how it is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            click.echo(_USAGE, err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)


@click.command(cls=_Taught, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@partial(scene_options, several=True)
@earlier_options
@click.option(
    "--only-new/--all",
    default=defaults.ONLY_NEW,
    help="With --before, map what is new, or all landslides as without it, with the new ones flagged.  [default: "
    "--only-new]",
)
@click.option(
    "--change",
    type=click.Path(),
    help="Also write how the vegetation has changed (COG): rdNDVI, or visible greenness without near infrared.",
)
@click.option(
    "--out",
    type=click.Path(),
    help="Inventory to write; the suffix chooses the format: .gpkg (styled in QGIS), .geojson (WGS 84), .fgb, "
    ".parquet, .shp.",
)
@click.option(
    "--out-dir",
    type=click.Path(),
    metavar="FOLDER",
    help="Map each tile and day of many scenes by itself, and merge them: FOLDER/inventory.gpkg. SCENE may be a "
    "pattern or a folder of scenes then; what is done is not done again.",
)
@click.option("--probability", type=click.Path(), help="Also write the probability raster, a GeoTIFF (COG).")
@click.option(
    "--report", type=click.Path(), help="Also write a page about the inventory for people without a GIS, .html."
)
@click.option("--spread", type=click.Path(), help="Also write how far networks and views disagree (COG).")
@click.option(
    "--bundle",
    default=defaults.BUNDLE,
    show_default=True,
    help="Model: an installed one (`l4s bundles` lists them; rgb-fast takes half the time of rgb), or a path.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Probability from which a pixel is landslide.  [default: the bundle's]",
)
@click.option(
    "--min-area",
    type=click.FloatRange(0),
    default=defaults.MIN_AREA,
    show_default=True,
    metavar="M2",
    help="Minimum mapping unit: smaller landslides are left out.",
)
@click.option(
    "--overlap",
    type=click.IntRange(0, 127),
    default=defaults.OVERLAP,
    show_default=True,
    metavar="PIXELS",
    help="What neighbouring windows share; more is smoother and slower.",
)
@click.option(
    "--tta",
    type=click.Choice(["none", "flips", "d4"]),
    default=defaults.TTA,
    show_default=True,
    help="Test-time augmentation: the mean over 4 flips, or all 8 flips and turns; 4 or 8 times slower.",
)
@click.option(
    "--skip-flat",
    type=click.FloatRange(0, 90),
    default=defaults.SKIP_FLAT,
    metavar="DEG",
    help="Do not run windows whose slope never reaches DEG; they count as landslide-free.",
)
@click.option(
    "--crf",
    type=click.Choice(["auto", "on", "off"]),
    default=defaults.CRF,
    show_default=True,
    help="Refine the probabilities with a DenseCRF (extra crf); auto: if the bundle was measured to gain from it.",
)
@click.option(
    "--terrain-prior",
    type=click.Choice(["auto", "on", "off"]),
    default=defaults.TERRAIN_PRIOR,
    show_default=True,
    help="Weigh the probabilities by the slope of the ground; auto: with a DEM, if the bundle was measured to gain.",
)
@click.option(
    "--connectivity",
    type=click.Choice(["4", "8"]),
    default=str(defaults.CONNECTIVITY),
    show_default=True,
    help="8: pixels that meet at a corner belong to one landslide.",
)
@click.option(
    "--fill-holes",
    type=click.FloatRange(0),
    default=defaults.FILL_HOLES,
    metavar="M2",
    help="Fill holes up to this area.",
)
@click.option(
    "--simplify",
    type=click.FloatRange(0),
    default=defaults.SIMPLIFY,
    metavar="METRES",
    help="Smooth the pixel steps of outlines; shared borders stay shared.",
)
@device_options
@many_options
@click.option(
    "--patch",
    is_flag=True,
    help="Write the inventory of a scene without coordinates (image_N.h5), in metres from its upper left corner.",
)
@click.option(
    "--event", default="", metavar="NAME", help="Name of the event, which each landslide gets as an attribute."
)
@click.option(
    "--event-date",
    default="",
    metavar="DATE",
    help="Its day, YYYY-MM-DD, or its first and last with a stroke between; an attribute too.",
)
@click.option(
    "--trigger", default="", metavar="TEXT", help="What set the landslides off, in your words; an attribute too."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where a stopped or killed run of the same command ended. What it had done lies in .NAME.l4s-parts "
    "beside the output; the folder goes when a run is done, and may be deleted.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print more about the bundle and the run, and what libraries say.")
@click.version_option(package_name="l4s-geo")
def main(
    inputs: dict[str, Any],
    before: list[SceneLike] | None,
    connectivity: str,
    out_dir: str | None,
    workers: int,
    scheduler: str | None,
    shard: str | None,
    retry: bool,
    report: str | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Map the landslides of a Sentinel-2 scene as polygons.

    SCENE is a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a product of SNAP
    (.dim), a patch of Landslide4Sense (.h5), or a raster whose bands are named B1…B12, slope, DEM or stand in a known
    order; of a raster in tiles, their folder or a pattern ('export-*.tif'). It is mapped on a 10 m grid: its own if it
    has one, else one in its UTM zone. Several scenes become one composite.

    \b
    Examples:
      l4s-map scene.tif --dem dem.tif --out inventory.gpkg
      l4s-map S2A_MSIL2A_….SAFE --dem north.tif --dem south.tif --out inventory.gpkg
      l4s-map --band B4=B04.tif --band B3=B03.tif --band B2=B02.tif --out slides.geojson
      l4s-map image_12.h5 --patch --out patch.gpkg
      l4s-map after.tif --before before.tif --dem dem.tif --out new.gpkg
      l4s-map scene.tif --aoi 85.2,27.9,85.6,28.2 --out slides.gpkg --probability probability.tif
      l4s-map 'after/*.SAFE' --before before --dem dem.tif --out-dir results --workers 2
    """  # noqa: D301
    if bool(options["out"]) == bool(out_dir):
        raise click.UsageError("Give either --out INVENTORY, or --out-dir FOLDER for many scenes.")
    many = {"workers": workers, "scheduler": scheduler, "shard": shard, "retry": retry}
    many_given = {**many, "workers": workers > 1}
    options |= {**inputs, "before": before, "connectivity": 4 if connectivity == "4" else 8}
    if out_dir:
        sys.exit(_map_many(out_dir, many, report, options, quiet, verbose))
    if unused := [name for name, given in many_given.items() if given]:
        raise click.UsageError(f"--{unused[0]} is for many scenes; give --out-dir FOLDER instead of --out.")
    with user_errors(verbose, resumes=True), Console(quiet, verbose) as console:
        from l4s_geo.pipeline import map_scene

        if report:
            from l4s_geo.reporting.report import check_report, report_mapped

            check_report(report)
        map_scene(**options, reporter=console)
        if report:
            report_mapped({**inputs, "before": before, "out": options["out"]}, report)


def _map_many(
    out_dir: str, many: dict[str, Any], report: str | None, options: dict[str, Any], quiet: bool, verbose: bool
) -> int:
    """Map scenes one by one and merge them; return the exit code: 1 if one failed."""
    single = ("out", "probability", "spread", "change", "patch", "resume")
    given = {name: options.pop(name) for name in single}
    if unused := [name for name, value in given.items() if value and name != "resume"]:
        raise click.UsageError(
            f"--{unused[0]} is for one scene; leave it out with --out-dir, or write an event file (l4s event new), "
            "whose options can ask for rasters of each unit."
        )
    unit = "units" if many["scheduler"] else "windows"
    with user_errors(verbose, stopped=UNITS_STAY), Console(quiet, verbose, unit=unit) as console:
        from l4s_geo.events.run import map_scenes

        ran = map_scenes(out_dir=out_dir, **many, report=report, **options, reporter=console)
    return 1 if ran.failed else 0
