"""Encoders that begin with weights published on the Hugging Face Hub, by timm or segmentation-models-pytorch.

Hardly a paper of the competition says what its networks began with. The recipes begin with random weights;
``pretrained: true`` begins with these. The weights are of three-channel photographs: for other bands the first
convolution is repeated over the bands and scaled, as timm does (`timm.models.adapt_input_conv`), and the position
biases of a Swin Transformer are interpolated to its window. Files are read as tensors alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from l4s_geo.errors import DataError

__all__ = ["DOWNLOAD", "WEIGHTS", "PublishedWeights", "load_pretrained", "read_weights"]

DOWNLOAD = "true"
"""In the place of a path: download the weights."""

_NOT_LEARNED = ("num_batches_tracked", "relative_position_index", "attn_mask")
_SUFFIXES = (".safetensors", ".pth", ".bin")


@dataclass(frozen=True)
class PublishedWeights:
    """Where the weights of a network's encoder are, and where they go."""

    repository: str
    """On the Hugging Face Hub; its file is ``model.safetensors``."""
    encoder: str = "encoder"
    """The network's submodule that they are of."""

    @property
    def name(self) -> str:
        """The repository's own name, which files in a folder of weights carry."""
        return self.repository.rpartition("/")[2]


_RESNET50 = PublishedWeights("timm/resnet50.a1_in1k")
_HRNET = PublishedWeights("timm/hrnet_w48.ms_in1k", "encoder.branches")

WEIGHTS: dict[str, PublishedWeights] = {
    "swin_unet": PublishedWeights("timm/swin_tiny_patch4_window7_224.ms_in1k", "encoder.model"),
    "efficientnetv2_unet": PublishedWeights("timm/tf_efficientnetv2_s.in21k_ft_in1k", "encoder.model"),
    "resnet_unet": _RESNET50,
    "segformer": PublishedWeights("smp-hub/mit_b2.imagenet"),
    "segformer_b0": PublishedWeights("smp-hub/mit_b0.imagenet"),
    "hrnet": _HRNET,
    "hrnet_ocr": _HRNET,
    "pspnet": _RESNET50,
    "deeplab_v2": PublishedWeights("timm/resnet101.a1h_in1k"),
    "deeplab_v3": _RESNET50,
    "deeplab_v3plus": _RESNET50,
    "unet-resnet18": PublishedWeights("timm/resnet18.a1_in1k"),
    "unet-resnet34": PublishedWeights("timm/resnet34.a1_in1k"),
}
"""The weights of each network's encoder, by the network's name without options."""


def read_weights(network: str, source: str) -> dict[str, Tensor]:
    """Return the published weights of a network's encoder.

    Args:
        network: its name, without options.
        source: `DOWNLOAD`, the path of a file, or of a folder with a file that is named after the weights.

    Raises:
        DataError: there are none for this network, the network or the file is not there, or the file is damaged.
    """
    if network not in WEIGHTS:
        raise DataError(
            f"Network {network!r} has no published weights to begin with; those that have are {', '.join(WEIGHTS)}."
        )
    published = WEIGHTS[network]
    return _downloaded(published) if source == DOWNLOAD else _read(_file(published, Path(source)))


def load_pretrained(network: nn.Module, name: str, tensors: Mapping[str, Tensor]) -> None:
    """Give a network's encoder published weights, in place.

    Args:
        network: of `l4s_training.models`, without options.
        name: its name there.
        tensors: of `read_weights`.

    Raises:
        DataError: the weights are another network's.
    """
    encoder = network.get_submodule(WEIGHTS[name].encoder)
    # Where a network gives its feature maps, timm joins the names of its layers by other signs.
    theirs = {_plain(key): tensor for key, tensor in tensors.items()}
    with torch.no_grad():
        for key, own in encoder.state_dict().items():
            if key.endswith(_NOT_LEARNED):
                continue
            given = theirs.get(_plain(key))
            fitted = None if given is None else _fitted(given, own)
            if fitted is None:
                found = "none" if given is None else f"one of shape {tuple(given.shape)}"
                raise DataError(
                    f"The weights given for {name} hold {found} for {key}, which has the shape {tuple(own.shape)}; "
                    f"give those of {WEIGHTS[name].repository}."
                )
            own.copy_(fitted)


def _fitted(given: Tensor, own: Tensor) -> Tensor | None:
    """Bring a tensor to another number of bands or another window; None where it is of another network."""
    import timm.models
    from timm.layers.pos_embed_rel import resize_rel_pos_bias_table

    if given.shape == own.shape:
        return given
    if given.ndim == own.ndim == 4 and given.shape[1] == 3 and given.shape[::2] == own.shape[::2]:
        adapted: Tensor = timm.models.adapt_input_conv(own.shape[1], given)
        return adapted
    if given.ndim == own.ndim == 2 and given.shape[1] == own.shape[1] and (side := _side(own)) and _side(given):
        window = ((side + 1) // 2,) * 2  # a bias for every offset within the window
        table: Tensor = resize_rel_pos_bias_table(given, new_window_size=window, new_bias_shape=own.shape)
        return table
    return None


def _side(table: Tensor) -> int | None:
    """Return the side of a square table of position biases (side², heads); None for any other tensor."""
    side = round(len(table) ** 0.5)
    return side if side * side == len(table) and side % 2 else None


def _plain(key: str) -> str:
    return key.replace(".", "_")


def _file(published: PublishedWeights, source: Path) -> Path:
    """Return the file that a path means."""
    candidates = [source] if source.is_file() else [source / f"{published.name}{suffix}" for suffix in _SUFFIXES]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise DataError(
            f"{source} is neither a file of weights nor a folder that holds {published.name}.safetensors; download "
            f"model.safetensors from https://huggingface.co/{published.repository} and name it."
        )
    return found


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, LookupError) as error:
        first = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read as weights ({first}); download it again.") from error
    whole: dict[Any, Any] = content if isinstance(content, dict) else {}
    tensors: Any = whole.get("state_dict") or whole.get("model") or whole
    return {str(key): value for key, value in tensors.items() if isinstance(value, Tensor)}


def _downloaded(published: PublishedWeights) -> dict[str, Tensor]:
    from timm.models import load_state_dict_from_hf

    try:
        return dict(load_state_dict_from_hf(published.repository) or {})
    except (OSError, RuntimeError, ValueError) as error:  # the Hub's errors are of these
        first = " ".join(str(error).split())[:160]
        raise DataError(
            f"The weights {published.repository} cannot be downloaded ({first}); allow the network to reach "
            f"huggingface.co, or give their file as `pretrained`, downloaded from "
            f"https://huggingface.co/{published.repository}."
        ) from error
