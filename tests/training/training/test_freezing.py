from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.training.freezing import encoder_of, freeze_encoder


def step(network: nn.Module, parameters: list[nn.Parameter], images: torch.Tensor) -> None:
    """One step of training, in training mode."""
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    network.train()
    network(images).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("name", ["unet-resnet18+image-head", "linknet", "resunet"])
def test_a_frozen_encoder_stays_bit_for_bit_and_the_rest_learns(name):
    torch.manual_seed(0)
    network = models.build(name, 3, 32)
    parameters = freeze_encoder(network)
    encoder = encoder_of(network)
    before = copy.deepcopy(network.state_dict())
    frozen = copy.deepcopy(encoder.state_dict())
    assert any("running_mean" in key for key in frozen)
    step(network, parameters, torch.randn(2, 3, 32, 32))
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, frozen[key]), key
    changed = [key for key, value in network.state_dict().items() if not torch.equal(value, before[key])]
    assert changed
    inside = {id(p) for p in encoder.parameters()}
    assert not any(id(p) in inside for p in parameters)
    assert len(parameters) + len(inside) == len(list(network.parameters()))


def test_a_copy_of_a_frozen_network_is_frozen_too():
    """As the moving average of the weights is one."""
    network = models.build("unet-resnet18", 3, 32)
    freeze_encoder(network)
    twin = copy.deepcopy(network).train()
    before = copy.deepcopy(encoder_of(twin).state_dict())
    twin(torch.randn(2, 3, 32, 32))
    assert all(torch.equal(value, before[key]) for key, value in encoder_of(twin).state_dict().items())


@pytest.mark.parametrize("name", [name for name in models.NETWORKS if name != "segformer"])  # as segformer_b0
def test_every_network_has_an_encoder_or_says_so(name):
    with torch.device("cpu" if name == "segformer_b0" else "meta"):  # it computes while it is made
        network = models.build(name)
    if name in ("multispectral_unet", "frrn_a", "frrn_b", "sqnet", "contextnet", "fcn8s"):
        with pytest.raises(DataError, match="no encoder"):
            freeze_encoder(network)
    else:
        left = freeze_encoder(network)
        assert 0 < len(left) < len(list(network.parameters()))
