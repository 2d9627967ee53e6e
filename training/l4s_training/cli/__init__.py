"""``l4s-train``: one command a file, each imported when it is called, so that ``--help`` does not wait for torch."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from l4s_geo.errors import L4SError

__all__ = ["EXTRA", "main"]

_COMMANDS = (
    *("run", "fit", "evaluate", "predict", "export", "card", "reproduce", "crossvalidate", "networks"),
    *("simulate", "patches", "negatives"),
)
EXTRA = (
    *("torch", "segmentation_models_pytorch", "timm", "lightning", "safetensors", "tensorboard", "yaml", "tqdm"),
    *("matplotlib", "onnx", "onnxscript"),
)
"""Modules that come with the extra ``train``."""


class _LazyGroup(click.Group):
    """Finds commands by name; a user's mistake is one sentence on stderr and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"l4s_training.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except L4SError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)
        except ModuleNotFoundError as error:
            if error.name not in EXTRA:
                raise
            click.echo(
                f"Error: {error.name} is not installed, and training needs it; install the extra: pip install "
                "'l4s-geo[train]'.",
                err=True,
            )
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("Stopped; the same command (of fit: with --resume) goes on from here.", err=True)
            sys.exit(130)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="l4s-geo")
def main() -> None:
    """Train landslide segmentation networks, measure them and export them as bundles for l4s-map."""
