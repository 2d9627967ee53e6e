"""Mean and deviation per band of a set of patches, which are read in batches.

Separated normalisation (the competition's first place) standardises every domain with statistics of its own: of the
training set, of the target set.
"""

from __future__ import annotations

import numpy as np

from l4s_geo.errors import DataError
from l4s_geo.moments import Moments
from l4s_geo.normalize import Normalization, Statistics, median_scaled
from l4s_training.data.patches import Patches

__all__ = ["domain_statistics", "statistics_of_patches"]

_BATCH = 64


def statistics_of_patches(patches: Patches, kind: Normalization) -> Statistics:
    """Compute what `l4s_geo.normalize.normalize` needs for these patches, as `statistics_of` does for arrays.

    Args:
        patches: the set.
        kind: the normalisation that the statistics are for.

    Raises:
        DataError: there is no patch, or a band has no valid pixel or only one value.
    """
    moments = Moments.none(len(patches.bands))
    for start in range(0, len(patches), _BATCH):
        x = patches.windows(np.arange(start, min(start + _BATCH, len(patches))))
        moments += Moments.of((median_scaled(x) if kind == "window" else x).swapaxes(0, 1))
    if not (moments.std > 0).all():
        flat = ", ".join(band for band, std in zip(patches.bands, moments.std, strict=True) if not std > 0)
        raise DataError(
            f"{patches.source} gives no mean and deviation of {flat} over {len(patches)} patches: no pixel is valid, "
            "or all have one value; check the data or leave the band out."
        )
    return Statistics(tuple(moments.mean.tolist()), tuple(moments.std.tolist()))


def domain_statistics(patches: Patches, kind: Normalization, training: Statistics) -> Statistics:
    """Return the statistics that patches are normalised with.

    Args:
        patches: the set, one domain.
        kind: the normalisation.
        training: those of the training set.

    Returns:
        For ``domain`` normalisation the set's own, else those of the training set.
    """
    return statistics_of_patches(patches, kind) if kind == "domain" else training
