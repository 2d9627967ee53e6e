"""l4s evaluate: an inventory against a reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from l4s_geo import defaults
from l4s_geo.cli.console import user_errors
from l4s_geo.cli.options import azimuth_elevation

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("inventory", type=click.Path())
@click.option(
    "--reference",
    required=True,
    multiple=True,
    type=click.Path(),
    help="Polygons that are true; FILE|layername=NAME for one of several layers. Repeat for a reference in parts.",
)
@click.option("--area", type=click.Path(), help="Polygons of the ground that was looked at in both; the rest is left.")
@click.option(
    "--doubtful", multiple=True, type=click.Path(), help="Polygons that count on neither side. Repeat for several."
)
@click.option(
    "--probability", type=click.Path(), help="The inventory's raster of probabilities: adds the curve of thresholds."
)
@click.option("--dem", multiple=True, type=click.Path(), help="Elevations in metres: adds classes of slope and aspect.")
@click.option(
    "--sun",
    callback=azimuth_elevation,
    metavar="AZIMUTH,ELEVATION",
    help="Where the sun stood, degrees; with --dem adds classes of illumination.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=defaults.MATCH_IOU,
    show_default=True,
    help="Intersection over union from which two landslides match one to one.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=defaults.MATCH_SHARE,
    show_default=True,
    help="Share of its area in the other inventory from which a landslide is found or right.",
)
@click.option(
    "--min-area",
    type=click.FloatRange(0, min_open=True),
    default=defaults.MIN_AREA,
    show_default=True,
    metavar="M2",
    help="Minimum mapping unit from which the distribution of sizes is fitted.",
)
@click.option("--out", type=click.Path(), help="Write what became of each landslide, a GeoPackage styled in QGIS.")
@click.option("--report", type=click.Path(), help="Write a page with map, tables and plots, .html.")
@click.option("--json", "json_file", type=click.Path(), help="Write all figures as JSON; - for standard output.")
def main(
    inventory: str,
    reference: tuple[str, ...],
    area: str | None,
    doubtful: tuple[str, ...],
    probability: str | None,
    dem: tuple[str, ...],
    sun: tuple[float, float] | None,
    out: str | None,
    report: str | None,
    json_file: str | None,
    **settings: Any,
) -> None:
    """Compare INVENTORY with a reference: what was found, what is right.

    By pixels of 10 m (half covered or more), by landslides (matched one to one, and by the share of their area), by
    size and terrain, and by the distribution of their sizes.

    \b
    Examples:
      l4s evaluate inventory.gpkg --reference traced.gpkg --area looked_at.gpkg
      l4s evaluate inventory.gpkg --reference 'traced.gpkg|layername=scar' \\
        --reference 'traced.gpkg|layername=deposit' --area 'traced.gpkg|layername=read_area' --out matches.gpkg
      l4s evaluate inventory.gpkg --reference traced.gpkg --probability p.tif --dem dem.tif --sun 165,31 --json all.json
    """  # noqa: D301
    with user_errors():
        from l4s_geo.evaluation.evaluate import Settings, evaluate
        from l4s_geo.evaluation.matches import check_results, write_matches
        from l4s_geo.evaluation.summary import figures
        from l4s_geo.output.atomic import atomic_write
        from l4s_geo.output.staging import check_output
        from l4s_geo.reporting.report import check_report
        from l4s_geo.reporting.report import report as write_report
        from l4s_geo.stack.sun import Sun

        if out:
            check_output(Path(out), (".gpkg",), "comparison")
        if json_file and json_file != "-":
            check_output(Path(json_file), (".json",), "file of figures")
        if report:
            check_report(report)
        read = {"inventory": inventory, "reference": reference, "area": area, "doubtful": doubtful}
        results = [Path(name) for name in (out, json_file, report) if name and name != "-"]
        check_results(results, **read, probability=probability, dem=dem)
        given = Settings(**settings, sun=Sun(*sun) if sun else None)
        found = evaluate(inventory, reference, area, doubtful, probability, dem or None, given)
        if out:
            write_matches(found, Path(out))
        if report:
            write_report(inventory, out=report, dem=dem or None, evaluation=found)
        if json_file == "-":
            click.echo(json.dumps(figures(found), indent=1))
            return
        if json_file:
            with atomic_write(Path(json_file)) as part:
                part.write_text(json.dumps(figures(found), indent=1) + "\n", encoding="utf-8")
        _print(found)


def _print(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from l4s_geo.evaluation.summary import tables

    console = Console()
    for title, heads, rows in tables(found):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            table.add_row(*row)
        console.print(table, "")
    for note in found.layers.notes:
        console.print(f"Note: {note}.", highlight=False)
