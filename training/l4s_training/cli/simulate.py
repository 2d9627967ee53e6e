"""``l4s-train simulate``: a simulated data set in the layout of Landslide4Sense."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli.tables import show

if TYPE_CHECKING:
    from l4s_training.data.patches import Patches
    from l4s_training.data.roles import Role
    from l4s_training.data.simulation.dataset import Part, SimulatedPatch
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

    real = [sources.read_unlabelled(path, BANDS) for path in compare]  # a mistake here should not cost the simulation
    parts = _parts({"train": train, "validation": valid, "test": test}, (train_regions, valid_regions, test_regions))
    counts = _simulate(out, parts, seed, label_noise, jobs or os.cpu_count() or 1)
    click.echo(f"{out}: {counts.said()}")
    if real:
        _compare(out, concatenate(real))


def _parts(counts: dict[Role, int], regions: tuple[str | None, ...]) -> dict[Role, Part]:
    """Return the splits that have patches."""
    from l4s_training.data.simulation.dataset import DEFAULT_REGIONS, Part

    parts = {}
    for (role, count), names in zip(counts.items(), regions, strict=True):
        if count:
            parts[role] = Part(count, DEFAULT_REGIONS[role] if names is None else _names(names))
    return parts


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass
class _Counts:
    """Pixels of the patches simulated so far."""

    patches: int = 0
    pixels: int = 0
    landslide: int = 0
    """Landslide pixels in truth."""
    drawn: int = 0
    """Landslide pixels of the masks."""
    agreed: int = 0
    """Landslide pixels of both."""

    def add(self, patch: SimulatedPatch) -> None:
        self.patches += 1
        self.pixels += patch.truth.size
        self.landslide += int(patch.truth.sum())
        self.drawn += int(patch.labels.sum())
        self.agreed += int((patch.truth & patch.labels).sum())

    def said(self) -> str:
        share, f1 = self.landslide / self.pixels, 2 * self.agreed / max(self.landslide + self.drawn, 1)
        ratio = f"1 : {(1 - share) / share:.0f}" if share else "no landslide"
        return (
            f"{self.patches} simulated patches, landslide to background {ratio}; F1 of the masks against the truth "
            f"{f1:.3f}."
        )


def _simulate(out: Path, parts: dict[Role, Part], seed: int, label_noise: float, jobs: int) -> _Counts:
    """Write the data set, or nothing."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import ExitStack

    from rich.console import Console
    from rich.progress import Progress

    from l4s_training.data.make.write import PatchWriter, new_folder
    from l4s_training.data.simulation.dataset import simulate_patches

    counts = _Counts()
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder(out))
        spawned = multiprocessing.get_context("spawn")
        workers = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=spawned)) if jobs > 1 else None
        console = Console(stderr=True)
        progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        bar = progress.add_task("Simulating", total=sum(part.count for part in parts.values()))
        writers = {role: PatchWriter(folder / _folder_of(role)) for role in parts}
        for role, patch in simulate_patches(parts, seed, label_noise, workers):
            writers[role].add(patch.dn, patch.labels)
            counts.add(patch)
            progress.advance(bar)
        _record(folder, parts, seed, label_noise)
    return counts


def _folder_of(role: Role) -> str:
    from l4s_training.data.roles import FOLDERS

    return next(name for name, other in FOLDERS.items() if other == role)


def _record(folder: Path, parts: dict[Role, Part], seed: int, label_noise: float) -> None:
    """Write what was simulated, and that it was."""
    import json
    from importlib.metadata import version

    facts = {
        "simulated": True,
        "note": "Simulated patches, not observations: for tests and for comparing methods.",
        "software": f"l4s-geo {version('l4s-geo')}",
        "seed": seed,
        "label_noise": label_noise,
        "splits": {_folder_of(role): asdict(part) for role, part in parts.items()},
    }
    (folder / _RECORD).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


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
        table = Table("band", *simulated, "real, median", "lowest", "highest", title=name)
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
