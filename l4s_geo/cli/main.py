"""l4s: everything but mapping, which is l4s-map."""

from __future__ import annotations

import importlib

import click

__all__ = ["main"]

_COMMANDS = {
    "info": ("l4s_geo.cli.info", "What a scene is, and which bundles can map it."),
    "map": ("l4s_geo.cli.map", "Map the landslides of a scene (the same as l4s-map)."),
    "stack": ("l4s_geo.cli.stack", "Write a scene and its terrain as one 14-band raster."),
    "evaluate": ("l4s_geo.cli.evaluate", "Compare an inventory with a reference."),
    "bundles": ("l4s_geo.cli.bundles", "List, show, add and remove models."),
}


class _Lazy(click.Group):
    """Imports a command only when it runs."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[name][0]).main
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(
    cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, no_args_is_help=True
)
@click.version_option(package_name="l4s-geo")
def main() -> None:
    """Landslide inventories from Sentinel-2 scenes."""


if __name__ == "__main__":
    main()
