"""The same network over the same raster: this project beside libraries that tile and blend.

    pip install monai tiler
    python benchmarks/bench_peers.py --sizes 2196 5490

Peers, each as its documentation shows it, with the bundle's network in ONNX Runtime, windows of the same size, 32
pixels of overlap and the same normalisation: MONAI's `sliding_window_inference` (Gaussian weights) and Tiler's
`Tiler` and `Merger` (Hann weights). Both blend arrays, so reading with rasterio before and polygons (rasterio's
`shapes`, GeoPackage) after them are written out here. *Lost* counts valid pixels without a probability.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from bench_map import write_scene
from l4s_geo import load_bundle, map_scene
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.inference.devices import onnxruntime
from l4s_geo.normalize import normalize
from measuring import measure, table

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

OVERLAP, BATCH = 32, 16


def ours(scene: Path, folder: Path, bundle: str) -> tuple[int, int]:
    """Map with l4s; return the number of polygons and of lost pixels."""
    found = map_scene(
        scene, bundle=bundle, overlap=OVERLAP, out=folder / "i.gpkg", probability=folder / "p.tif", device="cpu"
    )
    with rasterio.open(folder / "p.tif") as dataset:
        return len(found), int(np.isnan(dataset.read(1)).sum())


def monai(scene: Path, folder: Path, bundle: str) -> tuple[int, int]:
    """Map with MONAI."""
    import torch
    from monai.inferers import sliding_window_inference

    values, network, threshold = prepared(scene, bundle)

    def predictor(windows: Any) -> Any:
        return torch.from_numpy(network(windows.numpy())[:, None])

    probability = sliding_window_inference(
        torch.from_numpy(values)[None], 128, BATCH, predictor, overlap=OVERLAP / 128, mode="gaussian"
    )
    return polygonised(scene, folder, probability[0, 0].numpy(), threshold)


def tiler(scene: Path, folder: Path, bundle: str) -> tuple[int, int]:
    """Map with Tiler."""
    from tiler import Merger, Tiler

    values, network, threshold = prepared(scene, bundle)
    tiles = Tiler(
        values.shape, (len(values), 128, 128), overlap=(0, OVERLAP, OVERLAP), channel_dimension=0, mode="reflect"
    )
    blended = Tiler((1, *values.shape[1:]), (1, 128, 128), overlap=(0, OVERLAP, OVERLAP), channel_dimension=0)
    merger = Merger(blended, window="hann")
    for number, windows in tiles.iterate(values, batch_size=BATCH):
        merger.add_batch(number, BATCH, network(np.ascontiguousarray(windows))[:, None])
    return polygonised(scene, folder, merger.merge(unpad=True)[0], threshold)


def prepared(scene: Path, bundle: str) -> tuple[NDArray[np.float32], Network, float]:
    """Read a raster whole; return its values in L4S units, the network from windows to probabilities, the threshold."""
    model = load_bundle(bundle, "cpu")
    (member,) = model.bundle.members
    with rasterio.open(scene) as dataset:
        values = dataset.read([BANDS.index(b) + 1 for b in member.bands]).astype(np.float32)
    values /= scale_of(member.bands).astype(np.float32)[:, None, None]
    ort = onnxruntime()
    session = ort.InferenceSession(model.bundle.network(member), providers=["CPUExecutionProvider"])

    def network(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        (logits,) = session.run(None, {"image": normalize(windows, member.normalization, member.statistics)})
        out: NDArray[np.float32] = 1 / (1 + np.exp(-logits[:, 0]))
        return out

    return values, network, model.threshold


def polygonised(scene: Path, folder: Path, probability: NDArray[np.float32], threshold: float) -> tuple[int, int]:
    """Write raster and polygons as scripts do."""
    with rasterio.open(scene) as dataset:
        profile, transform, crs = dataset.profile, dataset.transform, dataset.crs
    profile.update(count=1, dtype="float32", compress="deflate", predictor=3, num_threads="all_cpus", nodata=np.nan)
    with rasterio.open(folder / "p.tif", "w", **profile) as dataset:
        dataset.write(probability.astype(np.float32), 1)
    mask = probability >= threshold
    outlines = [shapely.geometry.shape(g) for g, _ in shapes(mask.astype(np.uint8), mask=mask, transform=transform)]
    frame = gpd.GeoDataFrame(geometry=[o for o in outlines if o.area >= 500], crs=crs)
    frame.to_file(folder / "i.gpkg")
    return len(frame), int(np.isnan(probability).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2196])
    parser.add_argument("--bundle", default="rgb", help="with one network")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in arguments.sizes:
            scene = write_scene(folder / f"{size}.tif", size)
            for work in (ours, monai, tiler):
                try:
                    measured = measure(work, scene, folder, arguments.bundle)
                except ImportError as error:
                    print(f"{work.__name__}: {error}")
                    continue
                polygons, lost = measured.result
                rows.append((size, work.__name__, measured.seconds, measured.peak_gib, polygons, lost))
            scene.unlink()
    table(("pixels a side", "by", "seconds", "peak, GiB", "polygons", "lost pixels"), rows)


if __name__ == "__main__":
    main()
