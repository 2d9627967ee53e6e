"""Band sets by name, as the papers count them, and principal components in place of bands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from l4s_geo.bands import BANDS, RGB, TERRAIN
from l4s_geo.errors import DataError
from l4s_geo.normalize import normalize
from l4s_training.data import bandsets
from l4s_training.data.patches import Patches
from l4s_training.data.projection import Projected, principal_components
from l4s_training.data.statistics import statistics_of_patches


@pytest.mark.parametrize(
    ("name", "count"),  # outcome-2022, Table III; study-2023, Table 1
    [
        *(("RGB", 3), ("SWIR", 3), ("NGB", 3), ("RGB+NIR", 4), ("RGB+SWIR", 6), ("RGB+NIR+SWIR", 7), ("all", 14)),
        *(("RGB+height", 5), ("RGB+height+NIR", 6), ("PCA-3", 14)),
    ],
)
def test_a_set_has_as_many_bands_as_in_its_paper(name, count):
    bands = bandsets.parse(name)
    assert len(bands) == len(set(bands)) == count
    assert set(bands) <= set(BANDS)
    assert bandsets.parse(name.lower()) == bands


def test_bands_are_parsed_in_order():
    assert bandsets.parse("b04, slope,B2") == ("B4", "slope", "B2")


@pytest.mark.parametrize("text", ["", "B4,B8A", "B4,B04", "red"])
def test_a_wrong_list_of_bands_is_refused(text):
    with pytest.raises(DataError, match="--bands is"):
        bandsets.parse(text)


def test_height_means_slope_and_elevation():
    assert bandsets.parse("RGB+height") == (*RGB, *TERRAIN)


def test_only_pca_is_projected():
    assert bandsets.components("pca-3") == 3
    assert [name for name in bandsets.BAND_SETS if bandsets.components(name)] == ["PCA-3"]
    assert bandsets.components("B4,B3,B2") is None


@pytest.mark.parametrize(
    ("text", "message"), [("RGB+NRI", "did you mean RGB"), ("B4,B8A", "one of the sets all, RGB"), ("", "expected")]
)
def test_a_wrong_set_is_refused_with_the_nearest_one(text, message):
    with pytest.raises(DataError, match=rf"--write-bands is .*{message}"):
        bandsets.parse(text, "--write-bands")


@pytest.fixture
def patches() -> Patches:
    """Six bands that are mixtures of four independent ones."""
    rng = np.random.default_rng(0)
    values = np.einsum("bs,nsrc->nbrc", rng.normal(size=(6, 4)), rng.normal(size=(70, 4, 8, 8))).astype(np.float32)
    masks = np.zeros((70, 8, 8), np.uint8)
    return Patches(values, masks, np.arange(70), np.arange(70), np.zeros(70, np.float32), BANDS[:6], "made up")


def test_components_are_those_of_a_singular_value_decomposition(patches):
    statistics = statistics_of_patches(patches, "fixed")
    components = principal_components(patches, "fixed", statistics, 3)
    z = normalize(patches.values, "fixed", statistics).swapaxes(0, 1).reshape(6, -1).astype(np.float64)
    _, singular, vectors = np.linalg.svd((z - z.mean(1, keepdims=True)).T, full_matrices=False)
    expected = vectors[:3] / (singular[:3, None] / np.sqrt(z.shape[1]))
    signs = np.sign((components * expected).sum(1))
    assert np.allclose(components, expected * signs[:, None], atol=1e-4)
    projected = components @ z
    assert np.allclose(np.cov(projected), np.eye(3), atol=1e-3)
    assert (components[np.arange(3), np.abs(components).argmax(1)] > 0).all()


def test_more_components_than_independent_bands_are_refused(patches):
    statistics = statistics_of_patches(patches, "fixed")
    with pytest.raises(DataError, match="fewer than 5 independent bands"):
        principal_components(patches, "fixed", statistics, 5)
    with pytest.raises(DataError, match="7 principal components of 6 bands"):
        principal_components(patches, "fixed", statistics, 7)


def test_a_projected_network_sees_the_components_and_its_state_holds_them(patches):
    components = principal_components(patches, "fixed", statistics_of_patches(patches, "fixed"), 3)
    network = Projected(nn.Conv2d(3, 1, 3, padding=1), components)
    x = torch.randn(2, 6, 8, 8)
    seen = torch.einsum("kb,nbrc->nkrc", torch.from_numpy(components), x)
    assert torch.allclose(network(x), network.network(seen), atol=1e-5)
    assert all(p is not network.components for p in network.parameters())
    other = Projected(nn.Conv2d(3, 1, 3, padding=1), np.zeros((3, 6), np.float32))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), network(x))
