"""``l4s-train``: one command a file, each imported when it is called, so that ``--help`` does not wait for torch."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import click

from l4s_geo.cli.groups import LazyGroup
from l4s_geo.errors import L4SError

__all__ = ["EXTRA", "main"]

_COMMANDS = {
    "run": "Run a recipe's stages in order; the same command goes on where it stopped.",
    "fit": "Train one network on labelled patches, and keep the best epoch.",
    "evaluate": "Print precision, recall, F1 and IoU of a run or bundle, with pictures.",
    "predict": "Predict every patch of the data, labelled or not; also as a submission.",
    "export": "Write the bundle of a run, or of several as an ensemble.",
    "newness": "Fit what tells new landslides from old ones, for maps with an earlier scene.",
    "clouds": "Fit and measure what tells clouds by their colours, for --clouds.",
    "card": "Measure a bundle on whole scenes and block by block, for its model card.",
    "reproduce": "Run the recipes of a published table, and print measured beside published.",
    "crossvalidate": "Cross-validate recipes by blocks, and compare them.",
    "figures": "Draw the domains and classes of data, or the curves and pseudo-labels of a run.",
    "networks": "List the networks that fit takes.",
    "simulate": "Simulate labelled patches.",
    "patches": "Cut a scene and an inventory into patches to train on.",
    "negatives": "Cut landslide-free scenes into patches to train on.",
}
_GOES_ON = "the same command goes on from here"
_FROM_THE_BEGINNING = "the same command starts from the beginning"
_AGAIN = {
    "run": _GOES_ON,
    "reproduce": _GOES_ON,
    "crossvalidate": _GOES_ON,
    "fit": "the same command with --resume goes on from here",
    "patches": "patches that are in a folder already stay there, and the same command would add them again, so begin "
    "with a new --out",
}
"""What comes of a command that was stopped when it is given again, where it does not start from the beginning."""

EXTRA = (
    *("torch", "segmentation_models_pytorch", "timm", "lightning", "safetensors", "tensorboard", "yaml", "tqdm"),
    *("matplotlib", "jinja2", "onnx", "onnxscript"),
)
"""Modules that come with the extra ``train``."""


class _Commands(LazyGroup):
    """The commands of l4s-train; a user's mistake is one sentence on stderr and exit code 2."""

    modules: ClassVar = {name: (f"l4s_training.cli.{name}", text) for name, text in _COMMANDS.items()}
    attribute = "command"

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
            click.echo(f"Stopped; {_AGAIN.get(ctx.invoked_subcommand or '', _FROM_THE_BEGINNING)}.", err=True)
            sys.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="l4s-geo")
def main() -> None:
    """Train landslide segmentation networks, measure them and export them as bundles for l4s-map."""
