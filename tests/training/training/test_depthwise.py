"""Depthwise convolutions that stay in float32 give the gradients of float32."""

from __future__ import annotations

import copy

import torch
from torch import nn

from l4s_training.training.depthwise import keep_float32


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8), nn.ReLU(), nn.Conv2d(8, 1, 3)
    )


def _gradients(network: nn.Module, bfloat16: bool) -> list[torch.Tensor]:
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        y = network(x)
    y.float().square().mean().backward()
    return [p.grad for p in network.parameters() if p.grad is not None]


def test_only_depthwise_convolutions_leave_bfloat16() -> None:
    network = _network()
    keep_float32(network)
    computed: list[torch.dtype] = []
    for module in network:
        module.register_forward_hook(lambda _, inputs, output: computed.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.zeros(1, 3, 16, 16))
    assert computed == [torch.bfloat16] * 4  # each passes bfloat16 on
    convolution = nn.Conv2d(8, 8, 3, groups=8, bias=False)
    keep_float32(convolution)
    x = torch.rand(1, 8, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = convolution(x)
    assert torch.equal(mixed, nn.functional.conv2d(x, convolution.weight, groups=8).bfloat16())


def test_gradients_are_those_of_float32() -> None:
    plain, kept = _network(), _network()
    keep_float32(kept)
    for exact, mixed in zip(_gradients(plain, False), _gradients(kept, True), strict=True):
        torch.testing.assert_close(mixed, exact, rtol=0.03, atol=0.01 * float(exact.abs().max()))


def test_without_autocast_nothing_changes_and_copies_stay_their_own() -> None:
    plain, kept = _network(), _network()
    keep_float32(kept)
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(kept(x), plain(x))
    copied = copy.deepcopy(kept)
    with torch.no_grad():
        for parameter in kept.parameters():
            parameter.zero_()
    assert torch.equal(copied(x), plain(x))
    assert list(kept.state_dict()) == list(plain.state_dict())
