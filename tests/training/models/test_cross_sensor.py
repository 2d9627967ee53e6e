"""Cross-sensor normalisation: two sets of statistics, one γ and β."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from l4s_training import models
from l4s_training.models.cross_sensor import CrossSensorBatchNorm2d, convert, domain, set_domain

KINGDRONE = [n.name for n in models.NETWORKS.values() if "cross-sensor" in n.options]


def batch(mean: float, std: float, seed: int = 0) -> torch.Tensor:
    return mean + std * torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def sets(layer: CrossSensorBatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.stack([layer.source_mean, layer.source_var]).clone(),
        torch.stack([layer.target_mean, layer.target_var]).clone(),
    )


def test_each_domain_moves_its_own_set_as_batch_normalisation_does():
    layer = CrossSensorBatchNorm2d(3).train()
    twins = {name: nn.BatchNorm2d(3).train() for name in ("source", "target")}
    for seed in range(3):
        x = batch(2, 3, seed)
        assert torch.allclose(layer(x), twins["source"](x))
    twins["target"].load_state_dict(twins["source"].state_dict())  # it starts as a copy
    for seed in range(3):
        x = batch(-5, 0.5, seed)
        before = sets(layer)[0]
        with domain(layer, "target"):
            assert torch.allclose(layer(x), twins["target"](x))
        assert torch.equal(sets(layer)[0], before)
        x, before = batch(2, 3, seed), sets(layer)[1]
        assert torch.allclose(layer(x), twins["source"](x))
        assert torch.equal(sets(layer)[1], before)
    for name, twin in twins.items():
        assert torch.allclose(getattr(layer, f"{name}_mean"), twin.running_mean)
        assert torch.allclose(getattr(layer, f"{name}_var"), twin.running_var)


def test_the_target_set_is_the_source_set_until_a_target_batch_comes():
    layer = CrossSensorBatchNorm2d(3).train()
    layer(batch(2, 3))
    source, target = sets(layer)
    assert not torch.equal(source[0], torch.zeros(3))
    assert torch.equal(source, target)


def test_inference_uses_the_target_set_and_shared_gamma_and_beta():
    layer = CrossSensorBatchNorm2d(3).train()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    layer(batch(2, 3))
    with domain(layer, "target"):
        layer(batch(-5, 0.5))
    layer.eval()
    x = batch(0, 1)
    expected = nn.functional.batch_norm(x, layer.target_mean, layer.target_var, layer.weight, layer.bias, eps=1e-5)
    for active in ("source", "target"):
        set_domain(layer, active)
        assert torch.equal(layer(x), expected)
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    assert (layer.eps, layer.momentum) == (1e-5, 0.1)


def test_the_domain_is_restored_after_the_block():
    network = nn.Sequential(CrossSensorBatchNorm2d(3), CrossSensorBatchNorm2d(3))
    with domain(network, "target"):
        assert [m.domain for m in network] == ["target", "target"]
    assert [m.domain for m in network] == ["source", "source"]


def test_conversion_keeps_what_was_learned():
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.LayerNorm(6)).train()
    network(batch(1, 2))
    expected = copy.deepcopy(network).eval()(batch(0, 1, 9))
    layer_norm = network[3]
    converted = convert(network).eval()
    assert isinstance(converted[1], CrossSensorBatchNorm2d)
    assert converted[3] is layer_norm
    assert torch.equal(*sets(converted[1]))
    assert torch.allclose(converted(batch(0, 1, 9)), expected, atol=1e-6)


@pytest.mark.parametrize("name", KINGDRONE)
def test_every_batch_normalisation_of_kingdrones_networks_is_replaced(name):
    plain = models.build(name)
    norms = [m for m in plain.modules() if isinstance(m, nn.BatchNorm2d)]
    layer_norms = sum(isinstance(m, nn.LayerNorm) for m in plain.modules())
    parameters = sum(p.numel() for p in plain.parameters())
    network = convert(plain)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert sum(isinstance(m, CrossSensorBatchNorm2d) for m in network.modules()) == len(norms) > 0
    assert sum(isinstance(m, nn.LayerNorm) for m in network.modules()) == layer_norms
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert (layer_norms > 0) == (name in ("swin_unet", "segformer"))


def test_a_converted_efficientnet_keeps_the_activations_that_timm_puts_into_its_normalisation():
    torch.manual_seed(0)
    plain = models.build("efficientnetv2_unet").train()
    x = torch.randn(2, 14, 64, 64)
    network = convert(copy.deepcopy(plain))
    for part in (*plain.modules(), *network.modules()):
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-5  # timm's is 1e-3
        elif "Drop" in type(part).__name__:
            part.eval()
    assert torch.allclose(network(x), plain(x), atol=1e-4)
