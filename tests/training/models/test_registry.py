"""The registry: every network that the papers name, its shapes and its gradients."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from l4s_geo.bands import BANDS, RGB
from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.cli.networks import command

BENCHMARK = (
    *("fcn8s", "pspnet", "contextnet", "deeplab_v2", "deeplab_v3plus", "linknet"),
    *("frrn_a", "frrn_b", "sqnet", "unet", "resunet"),
)
TEAMS = {
    "baseline": ("baseline_unet",),
    "Kingdrone": ("swin_unet", "efficientnetv2_unet", "resnet_unet", "segformer", "hrnet_ocr"),
    "Seek": ("swin_unet", "deeplab_v3"),
    "Tanmlh": ("deeplab_v3plus", "hrnet"),
    "Sklgp": ("deeplab_v3", "multispectral_unet"),
    "study": ("unet", "swin_unet", "segformer_b0"),
}
OWN = tuple(
    f"unet-{name}" for name in ("resnet18", "resnet34", "efficientnet-b0", "efficientnet-lite0", "efficientnet-lite2")
)
CHEAP = ("contextnet", "multispectral_unet")


def test_every_network_of_the_papers_is_there():
    def used_by(who: str) -> set[str]:
        return {n.name for n in models.NETWORKS.values() if who in n.used_by}

    assert used_by("benchmark") == set(BENCHMARK)
    for team, names in TEAMS.items():
        assert used_by(team) == set(names)
    assert set(models.NETWORKS) == {*BENCHMARK, *OWN, *(n for names in TEAMS.values() for n in names)}


def test_the_options_of_the_papers_are_declared():
    declared = {(n.name, option) for n in models.NETWORKS.values() for option in n.options}
    assert declared == {
        *((name, "cross-sensor") for name in TEAMS["Kingdrone"]),
        ("swin_unet", "image-head"),
        *((name, "mc-dropout") for name in TEAMS["Tanmlh"]),
    }


def without_chance(network: nn.Module) -> nn.Module:
    """Training mode, without the random layers that can switch whole branches off."""
    network.train()
    for part in network.modules():
        if "Drop" in type(part).__name__:
            part.eval()
    return network


@pytest.mark.parametrize("name", models.NETWORKS)
def test_128_pixels_and_14_bands_and_a_gradient_everywhere(name):
    torch.manual_seed(0)
    network = without_chance(models.build(name))
    y = network(torch.randn(2, 14, 128, 128))
    assert y.shape == (2, 1, 128, 128)
    assert y.dtype == torch.float32
    if hasattr(network, "forward_with_auxiliary"):  # as it is trained
        y = torch.cat(network.forward_with_auxiliary(torch.randn(2, 14, 128, 128)))
    (y * torch.randn_like(y)).sum().backward()
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert torch.isfinite(parameter.grad).all(), key
            assert parameter.grad.any(), key


@pytest.mark.parametrize("name", models.NETWORKS)
def test_256_pixels_and_3_bands(name):
    network = models.build(name, RGB, 256).eval()
    with torch.inference_mode():
        y = network(torch.randn(1, 3, 256, 256))
    assert y.shape == (1, 1, 256, 256)
    assert y.dtype == torch.float32


@pytest.mark.parametrize(
    "name", [n if n in CHEAP else pytest.param(n, marks=pytest.mark.slow) for n in models.NETWORKS]
)
def test_any_number_of_bands(name):
    for count in range(1, 15):
        network = models.build(name, BANDS[:count]).to("meta")  # shapes alone
        assert network(torch.empty(2, count, 128, 128, device="meta")).shape == (2, 1, 128, 128)


@pytest.mark.slow
@pytest.mark.parametrize("window", [320, 512])
@pytest.mark.parametrize("name", models.NETWORKS)
def test_large_windows_and_a_single_band(name, window):
    network = models.build(name, 1, window).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 1, window, window)).shape == (1, 1, window, window)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_window_of_any_multiple_of_the_divisor(name):
    window = 128 + models.NETWORKS[name].divisor
    network = models.build(name, 1, window).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 1, window, window)).shape == (1, 1, window, window)


@pytest.mark.parametrize(
    ("name", "window", "words"),
    [
        ("unet7", 128, "no network 'unet7'; expected one of unet-resnet18"),
        ("unet+dropout", 128, "has the option 'dropout'; expected one of image-head"),
        ("unet+image-head", 128, "unet does not take the option 'image-head'"),
        ("unet", 100, "cannot take windows of 100 pixels; expected a multiple of 16"),
    ],
)
def test_a_mistake_is_named(name, window, words):
    with pytest.raises(DataError, match="(?s)" + words.replace("+", r"\+")):
        models.build(name, 3, window)


@pytest.mark.parametrize("name", [n.name for n in models.NETWORKS.values() if n.published])
def test_the_published_number_of_parameters_is_near_the_counted_one(name):
    # with 14 bands and one logit instead of the source's; SegFormer reads values while it is made, so not on "meta"
    with torch.device("cpu" if name.startswith("segformer") else "meta"):
        counted = sum(p.numel() for p in models.build(name).parameters())
    assert counted / 1e6 == pytest.approx(models.NETWORKS[name].published[0], rel=0.1)


def test_the_multispectral_network_finds_its_bands_by_name():
    assert models.build("multispectral_unet").fine == [1, 2, 3, 7]
    assert models.build("multispectral_unet", BANDS).fine == [1, 2, 3, 7]
    assert models.build("multispectral_unet", ("B8", "slope", "B4")).fine == [2, 0]
    assert models.build("multispectral_unet", 3).fine == [0, 1, 2]


def test_the_image_head_serves_training_only():
    torch.manual_seed(0)
    network = without_chance(models.build("swin_unet+image-head", RGB))
    x = torch.randn(2, 3, 128, 128)
    logits, image = network.forward_with_image(x)
    assert image.shape == (2,)
    assert torch.equal(network(x), logits)
    image.sum().backward()
    deepest = network.network.encoder.model.layers_3 if hasattr(network.network.encoder.model, "layers_3") else None
    assert network.image.weight.grad.any()
    assert all(p.grad is None for p in network.network.decoder.parameters())
    reached = deepest if deepest is not None else network.network.encoder
    assert any(p.grad is not None and p.grad.any() for p in reached.parameters())


def test_the_command_lists_paper_bands_window_and_parameters():
    result = CliRunner().invoke(command, ["resunet", "swin_unet+image-head"])
    assert result.exit_code == 0, result.output
    assert "Zhang, Liu, Wang 2018" in result.output
    assert "8.23 M" in result.output
    assert "swin_unet+image-head" in result.output


def test_the_command_measures(tmp_path):
    target = tmp_path / "figures.csv"
    result = CliRunner().invoke(command, ["--bench", "contextnet", "--csv", str(target)])
    assert result.exit_code == 0, result.output
    header, row = target.read_text().splitlines()
    assert header == "name,parameters,multiply_adds,torch_ms,onnx_ms"
    name, parameters, multiply_adds, *milliseconds = row.split(",")
    assert name == "contextnet"
    assert int(parameters) == sum(p.numel() for p in models.build("contextnet").parameters())
    assert int(multiply_adds) > 10_000_000
    assert all(float(m) > 0 for m in milliseconds)


def test_multiply_adds_are_those_of_a_convolution_and_a_product():
    from l4s_training.export.bench import multiply_adds

    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Flatten(2), nn.Linear(64, 7))
    assert multiply_adds(network, torch.zeros(1, 3, 8, 8)) == 64 * 5 * 3 * 9 + 5 * 64 * 7


class Attention(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


def test_multiply_adds_count_attention():
    from l4s_training.export.bench import multiply_adds

    heads, tokens, channels = 2, 64, 16
    expected = 2 * heads * tokens**2 * channels  # queries by keys, then weights by values
    assert multiply_adds(Attention(), torch.randn(1, heads, tokens, channels)) == expected
