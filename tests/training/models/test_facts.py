"""What the papers state about their networks, counted on the networks that are built."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from l4s_training import models
from l4s_training.models import (
    contextnet,
    fcn8s,
    frrn,
    hrnet,
    hrnet_ocr,
    linknet,
    pspnet,
    resunet,
    segformer,
    sqnet,
    unet,
)
from l4s_training.models.layers import count_parameters
from l4s_training.models.multispectral_unet import InvertedResidual
from l4s_training.models.smu import SMU


def millions(network: nn.Module) -> float:
    return count_parameters(network) / 1e6


def shapes(network: nn.Module, wanted: dict[str, nn.Module], bands: int = 14, window: int = 128) -> dict[str, tuple]:
    """(channels, rows) of the outputs of some modules for one window."""
    seen: dict[str, tuple] = {}

    def hook(name: str):
        def record(_module, _inputs, output):
            maps = output if isinstance(output, (list, tuple)) else [output]
            seen[name] = tuple(tuple(m.shape[1:3]) for m in maps)

        return record

    handles = [module.register_forward_hook(hook(name)) for name, module in wanted.items()]
    with torch.no_grad():
        network.eval()(torch.randn(1, bands, window, window))
    for handle in handles:
        handle.remove()
    return {name: maps[0] if len(maps) == 1 else maps for name, maps in seen.items()}


def convolutions(network: nn.Module, kernel: int | None = None) -> list[nn.Conv2d]:
    every = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    return every if kernel is None else [c for c in every if c.kernel_size == (kernel, kernel)]


def residual_layers(encoder: nn.Module) -> int:
    """Weighted layers of a ResNet as its name counts them: without the shortcuts, with the classifier."""
    return sum(isinstance(m, nn.Conv2d) and "downsample" not in n for n, m in encoder.named_modules()) + 1


def test_fcn8s_is_vgg16_with_scores_at_strides_8_16_and_32():
    network = fcn8s.FCN8s(3, 21)
    assert millions(network) == pytest.approx(134, abs=0.5)  # FCN-VGG16 in Table 1 of the paper
    vgg = network.stages
    assert [c.out_channels for c in convolutions(vgg)] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert {c.kernel_size for c in convolutions(vgg)} == {(3, 3)}
    assert [(c.kernel_size[0], c.out_channels) for c in convolutions(network.connected)] == [(7, 4096), (1, 4096)]
    seen = shapes(network, {str(i): s for i, s in enumerate(network.scores)} | {"end": network}, 3)
    assert seen == {"2": (21, 4), "1": (21, 8), "0": (21, 16), "end": (21, 128)}


def test_fcn8s_upsampling_starts_bilinear_and_the_last_stays_so():
    network = fcn8s.FCN8s(1, 2)
    ramp = torch.arange(8.0).expand(1, 2, 8, 8).contiguous()
    for weights, factor in ((network.ups[0].weight.detach(), 2), (network.final, 8)):
        up = nn.functional.conv_transpose2d(ramp, weights, stride=factor, padding=factor // 2)
        expected = nn.functional.interpolate(ramp, scale_factor=float(factor), mode="bilinear")
        inner = slice(factor, -factor)
        assert torch.allclose(up[..., inner, inner], expected[..., inner, inner], atol=1e-5)
    assert [n for n, _ in network.named_parameters() if n.startswith("ups")] == ["ups.0.weight", "ups.1.weight"]
    assert "final" not in dict(network.named_parameters())


def test_pspnet_pools_to_1_2_3_and_6_at_output_stride_8():
    network = pspnet.PSPNet(14)
    assert residual_layers(network.encoder) == 50
    wanted = {str(i): branch for i, branch in enumerate(network.pyramid)} | {"deep": network.encoder.layer4}
    seen = shapes(network, wanted)
    assert [seen[str(i)] for i in range(4)] == [(512, 1), (512, 2), (512, 3), (512, 6)]
    assert seen["deep"] == (2048, 16)
    assert convolutions(network.head)[0].in_channels == 4096
    assert sorted({c.dilation[0] for c in convolutions(network.encoder)}) == [1, 2, 4]


def test_contextnet_reads_the_context_at_a_quarter_and_the_detail_at_full_resolution():
    network = contextnet.ContextNet(14)
    inputs: dict[str, int] = {}
    for name, branch in (("deep", network.deep), ("shallow", network.shallow)):
        branch.register_forward_pre_hook(lambda _m, args, name=name: inputs.__setitem__(name, args[0].shape[-1]))
    seen = shapes(network, {"deep": network.deep, "shallow": network.shallow, "classifier": network.classifier})
    assert inputs == {"deep": 32, "shallow": 128}
    assert seen == {"deep": (128, 4), "shallow": (128, 16), "classifier": (1, 16)}
    assert [m.block[-1][0].out_channels for m in network.deep[1:]] == [32] + [32] + [48] * 3 + [64] * 3 + [96] * 2 + [
        128
    ] * 2
    assert network.context[0][0].dilation == (4, 4)
    assert millions(contextnet.ContextNet(3, 19)) == pytest.approx(0.85, abs=0.01)


def test_deeplab_v2_is_a_resnet_101_at_stride_8_with_rates_6_12_18_24():
    network = models.build("deeplab_v2")
    assert residual_layers(network.encoder) == 101
    seen = shapes(network, {str(i): branch for i, branch in enumerate(network.aspp)})
    assert seen == {str(i): (1, 16) for i in range(4)}
    assert [branch.dilation[0] for branch in network.aspp] == [6, 12, 18, 24]
    assert {branch.kernel_size for branch in network.aspp} == {(3, 3)}


def test_deeplab_v3plus_has_output_stride_16_separable_rates_and_a_decoder_at_stride_4():
    network = models.build("deeplab_v3plus")
    seen = shapes(network, {"encoder": network.encoder, "detail": network.detail, "decoder": network.decoder})
    assert seen == {"encoder": ((256, 32), (2048, 8)), "detail": (48, 32), "decoder": (256, 32)}
    depthwise = [c for branch in network.aspp for c in convolutions(branch, 3)]
    assert [c.dilation[0] for c in depthwise] == [6, 12, 18]
    assert all(c.groups == c.in_channels == 2048 for c in depthwise)
    assert len(network.aspp) + 1 == 5  # with image pooling
    assert [c.groups for c in convolutions(network.decoder, 3)] == [304, 256]


def test_linknet_is_a_resnet_18_with_additive_links_and_its_published_size():
    network = linknet.LinkNet(3, 20)
    assert millions(network) == pytest.approx(11.5, rel=0.01)  # the paper's abstract
    assert residual_layers(network.encoder) == 18
    seen = shapes(network, {str(i): block for i, block in enumerate(network.decoder)}, 3)
    assert seen == {"0": (256, 8), "1": (128, 16), "2": (64, 32), "3": (64, 32)}
    for block, inputs in zip(network.decoder, (512, 256, 128, 64), strict=True):
        assert block[0][0].in_channels == inputs  # added, not concatenated
        assert block[0][0].out_channels == inputs // 4
    transposed = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [t.stride[0] for t in transposed] == [2, 2, 2, 1, 2, 2]


def test_linknet_adds_the_input_of_each_encoder_stage_to_the_output_of_its_decoder_block():
    network = linknet.LinkNet(3).eval()
    for block in network.decoder:
        nn.init.zeros_(block[2][1].weight)  # the last normalisation: only the links are left
    seen: dict[str, torch.Tensor] = {}
    parts = {f"encoder{i}": network.encoder[f"layer{i}"] for i in range(1, 5)}
    parts |= {f"after{4 - i}": block for i, block in enumerate([*network.decoder[1:], network.head])}
    for name, part in parts.items():
        part.register_forward_pre_hook(lambda _m, args, name=name: seen.__setitem__(name, args[0]))
    with torch.no_grad():
        network(torch.randn(1, 3, 64, 64))
    for i in range(1, 5):
        assert torch.equal(seen[f"after{i}"], seen[f"encoder{i}"])


def frrn_parameters(table: list[tuple[int, int]], bands: int = 3, classes: int = 19) -> int:
    """Parameters of the authors' code (TobyPDE/FRRN, dltools/architectures.py), layer by layer.

    The table gives, for each pooling stage, the number of units and the multiple of the 48 base channels.
    """
    base, lanes = 48, 32

    def convolution(inputs: int, outputs: int, kernel: int) -> int:  # no bias, and γ and β
        return inputs * outputs * kernel**2 + 2 * outputs

    def residual_unit(inputs: int) -> int:
        projection = inputs * base if inputs != base else 0
        return projection + convolution(inputs, base, 3) + convolution(base, base, 3)

    total = convolution(bands, base, 5) + 3 * residual_unit(base) + convolution(base, lanes, 1)
    channels = base
    for units, multiple in table:
        for _ in range(units):
            total += convolution(channels + lanes, multiple * base, 3) + convolution(
                multiple * base, multiple * base, 3
            )
            channels = multiple * base
            total += channels * lanes + lanes
    return total + residual_unit(channels + lanes) + 2 * residual_unit(base) + base * classes + classes


@pytest.mark.parametrize(
    ("variant", "authors", "deepest"),
    [
        ("A", [(3, 2), (4, 4), (2, 8), (2, 8), (2, 4), (2, 4), (2, 2)], 16),
        ("B", [(3, 2), (4, 4), (2, 8), (2, 8), (2, 8), (2, 4), (2, 4), (2, 4), (2, 2)], 32),
    ],
)
def test_frrn_follows_its_table(variant, authors, deepest):
    network = frrn.FRRN(variant, 3, 19)
    assert count_parameters(network) == frrn_parameters(authors)
    units = [m for m in network.modules() if isinstance(m, frrn.FullResolutionUnit)]
    streams: list[tuple] = []
    for unit in units:
        unit.register_forward_hook(
            lambda _m, _i, out: streams.append((out[0].shape[1], 64 // out[0].shape[-1], *out[1].shape[1:3]))
        )
    with torch.no_grad():
        network.eval()(torch.randn(1, 3, 64, 64))
    expected = [(channels, factor, 32, 64) for n, channels, factor in frrn.TABLES[variant] for _ in range(n)]
    assert streams == expected  # channels, pooling factor; 32 lanes at full resolution
    assert max(factor for _, factor, *_ in streams) == deepest
    encoder = [(3, 96, 2), (4, 192, 4), (2, 384, 8), (2, 384, 16), (2, 384, 32)]
    pooling = 4 if variant == "A" else 5
    assert list(frrn.TABLES[variant])[:pooling] == encoder[:pooling]
    assert network.first[0][0].kernel_size == (5, 5)


def test_sqnet_has_elu_only_seven_fire_modules_and_four_dilation_rates():
    network = sqnet.SQNet(3, 19)
    assert count_parameters(network) == 16_262_771  # of a port of the paper (imgclsmob's sqnet_cityscapes)
    assert sum(isinstance(m, sqnet.Fire) for m in network.modules()) == 7
    kinds = {type(m) for m in network.modules() if not list(m.children())}
    assert kinds == {nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.ELU}
    assert [c.dilation[0] for c in convolutions(network.dilated)] == [1, 2, 3, 4]
    seen = shapes(network, {str(i): s for i, s in enumerate(network.stages)} | {"dilated": network.dilated}, 3)
    assert seen == {"0": (96, 64), "1": (128, 32), "2": (256, 16), "3": (512, 8), "dilated": (512, 8)}


@pytest.mark.parametrize("name", ["unet", "baseline_unet"])
def test_the_unets_have_23_convolutional_layers_4_of_them_transposed(name):
    network = models.build(name)
    transposed = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert len(transposed) == 4
    assert len(convolutions(network)) + len(transposed) == 23
    assert len(convolutions(network, 3)) == 18
    assert {(t.kernel_size, t.stride) for t in transposed} == {((2, 2), (2, 2))}
    seen = shapes(network, {str(i): block for i, block in enumerate(network.down)})
    assert list(seen.values()) == [(64, 128), (128, 64), (256, 32), (512, 16), (1024, 8)]
    assert count_parameters(unet.UNet(3, 2)) == 31_037_698  # milesial/Pytorch-UNet, which the study names
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == (name == "unet")


def test_resunet_has_the_15_layers_of_its_table_and_strides_instead_of_pooling():
    network = resunet.ResUNet(3)
    units = [*network.down, *network.up]
    layers = [c for u in units for c in convolutions(u.convolutions)] + [network.classifier]
    assert [(c.kernel_size[0], c.in_channels, c.out_channels, c.stride[0]) for c in layers] == [
        *((3, 3, 64, 1), (3, 64, 64, 1), (3, 64, 128, 2), (3, 128, 128, 1), (3, 128, 256, 2), (3, 256, 256, 1)),
        *((3, 256, 512, 2), (3, 512, 512, 1)),  # the bridge
        *((3, 768, 256, 1), (3, 256, 256, 1), (3, 384, 128, 1), (3, 128, 128, 1), (3, 192, 64, 1), (3, 64, 64, 1)),
        (1, 64, 1, 1),
    ]
    assert len(layers) == 15
    assert len(convolutions(network)) == 15 + len(units)  # and one projection a unit
    assert not any("Pool" in type(m).__name__ for m in network.modules())
    seen = shapes(network, {str(i): u for i, u in enumerate(units)}, 3)
    assert list(seen.values()) == [(64, 128), (128, 64), (256, 32), (512, 16), (256, 32), (128, 64), (64, 128)]
    pre_activated = [type(u.convolutions[0]) for u in units]
    assert pre_activated == [nn.Conv2d] + [nn.BatchNorm2d] * 6


def test_swin_unet_is_swin_tiny():
    network = models.build("swin_unet")
    encoder = network.encoder.model
    stages = [m for n, m in encoder.named_children() if n.startswith("layers")]
    assert [len(stage.blocks) for stage in stages] == [2, 2, 6, 2]
    assert stages[0].blocks[0].attn.num_heads == 3
    assert {tuple(b.window_size) for s in stages[:2] for b in s.blocks} == {(7, 7)}
    assert convolutions(encoder)[0].stride == (4, 4)
    maps = shapes(network, {"encoder": network.encoder})["encoder"]
    assert maps[2:] == ((96, 32), (192, 16), (384, 8), (768, 4))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())
    # torchvision states 28,288,354 for swin_t, at 224 pixels; less the last normalisation and the classifier
    bare = models.build("swin_unet", 3, 224).encoder
    assert count_parameters(bare) == 28_288_354 - (2 * 768 + 768 * 1000 + 1000)


def test_efficientnetv2_unet_is_the_small_one():
    network = models.build("efficientnetv2_unet", 3)
    encoder = network.encoder.model
    assert [len(stage) for stage in encoder.blocks] == [2, 4, 4, 6, 9, 15]
    fused = [[type(b).__name__ for b in stage] for stage in encoder.blocks]
    assert {k for stage in fused[1:3] for k in stage} == {"EdgeResidual"}  # Fused-MBConv
    assert {k for stage in fused[3:] for k in stage} == {"InvertedResidual"}
    # timm's card of the authors' weights states 21.5 million; less the head: 256 x 1280 + 2 x 1280 + 1280 x 1000 + 1000
    assert millions(encoder) == pytest.approx(21.5 - 1.611, abs=0.05)


def test_resnet_unet_is_a_resnet_50():
    network = models.build("resnet_unet")
    assert residual_layers(network.encoder) == 50
    maps = shapes(network, {"encoder": network.encoder})["encoder"]
    assert maps[1:] == ((64, 64), (256, 32), (512, 16), (1024, 8), (2048, 4))


# Sizes of the authors' weights for Cityscapes: smp-hub/segformer-b0-640x1280-city-160k states 3.72 million; the
# file of smp-hub/segformer-b2-1024x1024-city-160k has 109 MB, at four bytes a parameter.
@pytest.mark.parametrize(("size", "published", "width"), [("b0", 3.72, 256), ("b2", 109 / 4, 768)])
def test_segformer_has_four_strides_four_linear_layers_and_its_published_size(size, published, width):
    network = segformer.segformer(size, 3, 19)
    assert millions(network) == pytest.approx(published, rel=0.005)
    maps = shapes(network, {"encoder": network.encoder}, 3)["encoder"]
    assert [rows for _, rows in maps[-4:]] == [32, 16, 8, 4]
    layers = [m for m in network.decoder.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in layers] == [width] * 4
    assert not convolutions(network.decoder, 3)


def test_segformer_b0_against_the_study():
    small, large = models.build("segformer_b0"), unet.UNet(14, 2)
    assert millions(small) == pytest.approx(4.1, rel=0.1)  # the study's figure; 3.73 counted
    assert 4.1 / millions(large) == pytest.approx(0.13, abs=0.005)  # the study's ratio, from its own figure
    assert millions(small) / millions(large) == pytest.approx(0.13, abs=0.011)  # 0.12 counted


def test_hrnet_keeps_four_branches_and_has_its_published_size():
    network = hrnet.HRNet(3, 19)
    assert millions(network) == pytest.approx(65.8, abs=0.1)  # the authors' table for Cityscapes
    seen = shapes(network, {"branches": network.encoder.branches, "head": network.head}, 3)
    assert seen["branches"] == ((48, 32), (96, 16), (192, 8), (384, 4))
    assert seen["head"] == (19, 32)
    assert network.head[0][0].in_channels == 720


def test_hrnet_ocr_gathers_two_regions_and_has_its_published_size():
    network = hrnet_ocr.HRNetOCR(3, 19)
    assert millions(network) == pytest.approx(70.3, abs=0.1)  # Qualcomm AI Hub's card of the authors' weights
    wanted = {"regions": network.regions, "key": network.key, "query": network.query, "join": network.join}
    assert shapes(network, wanted, 3) == {"regions": (19, 32), "key": (256, 19), "query": (256, 32), "join": (512, 32)}
    assert hrnet_ocr.HRNetOCR(3).regions[-1].out_channels == 2


def test_multispectral_unet_has_a_fine_branch_and_three_downsamplings():
    network = models.build("multispectral_unet")
    assert network.fine == [1, 2, 3, 7]
    assert convolutions(network.high)[0].in_channels == 4
    assert [c.in_channels for c in convolutions(network.stem)[:1]] == [14]
    assert {c.stride for c in convolutions(network.high)} == {(1, 1)}
    strided = [c for c in convolutions(network) if c.stride != (1, 1)]
    assert [c.stride for c in strided] == [(2, 2)] * 3
    wanted = {"high": network.high, "deepest": network.down[-1], "general": network.up[-1]}
    assert shapes(network, wanted) == {"high": (128, 128), "deepest": (128, 16), "general": (128, 128)}
    assert network.classifier.in_channels == 256
    assert [u.block[0][0].in_channels for u in network.up] == [128] * 3  # additive skips
    inverted = next(m for m in network.modules() if isinstance(m, InvertedResidual))
    assert [(c.kernel_size[0], c.groups > 1) for c in convolutions(inverted)] == [(1, False), (3, True), (1, False)]
    assert type(inverted.block[-1][-1]) is nn.BatchNorm2d  # linear bottleneck
    kinds = {type(m) for m in network.modules() if not list(m.children())}
    assert kinds == {nn.Conv2d, nn.BatchNorm2d, SMU}
