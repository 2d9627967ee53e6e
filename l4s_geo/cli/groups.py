"""Groups of commands that are imported when they run, and that say what may have been meant."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import ClassVar

import click

__all__ = ["LazyGroup", "SuggestingGroup"]


class SuggestingGroup(click.Group):
    """A group that answers a name which is nearly right with the right one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            near = get_close_matches(args[0], names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(names)}."
            ctx.fail(f"There is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """A group whose commands stand in modules of their own."""

    modules: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Module of each command by its name, and what the help says of it."""
    attribute: ClassVar[str] = "main"
    """What the command is called in its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in their order."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.modules:
            return None
        command: click.Command = getattr(importlib.import_module(self.modules[cmd_name][0]), self.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names with what each does, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.modules.items()])
