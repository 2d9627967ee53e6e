"""Encoders that begin with published weights; here with files as timm and segmentation-models-pytorch give them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.config.adjusted import with_pretrained
from l4s_training.config.hyperparameters import parse
from l4s_training.config.recipe_files import load
from l4s_training.models import pretrained
from l4s_training.models.pretrained import DOWNLOAD, WEIGHTS, load_pretrained, read_weights

import segmentation_models_pytorch as smp  # isort: skip  (after torchvision was made to import)
import timm  # isort: skip


def as_published(name: str) -> dict[str, Tensor]:
    """The weights of a network's encoder under the names of those who publish them, random."""
    torch.manual_seed(1)
    published = WEIGHTS[name].name.split(".")[0]
    if published.startswith("mit_"):
        return smp.Segformer(published, encoder_weights=None).encoder.state_dict()
    return timm.create_model(published, pretrained=False).state_dict()


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_network_takes_its_weights_whole(name):
    """Each learned tensor of the encoder is the published one; with 14 bands but for the first convolution."""
    tensors = as_published(name)
    network = models.build(name, 14, 128, tensors)
    fresh = models.build(name, 14, 128)
    encoder, other = (n.get_submodule(WEIGHTS[name].encoder).state_dict() for n in (network, fresh))
    flat = {key.replace(".", "_"): tensor for key, tensor in tensors.items()}
    adapted = 0
    for key, tensor in encoder.items():
        if tensor.is_floating_point():
            given = flat[key.replace(".", "_")]
            if given.shape == tensor.shape:
                torch.testing.assert_close(tensor, given)
            else:
                adapted += 1
                assert not torch.equal(tensor, other[key])
    assert adapted >= 1


def test_rgb_features_are_those_of_timms_own_network():
    tensors = as_published("unet-resnet18")
    network = models.build("unet-resnet18", ("B4", "B3", "B2"), 64, tensors).eval()
    theirs = timm.create_model("resnet18", pretrained=False, features_only=True, out_indices=(4,)).eval()
    theirs.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("fc.")})
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network.encoder(x)[-1], theirs(x)[0], atol=1e-4, rtol=1e-4)


def test_more_bands_answer_to_a_grey_image_as_three_do():
    tensors = as_published("deeplab_v3plus")
    three, many = (models.build("deeplab_v3plus", n, 64, tensors).eval().encoder for n in (3, 12))
    grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        a, b = three(grey.expand(-1, 3, -1, -1))[0], many(grey.expand(-1, 12, -1, -1))[0]
    torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)


def test_options_take_the_weights_over():
    tensors = as_published("segformer_b0")
    network = models.build("segformer_b0+image-head", 14, 64, tensors)
    torch.testing.assert_close(network.network.encoder.block1[0].norm1.weight, tensors["block1.0.norm1.weight"])


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_are_read_from_a_file_or_a_folder(tmp_path, suffix):
    tensors = {name: tensor.contiguous() for name, tensor in as_published("unet-resnet18").items()}
    path = tmp_path / f"resnet18.a1_in1k{suffix}"
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    for source in (path, tmp_path):
        read = read_weights("unet-resnet18", str(source))
        assert read.keys() == tensors.keys()
        assert torch.equal(read["conv1.weight"], tensors["conv1.weight"])


class Rebuilt:
    """What a pickle could run, were it read as one."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path, ("nothing",)


def test_what_are_no_weights_is_said(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"'unet' has no published weights"):
        read_weights("unet", DOWNLOAD)
    with pytest.raises(
        DataError, match=r"holds resnet18\.a1_in1k\.safetensors; download model\.safetensors from https"
    ):
        read_weights("unet-resnet18", str(tmp_path))
    damaged, code = tmp_path / "a.safetensors", tmp_path / "b.pth"
    damaged.write_bytes(b"no tensors")
    torch.save(Rebuilt(), code)
    for path in (damaged, code):
        with pytest.raises(DataError, match="cannot be read as weights"):
            read_weights("unet-resnet18", str(path))
    with pytest.raises(DataError, match=r"hold (none|one of shape .*) for .*; give those of timm/resnet34"):
        load_pretrained(models.build("unet-resnet34", 3, 64), "unet-resnet34", as_published("unet-resnet18"))

    def unreachable(repository: str) -> None:
        raise OSError("We could not connect to the Hub")

    monkeypatch.setattr("timm.models.load_state_dict_from_hf", unreachable)
    with pytest.raises(DataError, match=r"cannot be downloaded \(We could not connect.*or give their file"):
        read_weights("swin_unet", DOWNLOAD)
    monkeypatch.setattr("timm.models.load_state_dict_from_hf", lambda repository: {"repository": torch.zeros(1)})
    assert list(pretrained.read_weights("swin_unet", DOWNLOAD)) == ["repository"]


def test_a_recipe_asks_for_them_in_words():
    assert parse({"pretrained": True}, "r").pretrained == DOWNLOAD
    assert parse({"pretrained": "weights/"}, "r").pretrained == "weights/"
    assert parse({"pretrained": False}, "r").pretrained is None
    with pytest.raises(DataError, match="Both imagenet and pretrained"):
        parse({"pretrained": True, "imagenet": True, "network": "unet-efficientnet-lite0"}, "r")


def test_a_recipe_that_begins_with_them_says_so():
    given = with_pretrained(load("seek-3-rgb-swin"), DOWNLOAD)
    assert given.stages[0].hyperparameters.pretrained == DOWNLOAD
    assert dict(given.ours)["initialisation"] == "published ImageNet weights, downloaded"
    with pytest.raises(DataError, match="seek-3-rgb-unet trains no network with published weights"):
        with_pretrained(load("seek-3-rgb-unet"), DOWNLOAD)
