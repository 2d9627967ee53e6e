"""What the papers show of a run: curves of training and validation, and pseudo-labels as they change by round."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.figures.drawing import COLOURS, axes_of, marked, save
from l4s_training.files import write_table
from l4s_training.scoring.pictures import picture
from l4s_training.training.network_run import METRICS

__all__ = ["Labelled", "draw_curves", "draw_pseudo_labels"]

_SHOWN = 4
"""Patches of the picture of pseudo-labels."""
_LANDSLIDE, _IGNORED = (0.84, 0.37, 0.0), (0.34, 0.71, 0.91)


@dataclass(frozen=True)
class Labelled:
    """The pseudo-labels of one stage."""

    stage: str
    """Name of the stage."""
    images: Patches
    """(n,) what it labels."""
    labels: NDArray[np.uint8]
    """(n, rows, cols), 0 or 1."""
    weights: NDArray[np.float32]
    """(n, rows, cols), 0 for a pixel that is ignored."""
    note: str = ""
    """What its row is marked with, see `l4s_training.data.provenance.mark`."""


def draw_curves(runs: Mapping[str, Path], folder: Path) -> None:
    """Write ``curves``: F1 on the training patches, as they are varied, and on those for validation, over the steps.

    Args:
        runs: the folders of network runs, by the names of their stages.
        folder: receives ``curves.png`` and ``curves.csv``; it exists.

    Raises:
        DataError: no run has been evaluated yet.
    """
    tables = {name: _metrics(path) for name, path in runs.items()}
    tables = {name: rows for name, rows in tables.items() if rows}
    if not tables:
        raise DataError("No network of this run has been evaluated yet; let it go on, and draw its curves then.")
    figure, axes = axes_of(8.0, 4.5)
    for number, (name, rows) in enumerate(tables.items()):
        colour = COLOURS[number % len(COLOURS)]
        for column, style, label in (("train_f1", "x--", "training"), ("f1", "o-", "validation")):
            points = [(int(row["step"]), float(row[column])) for row in rows if row.get(column)]
            if points:
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, style, markersize=4, color=colour, label=f"{name}, {label}")
    title = marked("Training and validation", [row.get("note") or "" for rows in tables.values() for row in rows])
    axes.set(xlabel="step", ylabel="F1", ylim=(0, 1), title=title)
    axes.set_xlim(left=0)
    if axes.lines:
        axes.legend(fontsize=7, ncols=2)
    save(figure, folder / "curves.png")
    columns = ("step", "loss", "train_f1", "f1", "precision", "recall", "threshold", "learning_rate", "note")
    write_table(
        folder / "curves.csv",
        ["stage", *columns],
        [[name, *(row.get(column, "") for column in columns)] for name, rows in tables.items() for row in rows],
    )


def draw_pseudo_labels(rounds: Sequence[Labelled], folder: Path) -> None:
    """Write ``pseudo-labels``: patches with the labels of each round, as far as the rounds label the same images.

    Args:
        rounds: one or more, in order.
        folder: receives ``pseudo-labels.png`` and ``pseudo-labels.csv``; it exists.
    """
    last = rounds[-1]
    shown = [r for r in rounds if r.images.source == last.images.source and len(r.labels) == len(last.labels)]
    order = np.argsort(-last.labels.reshape(len(last.labels), -1).sum(1, dtype=np.int64), kind="stable")[:_SHOWN]
    figure = Figure(figsize=(2.2 * (len(shown) + 1), 2.3 * len(order) + 0.3), layout="constrained")
    cells = figure.subplots(len(order), len(shown) + 1, squeeze=False)
    for row, index in zip(cells, order, strict=True):
        image = picture(last.images, int(index))
        row[0].imshow(image)
        row[0].set_ylabel(f"patch {last.images.numbers[index]}")
        for axes, labelled in zip(row[1:], shown, strict=True):
            axes.imshow(_coloured(image, labelled.labels[index], labelled.weights[index]))
    for axes, title in zip(cells[0], ["image", *(labelled.stage for labelled in shown)], strict=True):
        axes.set_title(title, fontsize=9)
    for axes in cells.flat:
        axes.set(xticks=[], yticks=[])
    legend = "orange: landslide; blue: ignored; the rest: background"
    figure.supxlabel(marked(legend, [labelled.note for labelled in shown]), fontsize=8)
    save(figure, folder / "pseudo-labels.png")
    write_table(
        folder / "pseudo-labels.csv",
        ["round", "stage", "images", "landslide_share", "used_share", "changed_share", "note"],
        [_row(number, rounds) for number in range(len(rounds))],
    )


def _row(number: int, rounds: Sequence[Labelled]) -> list[object]:
    """Return what a round labelled, and the share of the pixels that differ from the round before."""
    own, before = rounds[number], rounds[number - 1] if number else None
    same = before is not None and before.labels.shape == own.labels.shape and before.images.source == own.images.source
    changed = round(float((before.labels != own.labels).mean()), 6) if same and before is not None else ""
    used = own.weights > 0
    landslide = float(own.labels[used].mean()) if used.any() else 0.0
    shares = round(landslide, 6), round(float(used.mean()), 6), changed
    return [number + 1, own.stage, len(own.labels), *shares, own.note]


def _coloured(
    image: NDArray[np.float32], labels: NDArray[np.uint8], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    out = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    out[labels > 0] = _LANDSLIDE
    out[weights == 0] = _IGNORED
    return out


def _metrics(folder: Path) -> list[dict[str, str]]:
    path = folder / METRICS
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
