"""``l4s-train simulate``: a simulated data set in the layout of Landslide4Sense."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from l4s_training.cli.tables import show

if TYPE_CHECKING:
    from l4s_training.data.patches import Patches
    from l4s_training.data.simulation.likeness import Characteristics

__all__ = ["command"]

_RECORD = "simulation.json"


@click.command("simulate")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the data set; a new one.")
@click.option("--train", default=48, show_default=True, type=click.IntRange(1), help="Patches of TrainData.")
@click.option("--valid", default=16, show_default=True, type=click.IntRange(0), help="Patches of ValidData.")
@click.option("--test", default=16, show_default=True, type=click.IntRange(0), help="Patches of TestData.")
@click.option("--train-regions", metavar="NAMES", help="Regions of TrainData, separated by commas.")
@click.option("--valid-regions", metavar="NAMES", help="Regions of ValidData.")
@click.option("--test-regions", metavar="NAMES", help="Regions of TestData.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--label-noise",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="How carelessly the masks are drawn; 0 for the truth.",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Scenes that are simulated side by side.  [default: one a processor]"
)
@click.option(
    "--compare",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Real patches with all 14 bands, labelled or not, to compare the simulated ones with; repeat for more.",
)
def command(
    out: Path,
    train: int,
    valid: int,
    test: int,
    train_regions: str | None,
    valid_regions: str | None,
    test_regions: str | None,
    seed: int,
    label_noise: float,
    jobs: int | None,
    compare: tuple[Path, ...],
) -> None:
    """Simulate labelled patches and write them to OUT/TrainData, ValidData and TestData.

    Every split shows other regions: alpine-valley, island-hills, monsoon-ghats, subtropical-range (training by
    default), dry-foothills (validation), high-mountains (test), each with its own terrain, vegetation, soil, sun and
    haze. It is for tests and for comparing methods. It is not real: simulation.json in OUT says so.
    """
    from l4s_geo.bands import BANDS
    from l4s_training.data.patches import concatenate
    from l4s_training.data.readers import read as sources
    from l4s_training.data.simulation.dataset import DEFAULT_REGIONS, Part

    real = [sources.read_unlabelled(path, BANDS) for path in compare]  # a mistake here should not cost the simulation
    splits: list[tuple[Any, int, str | None]] = [
        ("train", train, train_regions),
        ("validation", valid, valid_regions),
        ("test", test, test_regions),
    ]
    parts = {
        role: Part(count, _names(names) if names is not None else DEFAULT_REGIONS[role])
        for role, count, names in splits
        if count
    }
    _simulate(out, parts, seed, label_noise, jobs)
    if real:
        _compare(out, concatenate(real))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _simulate(out: Path, parts: dict[Any, Any], seed: int, label_noise: float, jobs: int | None) -> None:
    import json
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import ExitStack
    from dataclasses import asdict
    from importlib.metadata import version

    from rich.console import Console
    from rich.progress import Progress

    from l4s_training.data.make.write import PatchWriter, new_folder
    from l4s_training.data.roles import FOLDERS
    from l4s_training.data.simulation.dataset import simulate_patches

    folder_of = {role: name for name, role in FOLDERS.items()}
    pixels = landslide = agreed = drawn = written = 0
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder(out))
        jobs = jobs or os.cpu_count() or 1
        spawned = multiprocessing.get_context("spawn")
        workers = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=spawned)) if jobs > 1 else None
        console = Console(stderr=True)
        progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        bar = progress.add_task("Simulating", total=sum(part.count for part in parts.values()))
        writers = {role: PatchWriter(folder / folder_of[role]) for role in parts}
        for role, patch in simulate_patches(parts, seed, label_noise, workers):
            writers[role].add(patch.dn, patch.labels)
            progress.advance(bar)
            written += 1
            pixels += patch.truth.size
            landslide += int(patch.truth.sum())
            drawn += int(patch.labels.sum())
            agreed += int((patch.truth & patch.labels).sum())
        facts = {
            "simulated": True,
            "note": "Simulated patches, not observations: for tests and for comparing methods.",
            "software": f"l4s-geo {version('l4s-geo')}",
            "seed": seed,
            "label_noise": label_noise,
            "splits": {folder_of[role]: asdict(part) for role, part in parts.items()},
        }
        (folder / _RECORD).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    share, f1 = landslide / pixels, 2 * agreed / max(landslide + drawn, 1)
    ratio = f"1 : {(1 - share) / share:.0f}" if share else "no landslide"
    click.echo(
        f"{out}: {written} simulated patches, landslide to background {ratio}; F1 of the masks against the truth "
        f"{f1:.3f}."
    )


def _compare(out: Path, real: Patches) -> None:
    """Print simulated beside real patches."""
    import numpy as np
    from rich.table import Table

    from l4s_geo.bands import BANDS
    from l4s_training.data.readers import read as sources
    from l4s_training.data.simulation.likeness import STATISTICS, characteristics

    observed = characteristics(real)
    simulated = {patches.source: characteristics(patches) for patches in sources.read_all([out], BANDS, "off")}
    for name, of in STATISTICS.items():
        table = Table("band", *(f"{split}" for split in simulated), "real, median", "lowest", "highest", title=name)
        lowest, highest = np.nanmin(of(observed), 0), np.nanmax(of(observed), 0)
        medians = {split: np.nanmedian(of(found), 0) for split, found in simulated.items()}
        for i, band in enumerate(BANDS):
            shown = [
                f"{values[i]:.3f}" + ("" if lowest[i] <= values[i] <= highest[i] else " !")
                for values in medians.values()
            ]
            table.add_row(band, *shown, *(f"{v[i]:.3f}" for v in (np.nanmedian(of(observed), 0), lowest, highest)))
        show(table, 120)
    table = Table("split", "mean difference", "largest", "between", title="correlation of bands, against the real")
    for split, found in simulated.items():
        table.add_row(split, *_correlation_row(found, observed))
    show(table, 120)
    click.echo(f"Medians over patches against {len(real)} real ones; ! lies outside their range.")


def _correlation_row(found: Characteristics, observed: Characteristics) -> tuple[str, str, str]:
    import numpy as np

    from l4s_geo.bands import BANDS

    difference = np.abs(found.correlation - observed.correlation)
    i, j = np.unravel_index(np.nanargmax(difference), difference.shape)
    upper = difference[np.triu_indices(len(BANDS), 1)]
    return f"{np.nanmean(upper):.3f}", f"{difference[i, j]:.3f}", f"{BANDS[int(i)]} and {BANDS[int(j)]}"
