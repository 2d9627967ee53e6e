"""Mean and deviation per band of many patches, read in batches: of a whole set (a domain) or of each split.

Separated normalisation (the competition's first place) standardises every domain with statistics of its own: of the
training set, of the target set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization, Statistics, median_scaled
from l4s_training.data.patches import Patches

__all__ = ["domain_statistics", "statistics_of_patches"]

_BATCH = 64


def statistics_of_patches(patches: Patches, kind: Normalization, index: NDArray[np.int64] | None = None) -> Statistics:
    """Compute what `l4s_geo.normalize.normalize` needs for these patches, as `statistics_of` does for arrays.

    Batches are merged by the pairwise update of Chan, Golub & LeVeque (1983), so that nothing cancels.

    Args:
        patches: the set.
        kind: the normalisation that the statistics are for.
        index: (m,) positions in the set; None for all.

    Raises:
        DataError: there is no patch, or a band has no valid pixel or only one value.
    """
    index = np.arange(len(patches)) if index is None else index
    bands = len(patches.bands)
    count, mean, squares = np.zeros(bands), np.zeros(bands), np.zeros(bands)
    for start in range(0, len(index), _BATCH):
        x = patches.windows(index[start : start + _BATCH])
        values = (median_scaled(x) if kind == "window" else x).swapaxes(0, 1).reshape(bands, -1).astype(np.float64)
        valid = ~np.isnan(values)
        n = valid.sum(1)
        centre = np.where(valid, values, 0).sum(1) / np.maximum(n, 1)
        spread = np.square(np.where(valid, values - centre[:, None], 0)).sum(1)
        total, shift = np.maximum(count + n, 1), centre - mean
        squares += spread + np.square(shift) * count * n / total
        mean += shift * n / total
        count += n
    deviation = np.sqrt(squares / np.maximum(count, 1))
    if not (deviation > 0).all():
        flat = ", ".join(band for band, d in zip(patches.bands, deviation, strict=True) if not d > 0)
        raise DataError(
            f"{patches.source} gives no mean and deviation of {flat} over {len(index)} patches: no pixel is valid, or "
            "all have one value; check the data or leave the band out."
        )
    return Statistics(tuple(mean.tolist()), tuple(deviation.tolist()))


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
