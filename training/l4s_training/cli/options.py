"""Options shared by commands, each stated once.

Simple ones are decorators: ``data`` (``--data``, repeatable), ``negatives``, ``target``, ``smoke``, ``at_once``,
``pretrained``, ``run_or_bundle``, ``threshold``, ``flips``; ``folder`` and ``precision`` make one; ``changed`` gives a
recipe what ``at_once`` and ``pretrained`` ask for. Blocks turn several options into one argument: ``split_plan`` turns
``--split-plan``, ``--blocks``, ``--validation-blocks``, ``--test-blocks``, ``--guard`` and
``--apart`` into ``plan``; ``hardware`` turns ``--accelerator``, ``--devices``, ``--nodes``, ``--workers`` and
``--threads`` into ``hardware``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.core import ParameterSource

from l4s_geo.errors import DataError
from l4s_training.data.splits import DEFAULT, PLANS, Plan, SplitPlan, parse

if TYPE_CHECKING:
    from l4s_training.config.recipe import Recipe

__all__ = [
    "Plan",
    "at_once",
    "changed",
    "data",
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
    help="Folder of L4S .h5 patches, a zip of one, or an .npz; repeat for more.",
)

negatives = click.option(
    "--negatives", multiple=True, metavar="PATH", help="Windows without landslides, all for training."
)

target = click.option(
    "--target", multiple=True, metavar="PATH", help="Unlabelled images to adapt to, not the recipe's."
)

smoke = click.option("--smoke", is_flag=True, help="Two steps a network on four patches, to see that all works.")

at_once = click.option(
    "--batch",
    "at_once",
    type=click.IntRange(1),
    help="Patches at once, where the recipe's batch does not fit into memory: gradients are added up to it.",
)

pretrained = click.option(
    "--pretrained",
    is_flag=False,
    flag_value="true",
    metavar="[PATH]",
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
    """Add the options of the split; the function takes them as ``plan``."""

    @click.option(
        "--split-plan",
        type=click.Choice(list(PLANS)),
        default="blocks",
        show_default=True,
        help="How roles are given: by blocks of id, by the official folders, as the benchmark or the study did.",
    )
    @click.option("--blocks", default=DEFAULT.blocks, show_default=True, type=click.IntRange(1), help="Blocks of id.")
    @click.option(
        "--validation-blocks",
        default=_join(DEFAULT.validation),
        show_default=True,
        help="Blocks that choose checkpoint and threshold.",
    )
    @click.option(
        "--test-blocks",
        default=_join(DEFAULT.test),
        show_default=True,
        help="Blocks that are only reported.",
    )
    @click.option(
        "--guard",
        default=DEFAULT.guard,
        show_default=True,
        help="Patches dropped between roles, in id and in number.",
    )
    @click.option(
        "--apart",
        default=_join(DEFAULT.apart),
        show_default=True,
        help="Official numbers whose neighbourhood is not trained on.",
    )
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        split_plan: str,
        blocks: int,
        validation_blocks: str,
        test_blocks: str,
        guard: int,
        apart: str,
        **kwargs: Any,
    ) -> Any:
        if split_plan != "blocks":
            _refuse_given(
                f"--split-plan {split_plan}", ("blocks", "validation_blocks", "test_blocks", "guard", "apart")
            )
            return function(*args, plan=parse(split_plan), **kwargs)
        plan = SplitPlan(
            blocks,
            _numbers("--validation-blocks", validation_blocks),
            _numbers("--test-blocks", test_blocks),
            guard,
            _numbers("--apart", apart),
        )
        return function(*args, plan=plan, **kwargs)

    return wrapper


def _refuse_given(why: str, names: Sequence[str]) -> None:
    """Refuse options that the user gave and that something else makes meaningless.

    Raises:
        click.UsageError: one was given.
    """
    context = click.get_current_context()
    default = (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [f"--{name.replace('_', '-')}" for name, source in sources.items() if source not in default]
    if given:
        raise click.UsageError(f"{given[0]} belongs to --split-plan blocks and says nothing with {why}; leave it out.")


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


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise DataError(f"{option} is {text!r}; expected whole numbers separated by commas.") from error
