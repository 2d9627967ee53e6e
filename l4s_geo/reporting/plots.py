"""What a report's plots show, as numbers: the page draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from l4s_geo.evaluation.curve import Curve
from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.sizes import Fit, Sizes
from l4s_geo.reporting.landslides import Landslides

__all__ = ["Plot", "Series", "evaluation_plots", "inventory_plots", "size_plot"]

_SIZE_BINS = 24
_LINE = 60


@dataclass(frozen=True)
class Series:
    """Points, a line, or bars."""

    label: str
    """Key of its text."""
    x: list[float]
    y: list[float]
    kind: str = "line"
    """"line", "points" or "bars"."""
    colour: int = 0
    """Number of its colour."""
    dashed: bool = False
    """Whether the line is broken."""


@dataclass(frozen=True)
class Plot:
    """A plot."""

    name: str
    """Key of its texts: NAME, NAME_x, NAME_y."""
    series: tuple[Series, ...]
    log: bool = False
    """Whether both axes are logarithmic."""
    square: bool = False
    """Whether both axes go from 0 to 1."""

    def plain(self) -> dict[str, Any]:
        """Return it JSON-serialisable."""
        series = [{**vars(s), "x": _rounded(s.x), "y": _rounded(s.y)} for s in self.series]
        return {**vars(self), "series": series}


def inventory_plots(found: Landslides, sizes: Sizes | None) -> list[Plot]:
    """Return the plots of an inventory: sizes, slope, aspect, elevation, as far as they are known."""
    plots = [size_plot([("series_inventory", found.area, sizes)])] if len(found) else []
    for name, column, step in (("slope", "slope_mean_deg", 5.0), ("elevation", "elevation", 0.0)):
        if found.known(column):
            plots.append(_histogram(name, found.number(column), found.area, step))
    if found.known("aspect_deg"):
        plots.append(_aspect(found.number("aspect_deg")))
    return plots


def size_plot(sides: list[tuple[str, NDArray[np.float64], Sizes | None]]) -> Plot:
    """Return the frequency densities of areas, with the distributions fitted to them.

    Args:
        sides: text, (n,) areas in m², and fits of each inventory.
    """
    series: list[Series] = []
    for number, (label, area, sizes) in enumerate(sides):
        x, y = _density(area)
        series.append(Series(label, x, y, "points", number))
        if sizes is not None:
            kept = int((area >= sizes.unit).sum()) / max(len(area), 1)
            series += _fitted(sizes, float(area.max()), kept, number, label)
    return Plot("sizes", tuple(series), log=True)


def evaluation_plots(found: Evaluation) -> list[Plot]:
    """Return the plots of a comparison: sizes of both sides, and of probabilities if they are known."""
    areas = (found.shared.mapped_area, found.shared.reference_area)
    labels = ("series_inventory", "series_reference")
    sides = [(label, a, s) for label, a, s in zip(labels, areas, found.sizes, strict=True) if len(a)]
    plots = [size_plot(sides)]
    if found.curve is not None:
        plots += [_precision_recall(found.curve), _reliability(found.curve)]
    return plots


def _histogram(name: str, values: NDArray[np.float64], area: NDArray[np.float64], step: float) -> Plot:
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    step = step or _nice((high - low) / 12)
    edges = np.arange(math.floor(low / step), math.floor(high / step) + 2) * step
    counts, _ = np.histogram(values, edges)
    return Plot(name, (Series("series_count", (edges[:-1] + step / 2).tolist(), counts.tolist(), "bars"),))


def _aspect(values: NDArray[np.float64]) -> Plot:
    values = values[np.isfinite(values)]
    eighth = (np.floor((values + 22.5) / 45).astype(np.int64)) % 8
    counts = np.bincount(eighth, minlength=8)
    return Plot("aspect", (Series("series_count", list(map(float, range(8))), counts.tolist(), "bars"),))


def _density(area: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Frequency density (1/m²) in bins of equal width of the logarithm; empty bins are left out."""
    area = area[area > 0]
    if not len(area):
        return [], []
    low, high = math.log10(area.min()), math.log10(area.max())
    bins = max(1, min(_SIZE_BINS, round(2 * math.sqrt(len(area)))))
    edges = np.logspace(low, high + 1e-9, bins + 1) if high > low else np.array([area[0] * 0.9, area[0] * 1.1])
    counts, _ = np.histogram(area, edges)
    kept = counts > 0
    middle = np.sqrt(edges[:-1] * edges[1:])[kept]
    return middle.tolist(), (counts[kept] / np.diff(edges)[kept] / len(area)).tolist()


def _fitted(sizes: Sizes, largest: float, kept: float, colour: int, label: str) -> list[Series]:
    """The inverse gamma from the minimum mapping unit on, the power law from its cutoff on."""
    x = np.logspace(math.log10(sizes.unit), math.log10(max(largest, sizes.unit * 1.01)), _LINE)
    gamma = kept * _inverse_gamma(x, sizes.inverse_gamma, sizes.unit)
    tail = np.logspace(math.log10(sizes.cutoff), math.log10(max(largest, sizes.cutoff * 1.01)), _LINE)
    alpha = sizes.power_law.parameters["alpha"]
    # The share of landslides above the cutoff, as the other curve sees it, ties the two together.
    above = kept * _share_above(sizes.cutoff, sizes.inverse_gamma, sizes.unit)
    power = above * (alpha - 1) / sizes.cutoff * (tail / sizes.cutoff) ** -alpha
    side = label.removeprefix("series_")
    return [
        Series(f"series_gamma_{side}", x.tolist(), gamma.tolist(), "line", colour),
        Series(f"series_power_{side}", tail.tolist(), power.tolist(), "line", colour, dashed=True),
    ]


def _inverse_gamma(x: NDArray[np.float64], fit: Fit, unit: float) -> NDArray[np.float64]:
    rho, a, s = (fit.parameters[name] for name in ("rho", "a", "s"))
    density: NDArray[np.float64] = stats.invgamma.pdf(x, rho, loc=s, scale=a)
    return density / max(float(special.gammainc(rho, a / (unit - s))), 1e-300)


def _share_above(area: float, fit: Fit, unit: float) -> float:
    rho, a, s = (fit.parameters[name] for name in ("rho", "a", "s"))
    whole, part = (float(special.gammainc(rho, a / (least - s))) for least in (unit, area))
    return float(part / max(whole, 1e-300))


def _precision_recall(curve: Curve) -> Plot:
    _, precision, recall = curve.points()
    kept = np.isfinite(precision)
    x, y = recall[kept][::-1], precision[kept][::-1]
    places = np.unique(np.linspace(0, len(x) - 1, 200).astype(int))
    return Plot("curve", (Series("series_curve", x[places].tolist(), y[places].tolist()),), square=True)


def _reliability(curve: Curve) -> Plot:
    rows = curve.reliability().rows()
    said, true = [p for _, p, _ in rows], [s for _, _, s in rows]
    ideal = Series("series_ideal", [0.0, 1.0], [0.0, 1.0], "line", 2, dashed=True)
    return Plot("reliability", (Series("series_reliability", said, true, "points"), ideal), square=True)


def _nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(step, 1e-9)))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= step * (1 - 1e-9))


def _rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
