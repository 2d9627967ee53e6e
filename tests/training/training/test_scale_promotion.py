from __future__ import annotations

import numpy as np
import pytest
import torch

from l4s_geo.errors import DataError
from l4s_geo.inference import tta as views
from l4s_training.training.scale_promotion import bring_back, promote, promote_labels


@pytest.mark.parametrize("factor", [1.0, 1.3, 2.0, 2.5, 4.0])
def test_training_promotes_as_the_mapper_does(factor):
    images = np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32)
    large = promote(torch.from_numpy(images), factor)
    assert large.shape[-1] == round(16 * factor)
    np.testing.assert_allclose(large.numpy(), views.enlarge(images, factor), atol=1e-5)
    back = bring_back(large[:, 0], 16)
    np.testing.assert_allclose(back.numpy(), views.reduce(large[:, 0].numpy(), 16), atol=1e-6)


def test_labels_are_promoted_whole():
    masks = (torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    assert torch.equal(promote_labels(masks, 4), masks.repeat_interleave(4, 1).repeat_interleave(4, 2))
    odd = promote_labels(masks, 2.5)
    at = ((torch.arange(40) + 0.5) / 2.5).long()  # the old pixel under each new one's centre
    assert torch.equal(odd, masks[:, at][:, :, at])


def test_labels_come_back_as_they_were_from_whole_factors():
    masks = (torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    torch.testing.assert_close(bring_back(promote_labels(masks, 4), 16), masks)


@pytest.mark.parametrize("factor", [0.5, 0.0, float("nan"), float("inf")])
def test_promotion_only_enlarges(factor):
    with pytest.raises(DataError, match="1 or more"):
        promote(torch.zeros(1, 1, 8, 8), factor)
