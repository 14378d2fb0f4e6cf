"""Closed forms are the solutions of their equations, and give the published figures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from twin.sickle_cell import figures as f
from twin.sickle_cell.pharmacokinetics import (
    Kinetics,
    average_concentration,
    concentration,
    disposition_rates,
    saturable_average,
    steady_state_concentration,
    typical_adult,
)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def kinetics(seed: int) -> Kinetics:
    """An adult drawn with the published spreads."""
    z = np.random.default_rng(seed).standard_normal(4)
    return Kinetics(
        number(f.CLEARANCE * np.exp(f.CLEARANCE_SD * z[0])),
        number(f.CENTRAL_VOLUME * np.exp(f.CENTRAL_VOLUME_SD * z[1])),
        number(f.ABSORPTION * np.exp(0.5 * z[2])),
        number(f.TO_PERIPHERAL * np.exp(f.TO_PERIPHERAL_SD * z[3])),
        number(f.FROM_PERIPHERAL),
    )


def numeric(k: Kinetics, dose: float, hours: np.ndarray, doses: int = 1) -> np.ndarray:
    """Concentrations after the last of ``doses`` daily doses, by an ODE solver."""
    clearance, volume, ka, kcp, kpc = (float(one) for one in k)

    def change(_, y):
        gut, central, peripheral = y
        flow = kcp * central - kpc * peripheral
        return [-ka * gut, ka * gut - clearance / volume * central - flow, flow]

    state = np.zeros(3)
    for dose_number in range(doses):
        state[0] += dose
        last = dose_number == doses - 1
        at = hours if last else [24.0]
        found = solve_ivp(
            change, (0, at[-1]), state, t_eval=at, rtol=1e-9, atol=1e-9, method="LSODA"
        )
        state = found.y[:, -1]
    return found.y[1] / volume


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from([500.0, 1000.0, 2000.0]))
def test_one_dose_of_an_adult_is_the_solution_of_the_two_compartments(seed, dose):
    hours = np.linspace(0.0, 48.0, 25)
    closed = concentration(kinetics(seed), number(dose), torch.tensor(hours)).numpy()
    np.testing.assert_allclose(closed, numeric(kinetics(seed), dose, hours), rtol=1e-6, atol=1e-6)


def test_daily_doses_reach_the_closed_steady_state():
    hours = np.linspace(0.0, 24.0, 13)
    k = typical_adult(number(70.0))
    closed = steady_state_concentration(k, number(1000.0), number(24.0), torch.tensor(hours))
    after_half_a_year = numeric(k, 1000.0, hours, doses=180)
    np.testing.assert_allclose(closed.numpy(), after_half_a_year, rtol=1e-5)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_the_average_at_steady_state_is_dose_rate_over_clearance(seed):
    k, dose = kinetics(seed), number(1500.0)

    def at(hour: float) -> float:
        return float(steady_state_concentration(k, dose, number(24.0), number(hour)))

    area = quad(at, 0, 24, points=[1.0, 3.0])[0]
    assert area / 24 == pytest.approx(float(average_concentration(k.clearance, dose)), rel=1e-6)
    whole = quad(lambda hour: float(concentration(k, dose, number(hour))), 0, 6000, limit=400)[0]
    assert whole == pytest.approx(float(dose / k.clearance), rel=1e-3)


def test_steady_state_is_reached_in_the_35_days_that_paule_2011_states():
    _, slow = disposition_rates(typical_adult(number(70.0)))
    days_to_95_percent = -np.log(0.05) / float(slow) / 24
    assert days_to_95_percent == pytest.approx(35, abs=1.5)


def test_clearance_grows_with_weight_as_published():
    light, heavy = typical_adult(number(35.0)), typical_adult(number(70.0))
    assert float(heavy.clearance / light.clearance) == pytest.approx(2**0.75)
    assert float(heavy.volume / light.volume) == pytest.approx(2.0)
    assert float(heavy.clearance) == pytest.approx(11.6)


def child(weight: float) -> tuple[torch.Tensor, torch.Tensor]:
    share = number(weight / f.REFERENCE_WEIGHT)
    return f.CHILD_VMAX * share**0.75, f.CHILD_VOLUME * share


@pytest.mark.parametrize("weight", [10.0, 26.6, 60.0])
@pytest.mark.parametrize("per_kg", [10.0, 20.0, 35.0])
def test_a_childs_average_agrees_with_saturable_elimination_and_absorption(weight, per_kg):
    vmax, volume = (float(one) for one in child(weight))
    dose = per_kg * weight

    def change(_, y):
        gut, mass, _area = y
        level = mass / volume
        out = vmax * level / (f.CHILD_KM + level)
        return [-f.CHILD_ABSORPTION * gut, f.CHILD_ABSORPTION * gut - out, level]

    area = solve_ivp(change, (0, 24), [dose, 0, 0], rtol=1e-8, method="LSODA").y[2, -1]
    closed = float(saturable_average(number(vmax), number(volume), number(dose)))
    assert closed == pytest.approx(area / 24, rel=0.03)


def test_children_have_the_areas_that_dong_2016_measured():
    """Means of 91.1 mg h/L after the first 20 mg/kg, and 115.7 at the tolerated dose."""
    generator = np.random.default_rng(1)
    weight = np.clip(26.6 * np.exp(0.55 * generator.standard_normal(4000)), 8.8, 88.3)
    share = torch.tensor(weight / f.REFERENCE_WEIGHT)
    vmax = (
        f.CHILD_VMAX * share**0.75 * torch.tensor(np.exp(0.145 * generator.standard_normal(4000)))
    )
    volume = f.CHILD_VOLUME * share * torch.tensor(np.exp(0.135 * generator.standard_normal(4000)))
    first = 24 * saturable_average(vmax, volume, torch.tensor(20 * weight)).mean()
    tolerated = (
        24 * saturable_average(vmax, volume, torch.tensor(f.CHILD_TOLERATED_DOSE * weight)).mean()
    )
    assert float(first) == pytest.approx(91.1, rel=0.05)
    assert float(tolerated) == pytest.approx(115.7, rel=0.07)


def test_concentrations_are_differentiable_and_batched():
    doses = torch.tensor([500.0, 1000.0], dtype=torch.float64)
    k = typical_adult(torch.tensor([50.0, 70.0], dtype=torch.float64))
    slope = torch.func.vmap(torch.func.grad(lambda d, one: concentration(one, d, number(2.0))))(
        doses, k
    )
    assert slope.shape == (2,)
    assert bool((slope > 0).all())
