"""The cloud mask of Level-1C scenes, against the detector run on the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from l4s_geo import map_scene
from l4s_geo.bands import BANDS, SENSED
from l4s_geo.grid import Window, mapping_grid
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.clouds import CloudMask
from support import ORIGIN, SAMPLE, UTM

s2cloudless = pytest.importorskip("s2cloudless", reason="the extra clouds is not installed")


@pytest.fixture(params=["sample", "real"])
def reflectances(request) -> np.ndarray:
    """(dates, 24, 24, 13) float32: the sample scene with a cloud in a corner, and five dates of a real place."""
    if request.param == "real":
        return np.load(request.getfixturevalue("data") / "s2_l1c_slovenia" / "REFERENCE_SCENES.npy")[:, :24, :24]
    with rasterio.open(SAMPLE / "valley.tif") as dataset:
        bands = {band: dataset.read(BANDS.index("B8" if band == "B8A" else band) + 1) for band in SENSED}
    scene = np.stack([bands[band][:24, :24] for band in SENSED], axis=-1)
    scene[:9, :14] = 6000
    scene[:9, :14, SENSED.index("B10")] = 300
    return scene[None].astype(np.float32) / 10_000


def test_a_scene_is_masked_as_the_detector_says(reflectances, write_raster) -> None:
    """Each reflectance is repeated to 80 m pixels, so that averaging changes nothing."""
    hidden = []
    for reflectance in reflectances:
        scene = np.repeat(np.repeat(np.moveaxis(reflectance, -1, 0), 8, axis=1), 8, axis=2)
        described = open_raster(write_raster("scene.tif", scene, names=SENSED))
        mask = CloudMask(described, mapping_grid(described.grid), "reflectance")
        detector = s2cloudless.S2PixelCloudDetector(threshold=0.4, average_over=1, dilation_size=1)
        picks = [SENSED.index(b) for b in ("B1", "B2", "B4", "B5", "B8", "B8A", "B9", "B10", "B11", "B12")]
        expected = np.kron(detector.get_cloud_masks(reflectance[None][..., picks])[0], np.ones((8, 8))) > 0
        np.testing.assert_array_equal(mask.read(Window(0, 0, 192, 192)), expected)
        np.testing.assert_array_equal(mask.read(Window(13, 7, 50, 70)), expected[13:63, 7:77])
        hidden.append(expected.mean())
    assert 0 < np.mean(hidden) < 1


def test_a_cloud_is_not_mapped(red_bundle, write_raster) -> None:
    """Clear ground, and a white square with the cirrus band of a real cloud."""
    clear = dict(zip(SENSED, (1000, 800, 700, 500, 800, 1700, 2000, 2000, 2200, 900, 10, 1200, 600), strict=True))
    dn = np.stack([np.full((160, 160), clear[b]) for b in SENSED]).astype(np.uint16)
    dn[:, 40:80, 40:80] = 6000
    dn[SENSED.index("B10"), 40:80, 40:80] = 300
    dn[SENSED.index("B4"), 100:130, 100:130] = 2500
    path = write_raster("scene.tif", dn, names=SENSED, crs=UTM, transform=Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]))
    assert len(map_scene(path, bundle=red_bundle)) == 2
    assert len(map_scene(path, bundle=red_bundle, clouds=True)) == 1
