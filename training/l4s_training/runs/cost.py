"""What a recipe costs on one GPU, counted: operations, images, bytes. Nothing is trained or measured for it.

*Hours* are the floating-point operations of all forward and backward passes (a backward pass counts as two forward
ones), at a sustained `SPEED`. *Memory* is that of the largest stage: weights, gradients and two moments in float32, and
what a forward pass of one batch keeps for the backward pass, in 16 bits. Both come from running the networks without
values (on torch's device ``meta``), so they know nothing of a card's caches, kernels or data loading: a plan, not a
promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from l4s_training import models
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import CRF, Ensemble, PseudoLabel, Recipe, Stage, Train
from l4s_training.data import splits
from l4s_training.data.roles import Role
from l4s_training.models.mc_dropout import PASSES
from l4s_training.training.batches import Order

__all__ = ["SPEED", "Cost", "cost_of", "needs"]

SPEED = 1e13
"""Floating-point operations a second that a GPU is taken to sustain: 10 TFLOP/s, a small part of what current ones
multiply in 16 bits, for small windows and many small kernels do not fill them."""

_WINDOW = 128
_HALF = 2
"""Bytes of a value in 16 bits."""
_TRAINED = 16
"""Bytes of a parameter in training: weight, gradient and two moments in float32."""
_GIB = 2**30
_HOUR = 3600

PATCHES: dict[type, Mapping[Role, int]] = {
    splits.OfficialSplit: {"train": 3799, "validation": 245, "test": 800},
    splits.BenchmarkSplit: {"train": 952, "validation": 0, "test": 2847},
    splits.StudySplit: {"train": 1140, "validation": 380, "test": 380},
    splits.SplitPlan: {"train": 1029, "validation": 206, "test": 387},
}
"""Patches of each role: of Landslide4Sense as published, and of the RGB pairs where blocks divide."""


@dataclass(frozen=True)
class Cost:
    """What one stage or several cost."""

    operations: float
    """Floating-point operations."""
    memory: float
    """Bytes at once."""

    @property
    def hours(self) -> float:
        """Hours at `SPEED`."""
        return self.operations / SPEED / _HOUR

    @property
    def gib(self) -> float:
        """Memory in GiB."""
        return self.memory / _GIB


@dataclass(frozen=True)
class _Counted:
    """One window through one network."""

    operations: float
    kept: float
    """Bytes kept for the backward pass, in 16 bits."""
    parameters: int


def cost_of(recipe: Recipe, stages: Iterable[Stage] | None = None) -> Cost:
    """Count what stages of a recipe cost, one after the other.

    Args:
        recipe: with the patches that its split has in the published data.
        stages: some of its stages; None for all.
    """
    costs = [_cost(stage, recipe) for stage in (recipe.stages if stages is None else stages)]
    return Cost(sum(c.operations for c in costs), max((c.memory for c in costs), default=0.0))


def needs(recipes: Sequence[Recipe]) -> str:
    """Return in a line what recipes of one file need: data, hours on one GPU, memory, all counted."""
    first = recipes[0]
    hours, memory = zip(*((c.hours, c.gib) for c in map(cost_of, recipes)), strict=True)
    each = " each" if len(recipes) > 1 else ""
    return f"Needs {_data(first)}; on one GPU {_span(hours)} h{each} and {_span(memory)} GiB (counted)."


def _data(recipe: Recipe) -> str:
    if isinstance(recipe.plan, splits.OfficialSplit):
        return "TrainData, ValidData and TestData"
    return "RGB pairs, or other labelled patches" if isinstance(recipe.plan, splits.SplitPlan) else "TrainData"


def _span(values: Sequence[float]) -> str:
    low, high = map(_rounded, (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _rounded(value: float) -> str:
    if value < 0.1:
        return "under 0.1"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _cost(stage: Stage, recipe: Recipe) -> Cost:
    patches = PATCHES[type(recipe.plan)]
    if isinstance(stage, Train):
        return _training(stage, recipe, patches)
    if isinstance(stage, PseudoLabel):
        images = sum(patches[role] for role in recipe.target_of(stage))
        images *= PASSES if stage.select == "most-certain" else 1
        images += {"source": patches["train"], "validation": patches["validation"], None: 0}[stage.calibrate]
        return Cost(images * sum(_forward(name, recipe) for name in stage.teachers), 0)
    if isinstance(stage, Ensemble) and stage.weights == "fitted":
        return Cost(patches["validation"] * sum(_forward(name, recipe) for name in stage.members), 0)
    if not isinstance(stage, Ensemble | CRF):
        raise TypeError(f"There is no cost of a {type(stage).__name__}.")
    return Cost(0, 0)


def _training(stage: Train, recipe: Recipe, patches: Mapping[Role, int]) -> Cost:
    given = stage.hyperparameters
    labelling = next((s for s in recipe.stages if s.name == stage.labels and isinstance(s, PseudoLabel)), None)
    target = sum(patches[role] for role in recipe.target_of(labelling)) if labelling else 0
    order = Order.of((patches["train"], target) if target else (patches["train"],), given.batch, given.target_share, 0)
    steps = given.iterations or given.epochs * order.steps_per_pass
    evaluations = -(-steps // (given.evaluate_every or order.steps_per_pass))
    one = _count(given.network, recipe.components or len(recipe.bands), round(_WINDOW * given.scale))
    images = 3 * steps * sum(order.counts) + evaluations * patches["validation"]
    return Cost(images * one.operations, _TRAINED * one.parameters + sum(order.counts) / given.passes * one.kept)


def _forward(name: str, recipe: Recipe) -> float:
    """Return the operations of one window through the network of a stage."""
    stage = next(s for s in recipe.stages if s.name == name and isinstance(s, Train))
    given: Hyperparameters = stage.hyperparameters
    return _count(given.network, recipe.components or len(recipe.bands), round(_WINDOW * given.scale)).operations


def _without_values(name: str, bands: int, side: int) -> nn.Module:
    """Build a network whose weights are never drawn; one that looks at numbers while it is built is moved there."""
    try:
        with torch.device("meta"):
            return models.build(name, bands, side)
    except RuntimeError:
        return models.build(name, bands, side).to("meta")


@lru_cache(maxsize=128)
def _count(name: str, bands: int, side: int) -> _Counted:
    """Run one window without values through a network in training; options add next to nothing."""
    network = _without_values(name.split("+")[0], bands, side).train()
    images = torch.empty(2, bands, side, side, device="meta")  # some normalisations refuse a single value
    kept: dict[int, int] = {}
    parameters = {id(parameter) for parameter in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in parameters and not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor.numel()  # views of one tensor count once
        return tensor

    counter = FlopCounterMode(display=False)
    with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = network(images)
    del out
    return _Counted(
        counter.get_total_flops() / len(images),
        _HALF * sum(kept.values()) / len(images),
        sum(p.numel() for p in network.parameters()),
    )
