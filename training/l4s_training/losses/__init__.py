"""Losses for a landslide class that fills a few per cent of the pixels, and their weighted sums.

Every loss of pixels takes

- logits (n, rows, cols), any floating type; half precision is computed in float32;
- targets (n, rows, cols) in 0 to 1;
- weight (n, rows, cols), not negative, or None for 1 everywhere. A pixel of weight 0 is ignored: neither its
  logit nor its target matters, and its gradient is zero. Means are Σ w·l / Σ w; where a loss is of sets or ranks
  (Lovász, the hardest pixels' ranks), a pixel counts or does not;

and returns a scalar, 0 where every pixel is ignored.

| name               | loss                                                                                      |
| ------------------ | ----------------------------------------------------------------------------------------- |
| ``ce``             | cross-entropy                                                                             |
| ``weighted-ce``    | with landslides weighted by a fixed ratio, or per image (Ghorbanzadeh et al. 2022, eq. 3) |
| ``soft-ce``        | with smoothed labels (Szegedy et al. 2016)                                                |
| ``focal``          | Lin et al. 2017                                                                           |
| ``ohem``           | of the hardest pixels only (Shrivastava et al. 2016)                                      |
| ``image-ce``       | of the image's logit: is there any landslide (Ghorbanzadeh et al. 2022, eq. 2)            |
| ``dice``           | Milletari et al. 2016                                                                     |
| ``jaccard``        | Rahman, Wang 2016                                                                         |
| ``lovasz-hinge``   | Berman et al. 2018                                                                        |
| ``lovasz-softmax`` | Berman et al. 2018                                                                        |
"""

from l4s_training.losses.cross_entropies import (
    cross_entropy,
    focal,
    image_cross_entropy,
    ohem,
    soft_cross_entropy,
    weighted_cross_entropy,
)
from l4s_training.losses.lovasz import lovasz_hinge, lovasz_softmax
from l4s_training.losses.objective import LOSSES, Objective, Term
from l4s_training.losses.overlap import dice, jaccard

__all__ = [
    "LOSSES",
    "Objective",
    "Term",
    "cross_entropy",
    "dice",
    "focal",
    "image_cross_entropy",
    "jaccard",
    "lovasz_hinge",
    "lovasz_softmax",
    "ohem",
    "soft_cross_entropy",
    "weighted_cross_entropy",
]
