"""The network of a training: what its configuration says, with the weights that it begins with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from l4s_geo.normalize import Statistics
from l4s_training import models
from l4s_training.data.patches import Patches
from l4s_training.data.projection import Projected, principal_components
from l4s_training.models.imagenet import load_imagenet
from l4s_training.models.pretrained import read_weights
from l4s_training.training import checkpoint
from l4s_training.training.network_run import WEIGHTS, NetworkConfig

__all__ = ["build_network", "initialise", "start_of"]


def build_network(config: NetworkConfig, window: int) -> nn.Module:
    """Make a run's network, with random weights.

    Args:
        config: the run's.
        window: rows and columns of a patch, before scale promotion.

    Raises:
        DataError: there is no such network, or it does not allow the window.
    """
    side = round(window * config.scale)
    if config.components is None:
        return models.build(config.network, config.bands, side)
    blank = np.zeros((config.components, len(config.bands)), np.float32)
    return Projected(models.build(config.network, config.components, side), blank)


def start_of(config: NetworkConfig, folder: Path) -> Path | None:
    """Return the folder of the network run whose weights a training starts from; None for none.

    Args:
        config: names it (``init``): beside the training's own folder, as a recipe's stages are, or by its path.
        folder: the training's own.
    """
    if config.init is None:
        return None
    beside = folder.parent / config.init
    return beside if beside.is_dir() else Path(config.init)


def initialise(
    network: nn.Module, config: NetworkConfig, source: Patches, statistics: Statistics, start: Path | None
) -> None:
    """Give a network what it begins with beyond random weights.

    Args:
        network: of `build_network`.
        config: asks for principal components and for published weights, or does not.
        source: patches that the principal components are those of.
        statistics: that these patches are normalised with.
        start: folder of the network run whose weights it starts from; None for none.

    Raises:
        DataError: there are no such weights, or they are another network's.
    """
    if isinstance(network, Projected) and config.components is not None:
        found = principal_components(source, config.normalization, statistics, config.components)
        network.components.copy_(torch.from_numpy(found)[..., None, None])
    if config.pretrained:
        _load_published(network, config, source.shape[-1])
    if config.imagenet:
        load_imagenet(network, config.network, config.bands)
    if start is not None:
        path = start / WEIGHTS
        checkpoint.load_weights(network, checkpoint.read(path).tensors, path, config.network)


def _load_published(network: nn.Module, config: NetworkConfig, window: int) -> None:
    """Let the encoder begin with published weights; options, such as other normalisations, take them over."""
    own: nn.Module = network.network if isinstance(network, Projected) else network
    architecture, _ = models.parse(config.network)
    bands = config.components or config.bands
    weights = read_weights(architecture.name, str(config.pretrained))
    begun = models.build(config.network, bands, round(window * config.scale), weights)
    own.load_state_dict(begun.state_dict())
