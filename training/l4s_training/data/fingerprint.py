"""Digests of patches, by which they are known wherever they lie and however they are packed."""

from __future__ import annotations

import hashlib

import numpy as np

from l4s_training.data.patches import Patches

__all__ = ["fingerprint", "image_digests"]

_BATCH = 64


def image_digests(patches: Patches) -> list[str]:
    """Return a digest of each image, without its labels: of its bands' values as they are read."""
    found = []
    for start in range(0, len(patches), _BATCH):
        windows = patches.windows(np.arange(start, min(start + _BATCH, len(patches))))
        found += [hashlib.blake2b(window.tobytes(), digest_size=8).hexdigest() for window in windows]
    return found


def fingerprint(patches: Patches) -> str:
    """Return one digest of all that a training depends on: images, masks, weights, numbers and ids, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for image in image_digests(patches):
        digest.update(image.encode())
    for array in (patches.masks, patches.numbers, patches.ids, patches.quantum):
        digest.update(repr((array.shape, patches.bands, patches.labelled)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    if patches.weights is not None:
        digest.update(patches.weights.tobytes())
    return digest.hexdigest()
