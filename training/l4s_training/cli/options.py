"""Options shared by commands, each stated once.

Simple ones are decorators: ``data`` (``--data``, repeatable), ``negatives``, ``target``, ``smoke``, ``pretrained``,
``export_check``, ``run_or_bundle``, ``threshold``, ``flips``; ``folder``, ``at_once`` and ``precision`` make one;
``changed`` gives a recipe what ``at_once`` and ``pretrained`` ask for. Blocks turn several options into one argument:
``split_plan`` turns ``--split-plan``, ``--blocks``, ``--validation-blocks``, ``--test-blocks``, ``--guard`` and
``--apart`` into ``plan``, which is None where none of them is given; ``hardware`` turns ``--accelerator``,
``--devices``, ``--nodes``, ``--workers`` and ``--threads`` into ``hardware``.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from l4s_geo.errors import DataError
from l4s_training.data.splits import DEFAULT, PLANS, Plan, SplitPlan, from_text

if TYPE_CHECKING:
    from l4s_training.config.recipe import Recipe

__all__ = [
    "Plan",
    "at_once",
    "changed",
    "data",
    "export_check",
    "flips",
    "folder",
    "hardware",
    "negatives",
    "precision",
    "pretrained",
    "run_or_bundle",
    "smoke",
    "split_plan",
    "target",
    "threshold",
]

Command = TypeVar("Command", bound=Callable[..., Any])

data = click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Folder of L4S .h5 patches, a zip of one, a folder of the official folders or their zips, or an .npz; repeat "
    "for more.",
)

negatives = click.option(
    "--negatives", multiple=True, metavar="PATH", help="Windows without landslides, all for training."
)

target = click.option(
    "--target", multiple=True, metavar="PATH", help="Unlabelled images to adapt to, not the recipe's."
)

smoke = click.option("--smoke", is_flag=True, help="Two steps a network on four patches, to see that all works.")

export_check = click.option(
    "--export-check/--no-export-check",
    default=True,
    show_default=True,
    help="Before a long training, see that its networks can be exported.",
)

pretrained = click.option(
    "--pretrained",
    is_flag=False,
    flag_value="true",
    metavar="[PATH]",
    callback=lambda context, option, given: given if given in (None, "true") else os.path.abspath(given),
    help="Encoders begin with published weights: downloaded, or PATH, their file or a folder of such files.",
)

run_or_bundle = click.argument("run_or_bundle")

threshold = click.option("--threshold", type=click.FloatRange(0, 1), help="Instead of the one chosen on validation.")

flips = click.option("--flips", is_flag=True, help="Average the eight flips and rotations.")


def folder(help: str, default: Path | None = None) -> Callable[[Command], Command]:
    """Return the option ``--out``, a folder; it is required unless it has a default."""
    kind = click.Path(path_type=Path, file_okay=False)
    if default is None:
        return click.option("--out", type=kind, required=True, help=help)
    return click.option("--out", type=kind, default=default, show_default=True, help=help)


def at_once(*names: str) -> Callable[[Command], Command]:
    """Return the option ``--at-once``, with further names that it has."""
    return click.option(
        "--at-once",
        *names,
        "at_once",
        type=click.IntRange(1),
        help="Patches at once, where a step's batch does not fit into memory: gradients are added up to it.",
    )


def precision(default: str | None, help: str | None = None) -> Callable[[Command], Command]:
    """Return the option ``--precision``, in which a network is trained."""
    choices = click.Choice(["auto", "bf16", "fp16", "32"])
    return click.option("--precision", type=choices, default=default, show_default=True, help=help)


def changed(recipe: Recipe, at_once: int | None, pretrained: str | None) -> Recipe:
    """Return a recipe as ``at_once`` and ``pretrained`` ask for, see `l4s_training.config.adjusted`."""
    from l4s_training.config.adjusted import in_passes, with_pretrained

    recipe = recipe if at_once is None else in_passes(recipe, at_once)
    return recipe if pretrained is None else with_pretrained(recipe, pretrained)


def split_plan(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the split; the function takes them as ``plan``, None where the data decides."""

    @click.option(
        "--split-plan",
        metavar="PLAN",
        help=f"How roles are given: {', '.join(PLANS)}, with values of its own after a colon (study:seed=3).  "
        "[default: official for the official folders, else blocks]",
    )
    @click.option("--blocks", type=click.IntRange(1), help=f"Blocks of id.  [default: {DEFAULT.blocks}]")
    @click.option(
        "--validation-blocks",
        metavar="NUMBERS",
        help=f"Blocks that choose checkpoint and threshold.  [default: {_join(DEFAULT.validation)}]",
    )
    @click.option(
        "--test-blocks", metavar="NUMBERS", help=f"Blocks that are only reported.  [default: {_join(DEFAULT.test)}]"
    )
    @click.option(
        "--guard",
        type=click.IntRange(0),
        help=f"Patches dropped between roles, in id and in number.  [default: {DEFAULT.guard}]",
    )
    @click.option(
        "--apart",
        metavar="NUMBERS",
        help=f"Official numbers whose neighbourhood is not trained on.  [default: {_join(DEFAULT.apart)}]",
    )
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        split_plan: str | None,
        blocks: int | None,
        validation_blocks: str | None,
        test_blocks: str | None,
        guard: int | None,
        apart: str | None,
        **kwargs: Any,
    ) -> Any:
        given = {
            "blocks": blocks,
            "validation": _numbers("--validation-blocks", validation_blocks),
            "test": _numbers("--test-blocks", test_blocks),
            "guard": guard,
            "apart": _numbers("--apart", apart),
        }
        plan = _plan(split_plan, {key: value for key, value in given.items() if value is not None})
        return function(*args, plan=plan, **kwargs)

    return wrapper


def _plan(text: str | None, of_blocks: dict[str, Any]) -> Plan | None:
    """Put together what the options say of the split.

    Raises:
        click.UsageError: they do not fit together.
    """
    plan = from_text(text) if text is not None else DEFAULT if of_blocks else None
    if not of_blocks:
        return plan
    if not isinstance(plan, SplitPlan):
        first = {"validation": "validation-blocks", "test": "test-blocks"}.get(name := next(iter(of_blocks)), name)
        raise click.UsageError(
            f"--{first} belongs to --split-plan blocks and says nothing with --split-plan {text}; leave it out."
        )
    return replace(plan, **of_blocks)


def hardware(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what trains; the function takes them as ``hardware``."""

    @click.option("--accelerator", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
    @click.option(
        "--devices", type=click.IntRange(1), default=1, show_default=True, help="Processes, one for each GPU."
    )
    @click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Machines.")
    @click.option("--workers", type=click.IntRange(0), help="Loading processes; by default 4 beside a GPU, else none.")
    @click.option("--threads", type=click.IntRange(1), help="Processor threads of torch.")
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        accelerator: Literal["auto", "cpu", "gpu"],
        devices: int,
        nodes: int,
        workers: int | None,
        threads: int | None,
        **kwargs: Any,
    ) -> Any:
        import torch

        from l4s_training.training.hardware import Hardware

        if threads:
            torch.set_num_threads(threads)
        return function(*args, hardware=Hardware(accelerator, devices, nodes, workers), **kwargs)

    return wrapper


def _join(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise DataError(f"{option} is {text!r}; expected whole numbers separated by commas.") from error
