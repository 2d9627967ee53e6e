"""l4s event search: scenes before and after an event, and elevations, from a STAC API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from l4s_geo.cli.console import Console, user_errors

if TYPE_CHECKING:
    from l4s_geo.events.scene_search import Choice, Found

__all__ = ["main"]

_WIDE = 200
"""Columns of a table that no terminal shows."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("event", metavar="FILE", type=click.Path())
@click.option(
    "--api",
    metavar="NAME|URL",
    help="STAC API: earth-search, planetary-computer (needs the extra planetary), cdse (needs keys for its S3), or the "
    "address of another.  [default: the file's, or earth-search]",
)
@click.option("--collection", metavar="NAME", help="Its collection of Sentinel-2 scenes, if not sentinel-2-l2a.")
@click.option("--dem-collection", metavar="NAME", help="Its collection of elevations, if not cop-dem-glo-30.")
@click.option(
    "--before-days",
    type=click.IntRange(1, 3660),
    help="Days before the event to search; scenes of its season are preferred.  [default: the file's, or 365]",
)
@click.option(
    "--after-days", type=click.IntRange(1, 3660), help="Days after it to search.  [default: the file's, or 60]"
)
@click.option(
    "--cloud",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Highest cloud cover of a whole scene; the area's own is counted after that.  [default: the file's, or 80]",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    metavar="N",
    help="Scenes of a tile to take on each side, at most; more than one only where it shows what the others do not.  "
    "[default: 3]",
)
@click.option("--replace", is_flag=True, help="Replace scenes and elevations that the file has; else they stay.")
@click.option(
    "--download",
    type=click.Path(),
    metavar="FOLDER",
    help="Copy the area's part of all that is chosen into a folder, and write these paths into the file.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print also what libraries say.")
def main(event: str, quiet: bool, verbose: bool, **options: Any) -> None:
    """Search scenes before and after the event of FILE, and elevations.

    A STAC API is asked by the file's area and date. Scenes are ranked by how much of the area they show clearly, which
    is counted in their scene classification; only its part over the area is read. The table shows what was looked at,
    and * what was chosen. The choice is written into FILE: change it there as you like. Scenes and elevations that the
    file has stay, unless --replace is given.

    Nothing that signs an address is printed or stored: images are signed when they are read.

    \b
    Examples:
      l4s event search iburi.yaml
      l4s event search iburi.yaml --after-days 20 --cloud 50
      l4s event search iburi.yaml --api planetary-computer --replace
      l4s event search iburi.yaml --download scenes
    """  # noqa: D301
    with user_errors(verbose), Console(quiet, verbose, "Downloading", "files") as console:
        from l4s_geo.events.scene_search import search

        found = search(event, **options, reporter=console)
        if not quiet:
            _print(found, event)


def _print(found: Found, event: str) -> None:
    from rich.console import Console as Terminal
    from rich.table import Table

    terminal = Terminal() if sys.stdout.isatty() else Terminal(width=_WIDE)
    table = Table(box=None, pad_edge=False)
    for head in ("", "side", "tile", "date"):
        table.add_column(head, no_wrap=True)
    for head in ("area clear", "scene clouds", "score"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("scene", overflow="fold")
    for choice in found.scenes:
        table.add_row(*_row(choice))
    if found.scenes:
        terminal.print(table)
    taken = f"scenes before: {len(found.chosen('before'))}, after: {len(found.chosen('after'))}"
    terminal.print(f"Written into {event}: {taken}; tiles of elevations: {len(found.dem)}.", highlight=False)


def _row(choice: Choice) -> tuple[str, ...]:
    clear = f"{choice.clear:.0%}" + ("" if choice.by == "SCL" else " ?")
    cloud = "" if choice.cloud is None else f"{choice.cloud:.0f} %"
    mark = "*" if choice.chosen else ""
    return mark, choice.side, choice.tile, str(choice.date), clear, cloud, f"{choice.score:.2f}", choice.name
