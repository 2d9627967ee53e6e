"""What the papers show of data: statistics of each domain, the ratio of the classes, the spectra of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from l4s_geo.errors import DataError
from l4s_geo.moments import Moments
from l4s_training.data.patches import Patches
from l4s_training.figures.drawing import COLOURS, axes_of, marked, save
from l4s_training.files import write_table

__all__ = ["Domain", "domain_of", "draw_domains"]

_BATCH = 64
_CLASSES = ("background", "landslide")


@dataclass(frozen=True)
class Domain:
    """The pixels of one domain: of the training patches, of those for validation, of a file."""

    name: str
    bands: tuple[str, ...]
    patches: int
    """Number of patches."""
    whole: Moments
    """Of all pixels, per band."""
    classes: tuple[Moments, Moments] | None
    """Of the background's and of the landslides' pixels; None without labels."""
    pixels: tuple[int, int] | None
    """Number of background and landslide pixels; None without labels."""
    note: str = ""
    """What its rows are marked with, see `l4s_training.data.provenance.mark`."""


def domain_of(patches: Patches, name: str, note: str = "") -> Domain:
    """Read the patches of a domain once, in batches.

    Args:
        patches: one or more, labelled or not.
        name: for the figures.
        note: what its rows are marked with.

    Raises:
        DataError: there is no patch.
    """
    if not len(patches):
        raise DataError(f"{patches.source} holds no patch to show; name data that does.")
    count = len(patches.bands)
    whole, background, landslide = (Moments.none(count) for _ in range(3))
    for start in range(0, len(patches), _BATCH):
        index = np.arange(start, min(start + _BATCH, len(patches)))
        values = patches.windows(index).swapaxes(0, 1).reshape(count, -1)
        truth = patches.masks[index].ravel() > 0
        whole += Moments.of(values)
        if patches.labelled:
            background += Moments.of(values[:, ~truth])
            landslide += Moments.of(values[:, truth])
    if not patches.labelled:
        return Domain(name, patches.bands, len(patches), whole, None, None, note)
    positive = int((patches.masks > 0).sum())
    pixels = (patches.masks.size - positive, positive)
    return Domain(name, patches.bands, len(patches), whole, (background, landslide), pixels, note)


def draw_domains(domains: Sequence[Domain], folder: Path) -> list[str]:
    """Write ``statistics``, ``classes`` and ``spectra``, each as PNG and CSV; the latter two need labels.

    Args:
        domains: of the same bands.
        folder: receives the files; it exists.

    Returns:
        The names of the figures.
    """
    _draw_statistics(domains, folder)
    labelled = [domain for domain in domains if domain.pixels]
    if not labelled:
        return ["statistics"]
    _draw_classes(labelled, folder)
    _draw_spectra(labelled, folder)
    return ["statistics", "classes", "spectra"]


def _draw_statistics(domains: Sequence[Domain], folder: Path) -> None:
    """Mean and standard deviation of each band in each domain  (first-place-2022, Fig. 2)."""
    bands = domains[0].bands
    figure, axes = axes_of(max(6.0, 0.7 * len(bands)), 4.0)
    width = 0.8 / len(domains)
    at = np.arange(len(bands))
    for number, domain in enumerate(domains):
        axes.bar(
            at + (number - (len(domains) - 1) / 2) * width,
            domain.whole.mean,
            width,
            yerr=domain.whole.std,
            error_kw={"elinewidth": 0.8},
            color=COLOURS[number % len(COLOURS)],
            label=f"{domain.name} ({domain.patches})",
        )
    axes.set_xticks(at, bands)
    _title(axes, "Bands by domain", "mean ± standard deviation, in the units of the data", domains)
    axes.legend()
    save(figure, folder / "statistics.png")
    write_table(
        folder / "statistics.csv",
        ["domain", "patches", "band", "mean", "std", "pixels", "note"],
        [
            [domain.name, domain.patches, band, *_numbers(domain.whole, position), domain.note]
            for domain in domains
            for position, band in enumerate(bands)
        ],
    )


def _draw_classes(domains: Sequence[Domain], folder: Path) -> None:
    """Landslide pixels to one another: how many of a hundred, and background pixels to one of landslide."""
    figure, axes = axes_of(max(4.0, 1.6 * len(domains)), 4.0)
    rows = []
    for number, domain in enumerate(domains):
        background, landslide = domain.pixels or (0, 0)
        share = landslide / max(background + landslide, 1)
        ratio = background / landslide if landslide else None
        shares = round(share, 6), _ratio(ratio, 2)
        rows.append([domain.name, domain.patches, background, landslide, *shares, domain.note])
        axes.bar(number, 100 * share, 0.6, color=COLOURS[number % len(COLOURS)])
        text = f"1 : {ratio:.0f}" if ratio is not None else "none"
        axes.annotate(text, (number, 100 * share), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks(range(len(domains)), [domain.name for domain in domains])
    axes.margins(y=0.15)
    _title(axes, "Landslide to background", "landslide pixels, %", domains)
    save(figure, folder / "classes.png")
    header = [
        "domain",
        "patches",
        "background_pixels",
        "landslide_pixels",
        "landslide_share",
        "background_per_landslide",
        "note",
    ]
    write_table(folder / "classes.csv", header, rows)


def _draw_spectra(domains: Sequence[Domain], folder: Path) -> None:
    """Mean of each band over the pixels of either class  (benchmark-2022, Fig. 7)."""
    bands = domains[0].bands
    figure, axes = axes_of(max(6.0, 0.6 * len(bands)), 4.0)
    at, rows = np.arange(len(bands)), []
    for number, domain in enumerate(domains):
        for name, moments, style in zip(_CLASSES, domain.classes or (), ("--", "-"), strict=True):
            mean = np.where(moments.count > 0, moments.mean, np.nan)
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(at, mean, style, marker="o", markersize=3, color=colour, label=f"{domain.name}, {name}")
            rows += [
                [domain.name, name, band, *_numbers(moments, position), domain.note]
                for position, band in enumerate(bands)
            ]
    axes.set_xticks(at, bands)
    _title(axes, "Bands by class", "mean, in the units of the data", domains)
    axes.legend(fontsize=8)
    save(figure, folder / "spectra.png")
    write_table(folder / "spectra.csv", ["domain", "class", "band", "mean", "std", "pixels", "note"], rows)


def _title(axes: Axes, title: str, label: str, domains: Sequence[Domain]) -> None:
    axes.set(ylabel=label, title=marked(title, (domain.note for domain in domains)))


def _numbers(moments: Moments, band: int) -> tuple[float | str, float | str, int]:
    pixels = int(moments.count[band])
    if not pixels:
        return "", "", 0
    return round(float(moments.mean[band]), 6), round(float(moments.std[band]), 6), pixels


def _ratio(value: float | None, digits: int) -> float | str:
    return "" if value is None else round(value, digits)
