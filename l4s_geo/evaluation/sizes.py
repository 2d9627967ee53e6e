"""The sizes of the landslides of an inventory: their frequency-area distribution, fitted by maximum likelihood.

Three distributions of areas from the minimum mapping unit on: the power law, the power law with an exponential cutoff
(Clauset, Shalizi, Newman 2009, SIAM Review 51, 661-703), and the inverse gamma of Malamud et al. (2004, Earth Surface
Processes and Landforms 29, 687-711), here conditioned on areas from that unit on. Intervals are percentiles of a
bootstrap. The *landslide-event magnitude* mLS follows Tanyas, Allstadt, van Westen (2018, ESPL 43, 1834-1847): how the
tail of the inventory stands to that of Malamud's general distribution, in powers of ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, special, stats

__all__ = [
    "GENERAL",
    "Fit",
    "Sizes",
    "event_magnitude",
    "fit_inverse_gamma",
    "fit_power_law",
    "fit_sizes",
    "fit_truncated",
]

Areas = NDArray[np.float64]

GENERAL = (1.40, 1.28e3, -132.0)
"""Shape rho, scale a (m²) and shift s (m²) of the general distribution of Malamud et al. (2004), their equation 3."""

LEAST = 30
"""Landslides without which no distribution is fitted."""

_BINS = 400
_DRAWS = 200
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Fit:
    """A distribution of areas with its parameters."""

    parameters: dict[str, float]
    """The parameters by name."""
    intervals: dict[str, tuple[float, float]]
    """Their intervals of 95 %."""
    log_likelihood: float
    """Sum of the logarithms of the density (1/m²) at the areas."""


@dataclass(frozen=True)
class Sizes:
    """The frequency-area distribution of an inventory."""

    count: int
    """Landslides of at least `unit`."""
    unit: float
    """The minimum mapping unit, m²."""
    cutoff: float
    """Area from which the sizes follow a power law, m²: where it fits best by Kolmogorov's and Smirnov's distance."""
    power_law: Fit
    """alpha: the exponent of the density above `cutoff`."""
    truncated: Fit
    """alpha, and rate (1/m²) of the exponential cutoff, above `cutoff`."""
    inverse_gamma: Fit
    """rho, a (m²) and s (m²), above `unit`."""
    magnitude: tuple[float, float, float]
    """The landslide-event magnitude mLS, and its interval of 95 %."""


@dataclass(frozen=True)
class _Binned:
    """Areas as counts at a few places, so that a likelihood costs the same for a hundred and for a million."""

    places: Areas
    counts: Areas

    @classmethod
    def of(cls, areas: Areas) -> _Binned:
        """Put areas at their own places if these are few, else at the geometric means of narrow bins."""
        places, counts = np.unique(areas, return_counts=True)
        if len(places) > _BINS:
            edges = np.linspace(0, np.log(places[-1] / places[0]) * (1 + 1e-12), _BINS + 1)
            logs = np.log(areas / places[0])
            which = np.digitize(logs, edges) - 1
            counts = np.bincount(which, minlength=_BINS)
            sums = np.bincount(which, logs, minlength=_BINS)
            kept = counts > 0
            places, counts = places[0] * np.exp(sums[kept] / counts[kept]), counts[kept]
        return cls(places.astype(np.float64), counts.astype(np.float64))

    def draw(self, random: np.random.Generator) -> _Binned:
        """Draw as many areas again, with replacement."""
        total = int(self.counts.sum())
        counts = random.multinomial(total, self.counts / total).astype(np.float64)
        kept = counts > 0
        return _Binned(self.places[kept], counts[kept])


def fit_sizes(areas: Areas, unit: float, seed: int = 0) -> Sizes | None:
    """Fit the distributions to an inventory.

    Args:
        areas: (n,) areas, m².
        unit: the minimum mapping unit, m²; smaller landslides are left aside.
        seed: of the bootstrap.

    Returns:
        The fits; None if fewer than 30 landslides are left, or all have one size.
    """
    kept = areas[areas >= unit]
    if len(kept) < LEAST or kept.min() == kept.max():
        return None
    cutoff = power_law_cutoff(kept)
    tail = kept[kept >= cutoff]
    random = np.random.default_rng(seed)
    draws = [_Binned.of(tail).draw(random) for _ in range(_DRAWS)]
    magnitudes = [_magnitude(_alpha(draw, cutoff), len(tail), cutoff, float(tail.max())) for draw in draws]
    low, high = np.percentile(magnitudes, _INTERVAL)
    return Sizes(
        count=len(kept),
        unit=unit,
        cutoff=cutoff,
        power_law=fit_power_law(tail, cutoff, seed),
        truncated=fit_truncated(tail, cutoff, seed),
        inverse_gamma=fit_inverse_gamma(kept, unit, seed),
        magnitude=(event_magnitude(tail, cutoff), float(low), float(high)),
    )


def fit_power_law(areas: Areas, least: float, seed: int = 0) -> Fit:
    """Fit the density (alpha - 1) / least * (x / least) ** -alpha to areas of at least `least`, by its closed form.

    Args:
        areas: (n,) areas, m², all at least `least`.
        least: where the distribution begins, m².
        seed: of the bootstrap.
    """

    def solve(data: _Binned, start: Areas | None) -> Areas:
        return np.array([_alpha(data, least)])

    def density(x: Areas, p: Areas) -> Areas:
        log: Areas = math.log((p[0] - 1) / least) - p[0] * np.log(x / least)
        return log

    return _fit(areas, ("alpha",), solve, density, seed)


def fit_truncated(areas: Areas, least: float, seed: int = 0) -> Fit:
    """Fit a density proportional to x ** -alpha * exp(-rate * x) to areas of at least `least`.

    Args:
        areas: (n,) areas, m², all at least `least`.
        least: where the distribution begins, m².
        seed: of the bootstrap.
    """

    def density(x: Areas, p: Areas) -> Areas:
        alpha, rate = p
        log: Areas = -math.log(least) - _log_tail(alpha, rate * least) - alpha * np.log(x / least) - rate * x
        return log

    def solve(data: _Binned, start: Areas | None) -> Areas:
        if start is None:
            start = np.array([_alpha(data, least), 0.1 / data.places[-1]])

        def loss(q: Areas) -> float:
            return -float(data.counts @ density(data.places, np.array([q[0], math.exp(q[1])])))

        bounds = [(-2.0, 10.0), (math.log(1e-6 / data.places[-1]), math.log(10 / least))]
        first = np.array([start[0], math.log(max(start[1], 2e-6 / data.places[-1]))])
        best = _lowest(loss, first, bounds)
        return np.array([best[0], math.exp(best[1])])

    return _fit(areas, ("alpha", "rate"), solve, density, seed)


def fit_inverse_gamma(areas: Areas, unit: float, seed: int = 0) -> Fit:
    """Fit the inverse gamma distribution of Malamud et al. (2004), equation 3, conditioned on areas of at least `unit`.

    Args:
        areas: (n,) areas, m², all at least `unit`.
        unit: the minimum mapping unit, m².
        seed: of the bootstrap.
    """

    def density(x: Areas, p: Areas) -> Areas:
        rho, a, s = p
        tail = special.gammainc(rho, a / (unit - s))
        scale = rho * math.log(a) - special.gammaln(rho) - math.log(max(tail, 1e-300))
        log: Areas = scale - (rho + 1) * np.log(x - s) - a / (x - s)
        return log

    def solve(data: _Binned, start: Areas | None) -> Areas:
        def unpack(q: Areas) -> Areas:
            return np.array([math.exp(q[0]), math.exp(q[1]), unit - math.exp(q[2])])

        def loss(q: Areas) -> float:
            return -float(data.counts @ density(data.places, unpack(q)))

        rho, a, s = (1.4, float(np.average(data.places, weights=data.counts)) / 2, -132.0) if start is None else start
        bounds = [
            (math.log(0.05), math.log(20)),
            (math.log(1.0), math.log(1e8)),
            (math.log(1e-3), math.log(2 * unit + 132)),
        ]
        first = np.array([math.log(rho), math.log(a), math.log(max(unit - s, 2e-3))])
        return unpack(_lowest(loss, first, bounds))

    return _fit(areas, ("rho", "a", "s"), solve, density, seed)


def power_law_cutoff(areas: Areas) -> float:
    """Find the area from which a power law fits best (Clauset et al. 2009, section 3.3).

    Args:
        areas: (n,) areas, m².

    Returns:
        Of at most 200 candidates among the areas, the one above which the greatest distance of the cumulative
        distributions, the inventory's and the fitted law's, is smallest; at least 30 landslides lie above it.
    """
    ordered = np.sort(areas)
    candidates = np.unique(ordered[: max(len(ordered) - LEAST, 1)])
    if len(candidates) > 200:
        candidates = candidates[np.linspace(0, len(candidates) - 1, 200).astype(int)]
    distances = []
    for least in candidates:
        tail = ordered[np.searchsorted(ordered, least) :]
        logs = np.log(tail / least)
        if not logs.any():
            distances.append(np.inf)
            continue
        fitted = -np.expm1(-logs * len(tail) / logs.sum())
        steps = np.arange(len(tail) + 1) / len(tail)
        distances.append(max(np.abs(fitted - steps[:-1]).max(), np.abs(fitted - steps[1:]).max()))
    return float(candidates[int(np.argmin(distances))])


def event_magnitude(areas: Areas, cutoff: float) -> float:
    """Return the landslide-event magnitude mLS of an inventory (Tanyas et al. 2018).

    At the midpoint of the power law's section, in logarithms, between the cutoff and the largest landslide, the
    frequency density of the inventory is set against that of the general distribution of Malamud et al. (2004):
    mLS is the logarithm of their ratio. An inventory of N landslides of the general distribution has mLS = log10(N).

    Args:
        areas: (n,) areas of at least `cutoff`, m².
        cutoff: area from which the sizes follow a power law, m².
    """
    return _magnitude(_alpha(_Binned.of(areas), cutoff), len(areas), cutoff, float(areas.max()))


def _magnitude(alpha: float, count: int, cutoff: float, largest: float) -> float:
    middle = math.sqrt(cutoff * largest)
    density = count * (alpha - 1) / cutoff * (middle / cutoff) ** -alpha
    rho, a, s = GENERAL
    return math.log10(density / float(stats.invgamma.pdf(middle, rho, loc=s, scale=a)))


def _alpha(data: _Binned, least: float) -> float:
    """The exponent of a power law: Clauset et al. (2009), equation 3.1."""
    return 1 + float(data.counts.sum() / (data.counts @ np.log(data.places / least)))


def _log_tail(alpha: float, rate: float) -> float:
    """Logarithm of the integral of u ** -alpha * exp(-rate * u) from 1 on."""
    top = math.log(max(800 / rate, 2.0))
    value, _ = integrate.quad(lambda t: math.exp((1 - alpha) * t - rate * math.exp(t)), 0, min(top, 60.0), limit=200)
    return math.log(max(value, 1e-300))


def _lowest(loss: Callable[[Areas], float], first: Areas, bounds: list[tuple[float, float]]) -> Areas:
    """Find the lowest place of a loss: along its slope, then by a simplex, which alone sticks to a bound it meets."""
    slope = optimize.minimize(loss, first, method="L-BFGS-B", bounds=bounds)
    simplex = optimize.minimize(
        loss, slope.x, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-4, "fatol": 1e-4}
    )
    best: Areas = min(slope, simplex, key=lambda found: found.fun).x
    return best


def _fit(
    areas: Areas,
    names: tuple[str, ...],
    solve: Callable[[_Binned, Areas | None], Areas],
    density: Callable[[Areas, Areas], Areas],
    seed: int,
) -> Fit:
    """Fit, and fit again to areas drawn with replacement."""
    data = _Binned.of(areas)
    best = solve(data, None)
    random = np.random.default_rng(seed)
    low, high = np.percentile([solve(data.draw(random), best) for _ in range(_DRAWS)], _INTERVAL, axis=0)
    values = {name: float(value) for name, value in zip(names, best, strict=True)}
    intervals = {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
    return Fit(values, intervals, float(density(areas, best).sum()))
