"""Networks by name.

A network takes ``(n, bands, rows, cols) float32``, normalised, and returns ``(n, 1, rows, cols) float32`` logits.
An architecture is one module that lists its variants as `Architecture` in ``NETWORKS``.

A name may carry options, joined by ``+``, as in ``swin_unet+image-head`` or ``segformer+cross-sensor``, so that a
run's ``config.json`` needs nothing but the name to make the same network again:

``image-head``
    an image-level head on the deepest features (`image_head`), for the U-shaped and SegFormer networks;
``mc-dropout``
    dropout after the first convolution that can be switched on at inference (`mc_dropout`);
``cross-sensor``
    every batch normalisation keeps statistics of source and target (`cross_sensor`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from l4s_geo.bands import BANDS
from l4s_geo.errors import DataError
from l4s_training.models import (
    contextnet,
    cross_sensor,
    deeplab_v2,
    deeplab_v3,
    deeplab_v3plus,
    encoder_unet,
    fcn8s,
    frrn,
    hrnet,
    hrnet_ocr,
    linknet,
    mc_dropout,
    multispectral_unet,
    pspnet,
    resunet,
    segformer,
    sqnet,
    unet,
)
from l4s_training.models.image_head import ImageHead
from l4s_training.models.network import Architecture
from l4s_training.models.pretrained import load_pretrained

__all__ = ["NETWORKS", "OPTIONS", "Architecture", "build", "parse"]

_MODULES = (
    *(fcn8s, pspnet, contextnet, deeplab_v2, deeplab_v3, deeplab_v3plus, linknet, frrn, sqnet, unet, resunet),
    *(encoder_unet, segformer, hrnet, hrnet_ocr, multispectral_unet),
)

_EVERY = [architecture for module in _MODULES for architecture in module.NETWORKS]

NETWORKS: dict[str, Architecture] = {a.name: a for a in sorted(_EVERY, key=lambda a: "l4s" not in a.used_by)}
"""Every architecture by its name: this project's own, then the benchmark's and the competition's."""

OPTIONS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "image-head": ImageHead,
    "mc-dropout": mc_dropout.insert,
    "cross-sensor": cross_sensor.convert,
}
"""What an option makes of a network, in the order in which options are applied."""


def parse(name: str) -> tuple[Architecture, tuple[str, ...]]:
    """Take a name apart into the architecture and its options.

    Raises:
        DataError: there is no network or no option of that name.
    """
    base, *options = name.split("+")
    if base not in NETWORKS:
        raise DataError(f"There is no network {base!r}; expected one of {', '.join(NETWORKS)}.")
    for option in options:
        if option not in OPTIONS:
            raise DataError(f"Network {name!r} has the option {option!r}; expected one of {', '.join(OPTIONS)}.")
    return NETWORKS[base], tuple(option for option in OPTIONS if option in options)


def build(
    name: str, bands: int | tuple[str, ...] = BANDS, window: int = 128, pretrained: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """Make a network, freshly initialised.

    Args:
        name: one of `NETWORKS`, with options or without.
        bands: the input bands in order, or how many there are.
        window: rows and columns of a window; some networks are made for one size.
        pretrained: published weights that its encoder begins with (`l4s_training.models.pretrained`).

    Raises:
        DataError: there is no such network, or it does not allow the option, the window or the weights.
    """
    architecture, options = parse(name)
    module = architecture.build(bands, window)
    if pretrained is not None:
        load_pretrained(module, architecture.name, pretrained)
    for option in options:
        try:
            module = OPTIONS[option](module)
        except (TypeError, ValueError) as error:
            raise DataError(f"{architecture.name} does not take the option {option!r}: {error}") from error
    return module
