"""What an earlier scene gains, through the same call as l4s-map.

    python benchmarks/before_and_after.py --data ../shared/data --bundle rgb

prints three tables. The first: what is found between any two dates of places without landslides, m²/km², with and
without the earlier date, by rdNDVI and, from red, green and blue alone, by visible greenness, and the same with a DEM
where there is one. The second: the scores at Iburi against the hand-traced inventory of its west (see
`iburi_inventory`), with and without the image of the early spring before. The third: what a comparison costs, on a
mosaic of Iburi's image, where landslides are dense, and on one of the Mekong's plain, where there are none, each
compared with itself a little changed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from rasterio.features import rasterize

import l4s_geo
from l4s_geo.bands import BANDS, RGB
from l4s_geo.errors import L4SError
from l4s_training.export.card.scenes import RealScene, iburi, landslide_free
from l4s_training.scoring.metrics import Scores
from measuring import measure, table


def sites(data: Path, folder: Path) -> Iterator[tuple[str, list[RealScene]]]:
    """Yield the places that are there on several dates, with their scenes."""
    plain = landslide_free(data, folder)
    yield "Slovenia", [s for s in plain if s.name.startswith("Slovenia")]
    punjab = [s for s in plain if s.name.startswith("Punjab")]
    for level in ("L1C", "L2A"):
        scenes = [RealScene(s.name, _with_infrared(s.scene)) for s in punjab if s.name.endswith(level)]
        yield f"Punjab {level}", scenes
    files = sorted((data / "s2_l1c_l2a_barbellino").glob("*_[TB]OA_10.tif"))
    for level in ("L1C", "L2A"):
        marked = f"{level[1]}{level[2]}_"
        names = BANDS[:9] + BANDS[9 + (level == "L2A") : 12]
        yield (
            f"Barbellino {level}",
            [
                RealScene(f"Barbellino {f.name[6:14]}, {level}", _named(f, names, folder))
                for f in files
                if f.name[3:6] == marked
            ],
        )


def _named(path: Path, names: tuple[str, ...], folder: Path) -> str:
    """Copy a raster with names of its bands."""
    with rasterio.open(path) as dataset:
        values, profile = dataset.read(), dataset.profile
    with rasterio.open(folder / path.name, "w", **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = names
    return str(folder / path.name)


def _with_infrared(scene: str | dict[str, str]) -> dict[str, str]:
    files = dict(scene)
    return files | {"B8": str(Path(files["B4"]).with_name("B8.tif"))}


def found(after: RealScene, before: RealScene | None, folder: Path, **options: object) -> float:
    """Return the area of what is found, m² for each km² mapped."""
    raster = folder / "probability.tif"
    earlier = before and before.scene
    landslides = l4s_geo.map_scene(after.scene, before=earlier, probability=raster, dem=after.dem, **options)
    with rasterio.open(raster) as dataset:
        mapped = np.isfinite(dataset.read(1)).sum() * 1e-4
    return float(landslides.area_m2.sum() / mapped) if mapped else float("nan")


def visible(scene: RealScene, folder: Path) -> RealScene:
    """Return a scene with red, green and blue alone."""
    if isinstance(scene.scene, dict):
        return RealScene(scene.name, {band: scene.scene[band] for band in RGB}, scene.dem)
    path = folder / f"visible_{Path(scene.scene).name}"
    with rasterio.open(scene.scene) as dataset:
        names = list(dataset.descriptions)
        picks = [names.index(band) + 1 for band in RGB] if "B4" in names else [4, 3, 2]
        values, profile = dataset.read(picks), dataset.profile | {"count": 3}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)
        for index, band in enumerate(RGB, start=1):
            dataset.set_band_description(index, band)
    return RealScene(scene.name, str(path), scene.dem)


def false_alarms(data: Path, folder: Path, bundle: str, only: str) -> None:
    """Print the table of places without landslides, of those later scenes whose names begin with a text."""
    columns = ("after", "before", "without", "rdNDVI", "greenness", "without, DEM", "rdNDVI, DEM", "greenness, DEM")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for _, scenes in sites(data, folder):
        plain: dict[tuple[str, bool], str] = {}
        for scene in (s for s in scenes if s.name.startswith(only)):
            plain[scene.name, False] = _cell(replace(scene, dem=None), None, folder, bundle)
            plain[scene.name, True] = _cell(scene, None, folder, bundle) if scene.dem else ""
        for after, before in permutations(scenes, 2):
            if not after.name.startswith(only):
                continue
            cells = []
            for terrain in (False, True):
                one = after if terrain else replace(after, dem=None)
                cells.append(plain[after.name, terrain])
                for pair in ((one, before), (visible(one, folder), visible(before, folder))):
                    cells.append(_cell(*pair, folder, bundle) if after.dem or not terrain else "")
            print(f"| {after.name} | {before.name} | {' | '.join(cells)} |", flush=True)


def _cell(after: RealScene, before: RealScene | None, folder: Path, bundle: str) -> str:
    """Return what is found as text, or why nothing can be."""
    try:
        return f"{found(after, before, folder, bundle=bundle):,.0f}"
    except L4SError as error:
        unclear = ("can be compared", "is recognised")
        return "nothing clear" if any(words in str(error) for words in unclear) else type(error).__name__


def at_iburi(data: Path, folder: Path, bundle: str) -> None:
    """Print the table of Iburi: all that was read, and the part of it that the earlier image shows too."""
    after, before = iburi(data)
    inventory = data / "iburi_2018" / "inventory_west.gpkg"
    layers = {name: gpd.read_file(inventory, layer=name).geometry for name in ("scar", "deposit", "maybe", "read_area")}
    ways = {"with": {"before": before.scene}, "with, --all": {"before": before.scene, "only_new": False}, "without": {}}
    found, mapped = {}, {}
    for name, options in ways.items():
        raster = folder / "probability.tif"
        found[name] = l4s_geo.map_scene(after.scene, dem=after.dem, probability=raster, bundle=bundle, **options)
        with rasterio.open(raster) as dataset:
            grid, mapped[name] = (dataset.shape, dataset.transform), np.isfinite(dataset.read(1))

    def burn(shapes: gpd.GeoSeries) -> np.ndarray:
        shapes = shapes.to_crs(found["with"].crs)
        return rasterize(shapes, *grid[:1], transform=grid[1]).astype(bool) if len(shapes) else np.zeros(grid[0], bool)

    scar, deposit, maybe, read = (burn(layers[name]) for name in ("scar", "deposit", "maybe", "read_area"))
    read &= ~(maybe & ~scar & ~deposit)
    print("| run | ground | polygons | scar + deposit | scar | high confidence outside, m²/km² |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, landslides in found.items():
        detected, sure = burn(landslides.geometry), burn(landslides.geometry[landslides.confidence == "high"])
        for ground, shown in (("both dates", mapped["with"]), ("all", mapped["without"])):
            both, alone = read & shown, read & shown & ~(deposit & ~scar)
            pairs = ((both, scar | deposit), (alone, scar))
            scores = [Scores.of(detected[judged], truth[judged].astype(np.uint8)) for judged, truth in pairs]
            cells = [f"{s.f1:.3f} ({s.precision:.3f} / {s.recall:.3f})" for s in scores]
            area, outside = both.sum() * 1e-4, sure[~read & shown].mean() * 1e6
            print(f"| {name} | {ground}, {area:.1f} km² | {len(landslides)} | {' | '.join(cells)} | {outside:,.0f} |")


def mosaic(data: Path, folder: Path, name: str, side: int) -> tuple[Path, Path]:
    """Write a large scene, made of a small one again and again, and the same on another day."""
    if name == "Iburi":
        part = np.stack([_read(data / "iburi_2018" / "post" / f"{band}.tif") for band in RGB])[:, 300:800, 250:750]
    else:
        paths = [sorted((data / "s2_l2a_mekong").rglob(f"{band}.tif"))[0] for band in ("B04", "B03", "B02")]
        part = np.stack([_read(path) for path in paths])
    times = -(-side // part.shape[1])
    values = np.tile(part, (1, times, times))[:, :side, :side].astype(np.uint16)
    rng = np.random.default_rng(0)
    other = (values * 0.9 + 40 + rng.normal(0, 10, values.shape)).clip(1, 20_000).astype(np.uint16)
    paths = folder / f"{name}_after.tif", folder / f"{name}_before.tif"
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": side, "width": side, "tiled": True}
    for path, dn in zip(paths, (values, other), strict=True):
        grid = {"crs": "EPSG:32654", "transform": Affine(10, 0, 500_000, 0, -10, 4_740_000)}
        with rasterio.open(path, "w", **profile, **grid) as dataset:
            dataset.write(dn)
            dataset.descriptions = RGB
    return paths


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def work(after: Path, before: Path | None, out: Path, bundle: str) -> int:
    """Map in a process of its own."""
    return len(l4s_geo.map_scene(after, before=before, out=out, bundle=bundle))


def cost(data: Path, folder: Path, bundle: str, side: int) -> None:
    """Print the table of what a comparison costs."""
    rows = []
    for name in ("Iburi", "Mekong"):
        after, before = mosaic(data, folder, name, side)
        alone, pair = (measure(work, after, b, folder / "out.gpkg", bundle) for b in (None, before))
        rows.append((f"{name}, {side} × {side}", alone.cpu_seconds, pair.cpu_seconds, alone.peak_gib, pair.peak_gib))
        rows[-1] += (pair.cpu_seconds / alone.cpu_seconds, pair.peak_gib / alone.peak_gib)
    table(("scene", "CPU s without", "with", "GiB without", "with", "times as long", "times the memory"), rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--only", choices=["free", "iburi", "cost"], help="one of the tables")
    parser.add_argument("--after", default="", help="of the first table, later scenes whose names begin so")
    parser.add_argument("--side", type=int, default=3000, help="rows and columns of the mosaics")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.only in (None, "free"):
            false_alarms(arguments.data, Path(name), arguments.bundle, arguments.after)
        if arguments.only in (None, "iburi"):
            at_iburi(arguments.data, Path(name), arguments.bundle)
        if arguments.only in (None, "cost"):
            cost(arguments.data, Path(name), arguments.bundle, arguments.side)


if __name__ == "__main__":
    main()
