"""SMU against its closed form and its limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import erf

from l4s_training.models.smu import SMU

X = torch.linspace(-5, 5, 1001, dtype=torch.float64)


def smu(alpha: float, mu: float) -> SMU:
    return SMU(alpha, mu).double()


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("mu", [0.1, 2.0, 50.0])
def test_the_closed_form(alpha, mu):
    x = X.numpy()
    expected = ((1 + alpha) * x + (1 - alpha) * x * erf(mu * (1 - alpha) * x)) / 2
    np.testing.assert_allclose(smu(alpha, mu)(X).detach().numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.25])
def test_a_large_mu_gives_the_leaky_relu(alpha):
    expected = torch.nn.functional.leaky_relu(X, alpha)
    assert torch.allclose(smu(alpha, 1e6)(X), expected, atol=1e-6)


def test_mu_zero_gives_a_line_and_alpha_one_the_identity():
    assert torch.allclose(smu(0.25, 0.0)(X), 0.625 * X)
    assert torch.allclose(smu(1.0, 3.0)(X), X)


def test_only_mu_is_learned_and_its_gradient_is_the_derivative():
    layer = smu(0.25, 2.0)
    assert [n for n, _ in layer.named_parameters()] == ["mu"]
    layer(X).sum().backward()
    rest = 0.75 * X.numpy()
    expected = (rest**2 * np.exp(-((2 * rest) ** 2)) / np.sqrt(np.pi)).sum()  # d/dμ of rest·erf(μ·rest) / 2
    assert float(layer.mu.grad) == pytest.approx(expected, rel=1e-6)


def test_it_starts_with_the_alpha_of_the_paper_and_survives_half_precision():
    layer = SMU()
    assert layer.alpha == 0.25
    assert 0.5 <= layer.mu.item() <= 10
    y = layer.half()(torch.tensor([-60000.0, 60000.0], dtype=torch.float16))
    assert torch.isfinite(y).all()
