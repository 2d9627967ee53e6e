"""Sizes against the powerlaw package, closed forms, and samples of known distributions."""

from __future__ import annotations

import math

import numpy as np
import powerlaw
import pytest
from scipy import optimize, stats

from l4s_geo.evaluation.sizes import (
    GENERAL,
    event_magnitude,
    fit_inverse_gamma,
    fit_power_law,
    fit_sizes,
    fit_truncated,
    power_law_cutoff,
)

RHO, A, S = GENERAL


def general(n: int, seed: int = 0) -> np.ndarray:
    """A sample of the general distribution of Malamud et al. (2004)."""
    return stats.invgamma.rvs(RHO, loc=S, scale=A, size=n, random_state=seed)


def pareto(n: int, alpha: float, least: float, seed: int = 0) -> np.ndarray:
    return least * (1 - np.random.default_rng(seed).random(n)) ** (-1 / (alpha - 1))


def test_power_law_as_its_closed_form_and_as_powerlaw():
    areas = pareto(3000, 2.4, 500)
    found = fit_power_law(areas, 500)
    assert found.parameters["alpha"] == pytest.approx(1 + len(areas) / np.log(areas / 500).sum(), rel=1e-3)
    theirs = powerlaw.Fit(areas, xmin=500, verbose=False)
    assert found.parameters["alpha"] == pytest.approx(theirs.power_law.alpha, rel=1e-3)
    assert found.log_likelihood == pytest.approx(theirs.power_law.loglikelihoods(areas).sum(), rel=1e-4)
    low, high = found.intervals["alpha"]
    # The asymptotic standard error is (alpha - 1) / sqrt(n).
    assert (high - low) / 3.92 == pytest.approx((theirs.power_law.alpha - 1) / math.sqrt(len(areas)), rel=0.2)


def test_cutoff_as_powerlaw_finds_it():
    areas = np.concatenate([np.random.default_rng(1).uniform(300, 2000, 400), pareto(400, 2.3, 2000)])
    areas = np.round(areas, -1)
    ours, theirs = power_law_cutoff(areas), powerlaw.Fit(areas, verbose=False)
    there = powerlaw.Fit(areas, xmin=ours, verbose=False)
    assert there.power_law.D <= 1.15 * theirs.power_law.D
    assert 1500 <= ours <= 3000


def test_truncated_power_law_as_powerlaw():
    random = np.random.default_rng(3)
    areas = pareto(20_000, 1.8, 500)
    areas = areas[random.random(len(areas)) < np.exp(-(areas - 500) / 20_000)]
    found = fit_truncated(areas, 500)
    theirs = powerlaw.Fit(areas, xmin=500, verbose=False).truncated_power_law
    assert found.parameters["alpha"] == pytest.approx(1.8, abs=0.08)
    assert found.parameters["rate"] == pytest.approx(1 / 20_000, rel=0.2)
    assert found.log_likelihood >= theirs.loglikelihoods(areas).sum() - 1
    low, high = found.intervals["alpha"]
    assert low < 1.8 < high


def test_inverse_gamma_finds_the_general_distribution_above_a_mapping_unit():
    areas = general(40_000)
    areas = areas[areas >= 500]
    found = fit_inverse_gamma(areas, 500)
    assert found.parameters["rho"] == pytest.approx(RHO, rel=0.1)
    truth = stats.invgamma.logpdf(areas, RHO, loc=S, scale=A) - stats.invgamma.logsf(500, RHO, loc=S, scale=A)
    assert found.log_likelihood >= truth.sum() - 1


@pytest.mark.parametrize("seed", [4, 11])
def test_inverse_gamma_is_the_likeliest_of_all_that_a_search_from_many_places_finds(seed):
    random = np.random.default_rng(seed)
    rho, a, s = random.uniform(0.8, 2.5), random.uniform(500, 5000), -random.uniform(0, 300)
    areas = stats.invgamma.rvs(rho, loc=s, scale=a, size=3000, random_state=seed)
    areas = areas[areas >= 300][: random.integers(40, 390)]

    def loss(q: np.ndarray) -> float:
        law = {"a": math.exp(q[0]), "loc": 300 - math.exp(q[2]), "scale": math.exp(q[1])}
        value = stats.invgamma.logsf(300, **law) * len(areas) - stats.invgamma.logpdf(areas, **law).sum()
        return value if np.isfinite(value) else 1e12

    # The same bounds: rho 0.05 to 20, and a shift no farther below the unit than Malamud's from 0.
    bounds = [(math.log(0.05), math.log(20)), (0, math.log(1e8)), (math.log(1e-3), math.log(732))]
    starts = [np.log([rho, a, 400]) for rho in (0.6, 2) for a in (500, 4000)]
    lowest = min(optimize.minimize(loss, q, method="Nelder-Mead", bounds=bounds).fun for q in starts)
    assert fit_inverse_gamma(areas, 300).log_likelihood >= -lowest - 0.01


@pytest.mark.parametrize("n", [300, 3000, 100_000])
def test_magnitude_of_the_general_distribution_is_the_logarithm_of_its_count(n):
    areas = general(n)
    tail = areas[areas >= 5000]
    assert event_magnitude(tail, 5000) == pytest.approx(math.log10(n), abs=0.15)


def test_all_fits_of_an_inventory():
    areas = general(3000)
    found = fit_sizes(areas, 500)
    assert found.count == (areas >= 500).sum()
    low, high = found.magnitude[1:]
    assert low < found.magnitude[0] < high
    assert found.magnitude[0] == pytest.approx(math.log10(3000), abs=0.2)
    assert fit_sizes(areas, 500) == found


def test_too_few_or_all_of_one_size():
    assert fit_sizes(general(20), 500) is None
    assert fit_sizes(np.full(100, 900.0), 500) is None
    assert fit_sizes(np.zeros(0), 500) is None
