"""What teaching takes, and what a map with a taught bundle costs beside one with its base.

    python benchmarks/bench_teach.py --iburi ../shared/data/iburi_2018 --turns 3

Teaches the default bundle on the sample scene, 12 bands with a DEM, on 100,352 labelled pixels, and, if it is there, on
Iburi's three bands with a DEM in a square of 1.28 km. Then each scene is mapped in turns by the base and by what was
taught. Everything runs in a process of its own; of the turns the quickest counts, since other programs only ever slow
a turn down.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import l4s_geo
from l4s_geo.bundles.taught import Taught
from measuring import Measured, measure, table

SAMPLE = Path(__file__).resolve().parents[1] / "sample_scenes"
SUN = (150.0, 45.0)


@dataclass(frozen=True)
class Case:
    """A scene, and what is labelled on it."""

    name: str
    inputs: Mapping[str, Any]
    """What describes the scene, by the keywords of `l4s_geo.map_scene`."""
    labels: str
    area: str
    sun: tuple[float, float]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iburi", type=Path, help="folder of the Iburi scene, if it is there")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    cases = [sample(), *([iburi(arguments.iburi)] if arguments.iburi else [])]
    rows = []
    with TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            rows.append(row(case, Path(folder) / f"taught-{number}", arguments.turns))
    print(f"{os.cpu_count()} CPUs; seconds of processor time, in brackets as the clock has them")
    header = ("scene", "features", "labelled pixels", "teach", "map, base", "map, taught", "ratio of processor time")
    table((*header, "ratio by the clock"), rows)


def sample() -> Case:
    """The sample scene, whose north was looked at."""
    inputs = {"scene": str(SAMPLE / "valley.tif"), "dem": str(SAMPLE / "valley_dem.tif")}
    return Case("sample", inputs, str(SAMPLE / "valley_reference.gpkg"), "420000,3088040,425120,3090000", SUN)


def iburi(data: Path) -> Case:
    """Iburi's later date, west; scars alone, in a square in which all was read."""
    inputs = {"scene": {b: str(data / "post" / f"{b}.tif") for b in ("B2", "B3", "B4")}, "dem": str(data / "dsm.tif")}
    area = "575400,4731680,576680,4732960"
    return Case("Iburi", inputs, f"{data / 'inventory_west.gpkg'}|layername=scar", area, (165.0, 31.0))


def row(case: Case, out: Path, turns: int) -> tuple[Any, ...]:
    """Teach, and map in turns."""
    taught = measure(teach, case, str(out))
    pairs = [(measure(mapped, case, "rgb"), measure(mapped, case, str(out))) for _ in range(turns)]
    base, ours = (min(side, key=lambda m: m.cpu_seconds) for side in zip(*pairs, strict=True))
    quickest = [min(m.seconds for m in side) for side in zip(*pairs, strict=True)]
    known: Taught = taught.result
    pixels = round((known.landslide_m2 + known.background_m2) / 100)
    ratios = (ours.cpu_seconds / base.cpu_seconds, quickest[1] / quickest[0])
    return (case.name, len(known.features), f"{pixels:,}", *(seconds(m) for m in (taught, base, ours)), *ratios)


def seconds(measured: Measured) -> str:
    """Processor time, and time by the clock."""
    return f"{measured.cpu_seconds:.1f} ({measured.seconds:.1f})"


def teach(case: Case, out: str) -> Taught | None:
    """Teach the default bundle."""
    return l4s_geo.teach(**case.inputs, labels=case.labels, area=case.area, sun=case.sun, out=out, device="cpu").taught


def mapped(case: Case, bundle: str) -> int:
    """Map, and count the landslides."""
    return len(l4s_geo.map_scene(**case.inputs, bundle=bundle, device="cpu"))


if __name__ == "__main__":
    main()
