"""Monte Carlo dropout: after the first convolution, off in eval mode, on while sampling."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from l4s_training import models
from l4s_training.models.mc_dropout import PASSES, RATE, MonteCarloDropout, insert, sample, sampling


def first_convolution(network: nn.Module, x: torch.Tensor) -> list[str]:
    """Types of the leaf modules in the order in which they run, up to the second convolution."""
    seen: list[str] = []
    handles = [
        m.register_forward_hook(lambda m, *_: seen.append(type(m).__name__))
        for m in network.modules()
        if not list(m.children())
    ]
    with torch.no_grad():
        network.eval()(x)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", [*(n.name for n in models.NETWORKS.values() if "mc-dropout" in n.options), "unet"])
def test_the_dropout_runs_right_after_the_first_convolution(name):
    seen = first_convolution(models.build(f"{name}+mc-dropout"), torch.randn(1, 14, 64, 64))
    assert seen[:2] == ["Conv2d", "MonteCarloDropout"]
    assert seen.count("MonteCarloDropout") == 1


def test_it_changes_nothing_in_eval_mode_and_everything_while_sampling():
    torch.manual_seed(0)
    plain = models.build("resunet", 3).eval()
    x = torch.randn(1, 3, 64, 64)
    expected = plain(x)
    network = insert(plain)
    assert torch.equal(network(x), expected)
    with sampling(network):
        assert not torch.equal(network(x), expected)
        assert not network.training
        assert not any(m.training for m in network.modules())
    assert torch.equal(network(x), expected)


def test_it_drops_its_rate_and_keeps_the_mean():
    layer = MonteCarloDropout().eval()
    x = torch.ones(200_000)
    with sampling(layer):
        y = layer(x)
    assert float((y == 0).float().mean()) == pytest.approx(RATE, abs=0.01)
    assert float(y.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(layer(x), x)
    assert not torch.equal(layer.train()(x), x)


def test_samples_are_the_mean_and_variance_of_ten_passes():
    torch.manual_seed(0)
    network = models.build("contextnet+mc-dropout", 3).eval()
    x = torch.randn(2, 3, 64, 64)
    torch.manual_seed(1)
    mean, variance = sample(network, x)
    torch.manual_seed(1)
    with sampling(network), torch.no_grad():
        passes = torch.stack([torch.sigmoid(network(x)) for _ in range(10)])
    assert PASSES == 10
    assert RATE == 0.3
    assert torch.allclose(mean, passes.mean(0))
    assert torch.allclose(variance, passes.var(0, unbiased=False))
    assert variance.shape == (2, 1, 64, 64)
    assert float(variance.max()) > 0
    assert torch.equal(network(x), network(x))


def test_a_network_without_convolution_is_refused():
    with pytest.raises(ValueError, match="has no convolution"):
        insert(nn.Sequential(nn.Linear(2, 2)))
