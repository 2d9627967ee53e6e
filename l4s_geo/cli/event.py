"""l4s event: from a place and a date to one inventory."""

from __future__ import annotations

import click

from l4s_geo.cli.groups import LazyGroup

__all__ = ["main"]


class _Commands(LazyGroup):
    """The commands of l4s event."""

    modules = {  # noqa: RUF012 - a ClassVar of the parent
        "new": ("l4s_geo.cli.event_new", "Write an event file."),
        "search": ("l4s_geo.cli.event_search", "Search scenes and elevations in a STAC API."),
        "run": ("l4s_geo.cli.event_run", "Map all that an event file names, to one inventory."),
        "describe": ("l4s_geo.cli.event_describe", "Describe the results as STAC items."),
        "status": ("l4s_geo.cli.event_status", "What has become of each unit of an event."),
    }


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
def main() -> None:
    """From a place and a date to one inventory.

    One file says what happened, and one command maps it:

    \b
      l4s event new iburi.yaml --area 141.8,42.6,142.2,42.9 --date 2018-09-06 --trigger earthquake
      l4s event search iburi.yaml   # scenes before and after, and elevations, from a STAC API
      l4s event run iburi.yaml      # goes on where it was stopped
      l4s event status iburi.yaml
    """  # noqa: D301
