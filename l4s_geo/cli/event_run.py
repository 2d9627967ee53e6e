"""l4s event run: map all that an event file names."""

from __future__ import annotations

import sys
from typing import Any

import click

from l4s_geo.cli.console import UNITS_STAY, Console, user_errors
from l4s_geo.cli.options import many_options

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("event", metavar="FILE", type=click.Path())
@many_options
@click.option("--report", metavar="PAGE", type=click.Path(), help="Also write a page about the inventory, .html.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print more about the runs, and what libraries say.")
def main(
    event: str,
    report: str | None,
    quiet: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Map all that the event file FILE names, and merge it to one inventory.

    Scenes are brought together to units: those of a tile and a day, with the earlier scenes of the same ground. Each
    unit becomes an inventory in OUT/units, and all of them one: OUT/NAME.gpkg. What is done is not done again while
    files and options hold the same; a unit that was stopped goes on where it was. Several runs at once share the work.

    \b
    Examples:
      l4s event run iburi.yaml
      l4s event run iburi.yaml --workers 2 --report iburi.html
      l4s event run iburi.yaml --scheduler tcp://10.0.0.1:8786
      l4s event run iburi.yaml --shard $SLURM_ARRAY_TASK_ID/8   # then once without --shard

    The exit code is 1 if a unit failed; `l4s event status` tells why, and --retry tries it again.
    """  # noqa: D301
    unit = "units" if how["scheduler"] else "windows"
    with user_errors(verbose, stopped=UNITS_STAY), Console(quiet, verbose, unit=unit) as console:
        from l4s_geo.events.run import map_event

        ran = map_event(event, **how, report=report, reporter=console)
    sys.exit(1 if ran.failed else 0)
