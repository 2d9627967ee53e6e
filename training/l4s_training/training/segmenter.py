"""The optimisation of one network, step by step, as Lightning drives it.

A step prepares each domain's patches on the device (augmentation, normalisation, scale promotion, mix-up), runs the
network, and takes the objective of each domain, weighted by its share of the batch. Everything random follows from the
seed and the number of the step (see `l4s_training.training.batches`).

Several processes gather their logits before the loss, so that a loss over the whole batch, such as Lovász's, is that of
one process with the same batch. What is drawn at random is drawn in each: variants, dropout, mix-up's partners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import lightning as L  # noqa: N812
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from l4s_geo.normalize import Statistics
from l4s_training.adaptation.mix_up import MixUp, mixed_loss
from l4s_training.config import schedules
from l4s_training.losses import Objective, Term
from l4s_training.models import cross_sensor
from l4s_training.scoring.metrics import ThresholdCurve
from l4s_training.training.batches import Part, seed_of
from l4s_training.training.depthwise import keep_float32
from l4s_training.training.freezing import freeze_encoder
from l4s_training.training.network_run import NetworkConfig
from l4s_training.training.normalization import normalize_tensor
from l4s_training.training.scale_promotion import bring_back, promote, promote_labels

__all__ = ["Segmenter"]

_AUXILIARY = 0.4
"""Weight of the loss of a network's auxiliary logits (PSPNet: Zhao et al. 2017; HRNet-OCR: Yuan, Chen, Wang 2020)."""
_DOMAINS: tuple[cross_sensor.Domain, ...] = ("source", "target")
_AUGMENT, _MIX, _NETWORK = 1, 2, 3


class _Outputs(NamedTuple):
    """What a network returns for the patches of one domain."""

    logits: Tensor
    """(n, rows, cols)."""
    image: Tensor | None
    """(n,) of an image-level head."""
    auxiliary: Tensor | None
    """(n, rows, cols) of a classifier that serves training only."""


class _Prepared(NamedTuple):
    """The patches of one domain, as the network takes them."""

    images: Tensor
    """(n, bands, rows, cols), normalised and enlarged."""
    masks: Tensor
    """(n, rows, cols), 0 or 1."""
    weights: Tensor | None
    """(n, rows, cols), 0 for an ignored pixel; None for 1 everywhere."""
    order: Tensor | None
    """(n,) mix-up's partners; None without mix-up."""
    share: float
    """Mix-up's λ; 1 without mix-up."""


class Segmenter(L.LightningModule):
    """A network in training, with its moving average.

    Args:
        config: how it is trained.
        network: to be trained; (n, bands, rows, cols) -> (n, 1, rows, cols) logits.
        statistics: of the source, and of the target if there is one.
        validation: statistics of the validation patches.
        steps_per_pass: steps that take every training patch once.
    """

    def __init__(
        self,
        config: NetworkConfig,
        network: nn.Module,
        statistics: tuple[Statistics, ...],
        validation: Statistics,
        steps_per_pass: int,
    ) -> None:
        super().__init__()
        self.config, self.statistics, self.validation = config, statistics, validation
        self.steps_per_pass = steps_per_pass
        self.step = 0
        """Number of steps taken."""
        self.total = config.iterations or config.epochs * steps_per_pass
        """Number of steps of the whole training."""
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.freeze_encoder:
            freeze_encoder(self.network)
        self.average = (
            AveragedModel(self.network, multi_avg_fn=_moving_average(config.ema_decay), use_buffers=True)
            if config.ema_decay
            else None
        )
        keep_float32(self.network)
        self._cross_sensor = any(isinstance(m, cross_sensor.CrossSensorBatchNorm2d) for m in network.modules())
        self._augmentation = config.augmentation and replace(config.augmentation, bands=config.bands)
        self._mix_up = MixUp(config.mix_up) if config.mix_up else None
        self._auxiliary = Objective((Term("ce"),))
        self.losses: list[Tensor] = []
        """Losses of the steps since they were last taken away."""
        self.counts: list[Tensor] = []
        """True positives, false positives and false negatives of the source's patches in these steps, (3,) int64 each:
        as they were trained on, varied; none with mix-up, which has no one truth."""
        self.curve = ThresholdCurve()
        """Counts of the latest evaluation."""
        self.restore: Callable[[Optimizer, LRScheduler], None] | None = None
        """Brings optimiser and schedule to where an earlier training stopped, when they are made."""

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept: the moving average, if there is one."""
        return self.network if self.average is None else self.average.module

    def training_step(self, batch: tuple[int, tuple[Part, ...]], _: int) -> Tensor:
        """Return the loss of one batch."""
        number, parts = batch
        step = number // self.config.passes
        augment = torch.Generator().manual_seed(seed_of(self.config.seed, number, _AUGMENT, self.global_rank))
        mix = torch.Generator().manual_seed(seed_of(self.config.seed, number, _MIX))
        torch.manual_seed(seed_of(self.config.seed, number, _NETWORK, self.global_rank))  # dropout
        share = self._mix_up.draw(mix) if self._mix_up else 1.0
        prepared = [self._prepare(p, s, augment, share, mix) for p, s in zip(parts, self.statistics, strict=True)]
        objective = next(o for start, o in reversed(self.config.phases) if step >= start * self.total)
        whole = sum(len(p.images) for p in prepared)
        every = self._outputs(prepared)
        terms = [
            len(p.images) / whole * self._loss(objective, outputs, p)
            for p, outputs in zip(prepared, every, strict=True)
        ]
        if self._mix_up is None:
            self.counts.append(_counted(every[0].logits, prepared[0], self.config.evaluate_at or 0.5))
        loss = torch.stack(terms).sum()
        self.losses.append(loss.detach())
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the average."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.step += 1

    def on_validation_epoch_start(self) -> None:
        """Begin a new threshold curve."""
        self.curve = ThresholdCurve()
        self.evaluated.eval()
        if self.trainer.world_size > 1:
            # Normalisations see different patches in each process; the first one's are kept.
            for tensor in self.evaluated.buffers():
                torch.distributed.broadcast(tensor, 0)

    def validation_step(self, batch: tuple[int, tuple[Part, ...]], _: int) -> None:
        """Count one batch of the validation patches."""
        part = batch[1][0]
        x = normalize_tensor(part.images, self.config.normalization, self.validation)
        logits = self.evaluated(_channels_last(promote(x, self.config.scale)))[:, 0].float()
        with torch.autocast(self.device.type, enabled=False):
            probabilities = bring_back(torch.sigmoid(logits), part.images.shape[-1])
        self.curve.add(probabilities.cpu().numpy(), part.masks.cpu().numpy().astype(np.uint8))

    def on_validation_epoch_end(self) -> None:
        """Add up the counts of all processes."""
        if self.trainer.world_size > 1:
            counts = torch.from_numpy(self.curve.counts).to(self.device)
            torch.distributed.all_reduce(counts)
            self.curve = ThresholdCurve(counts.cpu().numpy())

    def configure_optimizers(self) -> Any:
        """Make optimiser and schedule; no decay falls on biases and normalisations."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        rate = self.config.learning_rate
        kinds: dict[str, Callable[[], Optimizer]] = {
            "adamw": lambda: torch.optim.AdamW(groups, lr=rate),
            "adam": lambda: torch.optim.Adam(groups, lr=rate),
            "sgd": lambda: torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True),
        }
        optimizer = kinds[self.config.optimizer]()
        schedule = schedules.build(
            self.config.schedule, optimizer, self.total, self.steps_per_pass, **dict(self.config.schedule_options)
        )
        if self.restore:
            self.restore(optimizer, schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _prepare(
        self, part: Part, statistics: Statistics, augment: torch.Generator, share: float, mix: torch.Generator
    ) -> _Prepared:
        images, masks, weights = part
        if self._augmentation is not None:
            layers = masks if weights is None else torch.stack([masks, weights], 1)
            images, layers = self._augmentation(images, layers, augment)
            masks, weights = (layers, None) if weights is None else (layers[:, 0], layers[:, 1])
        x = normalize_tensor(images, self.config.normalization, statistics)
        if self.config.scale != 1:
            x, masks = promote(x, self.config.scale), promote_labels(masks, self.config.scale)
            weights = None if weights is None else promote_labels(weights, self.config.scale)
        order = None
        if self._mix_up is not None:
            x, order = self._mix_up(x, share, mix)
        return _Prepared(_channels_last(x), masks, weights, order, share)

    def _outputs(self, prepared: list[_Prepared]) -> list[_Outputs]:
        """Run the network: domain by domain where it tells them apart, else on all at once."""
        if len(prepared) == 1 or self._cross_sensor:
            out = []
            for part, name in zip(prepared, _DOMAINS, strict=False):
                with cross_sensor.domain(self.network, name) if self._cross_sensor else nullcontext():
                    out.append(self._run(part.images))
            return out
        counts = [len(p.images) for p in prepared]
        joined = self._run(_channels_last(torch.cat([p.images for p in prepared])))
        split = [[None] * len(counts) if value is None else torch.split(value, counts) for value in joined]
        return [_Outputs(*values) for values in zip(*split, strict=True)]

    def _run(self, images: Tensor) -> _Outputs:
        network: Any = self.network
        if any(objective.needs_image_logits for _, objective in self.config.phases):
            logits, image = network.forward_with_image(images)
            return _Outputs(logits[:, 0].float(), image.float(), None)
        if hasattr(network, "forward_with_auxiliary"):
            logits, auxiliary = network.forward_with_auxiliary(images)
            return _Outputs(logits[:, 0].float(), None, auxiliary[:, 0].float())
        return _Outputs(network(images)[:, 0].float(), None, None)

    def _loss(self, objective: Objective, outputs: _Outputs, part: _Prepared) -> Tensor:
        logits = self._gathered(outputs.logits)
        image, auxiliary = (None if v is None else self._gathered(v) for v in (outputs.image, outputs.auxiliary))
        masks, weights = self._gathered(part.masks), None if part.weights is None else self._gathered(part.weights)
        order = part.order
        if order is not None and self.trainer.world_size > 1:
            order = self._gathered(order + self.global_rank * len(order))

        def of(objective: Objective, logits: Tensor) -> Tensor:
            if order is None:
                return objective(logits, masks, weights, image)
            return mixed_loss(objective, logits, masks, order, part.share, weights, image)

        loss = of(objective, logits)
        return loss if auxiliary is None else loss + _AUXILIARY * of(self._auxiliary, auxiliary)

    def _gathered(self, values: Tensor) -> Tensor:
        """Join the values of all processes, with gradients."""
        if self.trainer.world_size == 1:
            return values
        joined: Tensor = self.all_gather(values, sync_grads=values.requires_grad)  # type: ignore[assignment]
        return joined.flatten(0, 1)


@torch.no_grad()
def _counted(logits: Tensor, part: _Prepared, threshold: float) -> Tensor:
    """(3,) int64: true positives, false positives and false negatives among the pixels that count."""
    detected, truth = logits >= math.log(threshold / (1 - threshold)), part.masks > 0.5
    counts = torch.ones_like(truth) if part.weights is None else part.weights > 0
    return torch.stack([(a & b & counts).sum() for a, b in ((detected, truth), (detected, ~truth), (~detected, truth))])


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _moving_average(decay: float) -> Callable[..., None]:
    """Average floating tensors with a decay that grows from 0.1 to its value; copy counters."""

    @torch.no_grad()
    def update(averages: Iterable[Tensor], currents: Iterable[Tensor], updates: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(updates)) / (10 + int(updates)))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current.to(average.dtype), weight)
            else:
                average.copy_(current)

    return update
