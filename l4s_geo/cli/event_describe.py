"""l4s event describe: the results of an event as STAC items."""

from __future__ import annotations

import click

from l4s_geo.cli.console import user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("event", metavar="FILE", type=click.Path())
def main(event: str) -> None:
    """Describe the results of the event of FILE as STAC items.

    Each inventory and each raster gets an item beside it, NAME.stac.json, and collection.json in the folder of the
    results gathers them: ground, time, software, bundle, trigger. Paths are relative: put the folder where you like.

    \b
    Example:
      l4s event describe iburi.yaml
    """  # noqa: D301
    with user_errors():
        from l4s_geo.events.stac_item import describe

        click.echo(f"Written: {describe(event)}", err=True)
