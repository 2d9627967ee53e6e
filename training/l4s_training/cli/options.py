"""Options shared by commands: ``--data`` (repeatable) and the plan of the split.

``split_plan`` turns ``--blocks``, ``--validation-blocks``, ``--test-blocks``, ``--guard`` and ``--apart`` into one
argument ``plan``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from l4s_geo.errors import DataError
from l4s_training.data.splits import DEFAULT, SplitPlan

__all__ = ["SplitPlan", "data", "split_plan"]

data = click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Folder of L4S .h5 patches, or an .npz; repeat for more.",
)


def _join(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise DataError(f"{option} is {text!r}; expected whole numbers separated by commas.") from error


def split_plan(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the split; the function takes them as ``plan``."""

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
        blocks: int,
        validation_blocks: str,
        test_blocks: str,
        guard: int,
        apart: str,
        **kwargs: Any,
    ) -> Any:
        plan = SplitPlan(
            blocks,
            _numbers("--validation-blocks", validation_blocks),
            _numbers("--test-blocks", test_blocks),
            guard,
            _numbers("--apart", apart),
        )
        return function(*args, plan=plan, **kwargs)

    return wrapper
