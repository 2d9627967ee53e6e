"""l4s: everything but mapping, which is l4s-map."""

from __future__ import annotations

import click

from l4s_geo.cli.groups import LazyGroup

__all__ = ["main"]

_COMMANDS = {
    "info": ("l4s_geo.cli.info", "What a scene is, and which bundles can map it."),
    "map": ("l4s_geo.cli.map", "Map the landslides of a scene (the same as l4s-map)."),
    "stack": ("l4s_geo.cli.stack", "Write a scene and its terrain as one 14-band raster."),
    "event": ("l4s_geo.cli.event", "Map an event: from a place and a date to one inventory."),
    "export": ("l4s_geo.cli.export", "Write an inventory in the fields of a landslide catalogue."),
    "inventory": ("l4s_geo.cli.inventory", "Make an inventory of a probability raster, at another threshold."),
    "measure": ("l4s_geo.cli.measure", "Measure an inventory anew after somebody drew in it."),
    "review": ("l4s_geo.cli.review", "Count the decisions of a reviewed inventory: the model's precision."),
    "teach": ("l4s_geo.cli.teach", "Teach a bundle from labels drawn on a scene."),
    "evaluate": ("l4s_geo.cli.evaluate", "Compare an inventory with a reference."),
    "report": ("l4s_geo.cli.report", "Write a page about an inventory, for people without a GIS."),
    "bundles": ("l4s_geo.cli.bundles", "List, show, add and remove models."),
}


class _Commands(LazyGroup):
    """The commands of l4s."""

    modules = _COMMANDS


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(package_name="l4s-geo")
def main() -> None:
    """Landslide inventories from Sentinel-2 scenes."""


if __name__ == "__main__":
    main()
