"""l4s event new: write an event file."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo.cli.console import user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("event", metavar="FILE", type=click.Path())
@click.option(
    "--area",
    required=True,
    metavar="BOX|FILE",
    help="Ground of the event: west,south,east,north in degrees, or a vector file; a path counts from FILE's folder.",
)
@click.option(
    "--date",
    "days",
    required=True,
    multiple=True,
    metavar="YYYY-MM-DD",
    help="The day of the event; twice for the first and the last.",
)
@click.option(
    "--trigger",
    required=True,
    metavar="WORDS",
    help="What set the landslides off: earthquake, rainfall, snowmelt, volcanic, human, unknown, or your own words.",
)
@click.option("--name", help="Name of the event and of its inventory.  [default: FILE's]")
@click.option("--type", "kind", metavar="WORDS", help="Type of the landslides, if you know it: shallow landslide, …")
@click.option(
    "--before", multiple=True, metavar="SCENE", help="An earlier scene, pattern or folder; repeat for several."
)
@click.option(
    "--after", multiple=True, metavar="SCENE", help="A scene to map, a pattern or a folder; repeat for several."
)
@click.option("--dem", multiple=True, metavar="FILE", help="Elevations in metres; repeat for a mosaic.")
@click.option("--bundle", metavar="NAME", help="Model.  [default: rgb]")
def main(event: str, days: tuple[str, ...], kind: str | None, **options: Any) -> None:
    """Write an event file, which says what happened, where and when.

    Scenes and elevations may be listed here or later, in the file, by hand.

    \b
    Example:
      l4s event new iburi.yaml --area 141.8,42.6,142.2,42.9 --date 2018-09-06 --trigger earthquake \\
        --before 'before/*.SAFE' --after 'after/*.SAFE' --dem dem.tif
    """  # noqa: D301
    with user_errors():
        from l4s_geo.events.event_file import new_event

        made = new_event(event, date=list(days), type=kind, **options)
        todo = "l4s event run maps it" if made.after else "list its scenes in it, then l4s event run maps it"
        click.echo(f"{made.path}: {made.name}, {made.days}, {made.trigger}; {todo}", err=True)
