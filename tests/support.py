"""What tests build their inputs from."""

from __future__ import annotations

import hashlib
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from affine import Affine

UTM = "EPSG:32645"
ORIGIN = (300_000.0, 3_100_000.0)
TRANSFORM = Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])

SAMPLE = Path(__file__).resolve().parents[1] / "sample_scenes"
"""The simulated scene that comes with the repository."""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let this process write no file of more than so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def sample_patches() -> tuple[np.ndarray, np.ndarray]:
    """Cut the sample scene into patches: (16, 14, 128, 128) uint16 raw values and (16, 128, 128) bool landslides."""
    import geopandas as gpd
    import rasterio
    from rasterio.features import rasterize

    with rasterio.open(SAMPLE / "valley.tif") as dataset:
        dn, transform = dataset.read(), dataset.transform
    outlines = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides").geometry
    landslides = rasterize(outlines, dn.shape[1:], transform=transform, dtype="uint8")
    whole = np.concatenate([dn, landslides[None]])
    patches = whole.reshape(15, 4, 128, 4, 128).transpose(1, 3, 0, 2, 4).reshape(16, 15, 128, 128)
    return patches[:, :14], patches[:, 14] > 0


def make_bundle(folder: Path, bands: tuple[str, ...], kind: str, slope: float = 10.0, shift: float = -20.0) -> Path:
    """Write a bundle whose logit is slope · x + shift, with x the first band as its normalisation leaves it."""
    return make_ensemble(folder, bands, (slope,), kind=kind, shift=shift)


def make_ensemble(
    folder: Path,
    bands: tuple[str, ...],
    slopes: tuple[float, ...],
    weights: tuple[float, ...] = (1.0,),
    scales: tuple[float, ...] = (1.0,),
    kind: str = "fixed",
    shift: float = 0.0,
) -> Path:
    """Write a bundle of several networks, each with logit slope · x + shift."""
    from l4s_geo.bundles.bundle import Bundle, Member
    from l4s_geo.bundles.item import write_bundle
    from l4s_geo.normalize import Statistics

    n = len(bands)
    files, members = {}, []
    for number, (slope, weight, scale) in enumerate(zip(slopes, weights, scales, strict=True)):
        name = f"linear{number}.onnx" if len(slopes) > 1 else "linear.onnx"
        files[name] = linear_network(n, slope, shift, round(128 * scale))
        digest = hashlib.sha256(files[name]).hexdigest()
        statistics = Statistics((0.0,) * n, (1.0,) * n)
        members.append(Member(name, digest, "linear", bands, kind, statistics, weight, scale))
    bundle = Bundle(folder.name, "1.0.0", "A bundle for tests", bands, tuple(members), threshold=0.5)
    write_bundle(bundle, files, folder)
    return folder


def linear_network(bands: int, slope: float, shift: float, side: int = 128) -> bytes:
    """An ONNX network: (n, bands, side, side) → logit (n, 1, side, side) = slope · first band + shift."""
    from onnx import TensorProto, checker, helper

    weights = np.zeros((1, bands, 1, 1), np.float32)
    weights[0, 0] = slope
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w", "b"], ["logit"])],
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", bands, side, side])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1, side, side])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("b", TensorProto.FLOAT, (1,), [shift]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()


def aspect_of(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The direction that ground faces, degrees clockwise from north, by its rise; NaN where it is flat."""
    return np.where((east == 0) & (north == 0), np.nan, np.degrees(np.arctan2(-east, -north)) % 360)


def labelled(mask: np.ndarray, folder: Path, min_pixels: int = 1, connectivity: int = 4, transform: Affine = TRANSFORM):
    """The components of a mask held in memory."""
    from rasterio.crs import CRS

    from l4s_geo.grid import Grid
    from l4s_geo.inventory.vectorize import components

    grid = Grid(CRS.from_user_input(UTM), transform, *mask.shape)
    path = Path(tempfile.mkdtemp(dir=folder)) / "labels.tif"
    return components(lambda w: mask[w.slices], grid, path, min_pixels, connectivity)


def labels_of(found) -> np.ndarray:
    """The labels of components, whole."""
    out = np.zeros(found.grid.shape, np.int32)
    for strip, labels in found.strips():
        out[strip.slices] = labels
    return out


def row_file(layers: np.ndarray, folder: Path):
    """Layers (bands, rows, cols) as a file of rows."""
    from l4s_geo.output.scratch_raster import ScratchRaster

    rows = ScratchRaster(Path(tempfile.mkdtemp(dir=folder)) / "layers.f32", layers.shape[0], layers.shape[2])
    rows.append(layers.astype(np.float32))
    return rows


def surface_of(stack, model, folder: Path, **how) -> np.ndarray:
    """What `predict` says of a whole stack: (layers, rows, cols)."""
    from l4s_geo.inference.predict import PredictSettings, predict
    from l4s_geo.output.resume import ResumeStore

    parts = ResumeStore(Path(tempfile.mkdtemp(dir=folder)) / "scene", "", resume=False)
    return predict(stack, model, parts, PredictSettings(**how)).layers.read(stack.grid.whole)


NEWNESS_WEIGHTS = (0.8, -0.7, -6.0, 0.0, 0.0, -8.0, -2.0)
"""Coefficients of the model of newness that tests use; see `l4s_geo.change.evidence.FEATURES`."""


def add_newness(bundle: Path, folder: Path, indices: tuple[str, ...] = ("rdndvi", "greenness")) -> Path:
    """Write a copy of a bundle that has models of newness too."""
    from dataclasses import replace

    from l4s_geo.bundles.bundle import Bundle
    from l4s_geo.bundles.item import read_bundle, write_bundle
    from l4s_geo.bundles.newness import Newness
    from l4s_geo.change.evidence import FEATURES

    plain: Bundle = read_bundle(bundle)
    data = logistic_network(NEWNESS_WEIGHTS, -3.0)
    digest = hashlib.sha256(data).hexdigest()
    models = tuple(Newness(f"newness-{index}.onnx", digest, index, 0.4, FEATURES) for index in indices)
    files = {member.file: plain.network(member) for member in plain.members} | {m.file: data for m in models}
    write_bundle(replace(plain, newness=models), files, folder)
    return folder


def logistic_network(weights: tuple[float, ...], intercept: float) -> bytes:
    """An ONNX model: evidence (n, features) to logits (n, 1)."""
    from onnx import TensorProto, checker, helper

    n = len(weights)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["evidence", "w", "b"], ["logit"])],
        "newness",
        [helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["n", n])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, (n, 1), weights),
            helper.make_tensor("b", TensorProto.FLOAT, (1,), [intercept]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()
