"""The twin's closed courses solve their equations, keep their limits and give published figures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.protocol import Twin
from twin.sickle_cell import figures as f
from twin.sickle_cell import physiology
from twin.sickle_cell.channels import RESULTS
from twin.sickle_cell.exposure import Exposure
from twin.sickle_cell.model import SickleCellModel
from twin.sickle_cell.neutrophils import TRANSIT_RATE, log_steady_share
from twin.sickle_cell.physiology import PARAMETERS, Blood
from twin.sickle_cell.regimen import Regimen, SickleCellTwin

MODEL = SickleCellModel()
TYPICAL = np.zeros(len(PARAMETERS))


def twin_of(z: np.ndarray, days: list[float], doses: list[float], weight: float) -> SickleCellTwin:
    regimen = Regimen(
        np.array(days) / f.DAYS_A_YEAR,
        np.array(doses),
        np.zeros(1),
        np.array([weight]),
        planned=True,
    )
    size = len(PARAMETERS)
    return SickleCellTwin(z, np.eye(size), np.ones(len(RESULTS) + 2), regimen)


def course(z, doses, days, at, weight=70.0) -> Blood:
    twin = twin_of(np.asarray(z, dtype=np.float64), days, doses, weight)
    return Blood(*(one.numpy() for one in MODEL.course(twin, np.asarray(at) / f.DAYS_A_YEAR)))


def settled(z, dose, weight=70.0) -> Blood:
    return course(z, [dose], [0.0], [30_000.0], weight)


def random_z(seed: int, size: float = 1.0) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(len(PARAMETERS))


def friberg(effects, days, at) -> np.ndarray:
    """Neutrophils against their baseline, by Friberg's equations and an ODE solver."""

    def change(t, y):
        effect = effects[np.searchsorted(days, t, side="right") - 1]
        growth = y[0] * ((1 - effect) * y[4] ** -f.FEEDBACK - 1)
        return TRANSIT_RATE * np.array([growth, *(y[:4] - y[1:])])

    found = solve_ivp(
        change, (0, at[-1]), np.ones(5), t_eval=at, rtol=1e-8, atol=1e-10, max_step=5.0
    )
    return found.y[4]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.lists(st.floats(0, 2500), min_size=1, max_size=5))
def test_hbf_and_mcv_solve_their_turnover_equations(seed, doses):
    z = random_z(seed)
    days = [0.0, *np.cumsum(np.random.default_rng(seed).uniform(10, 200, len(doses) - 1))]
    at = np.linspace(1.0, 900.0, 25)
    clearance = 24 * f.CLEARANCE * np.exp(f.CLEARANCE_SD * z[0])
    kin, kout = f.HBF_KIN * np.exp(0.585 * z[1]), f.HBF_KOUT * np.exp(0.486 * z[2])
    imax = 1 / (1 + np.exp(-0.276 - 1.44 * z[3]))
    base = 3.71 / 0.042 * np.exp(physiology.MCV_BASELINE_SD * z[4])
    mcv_kout = 0.042 * np.exp(-0.95 * 0.186 * z[5])

    def change(t, y):
        average = doses[np.searchsorted(days, t, side="right") - 1] / clearance
        kept = 1 - imax * average / (average + f.HBF_HALF_EFFECT)
        effect = 0.099 * np.exp(0.457 * z[5]) * average**0.19
        return [kin - kout * kept * y[0], mcv_kout * (base - (1 - min(effect, 0.9)) * y[1])]

    found = solve_ivp(
        change, (0, 900), [kin / kout, base], t_eval=at, rtol=1e-8, atol=1e-8, max_step=5.0
    )
    closed = course(z, doses, days, at)
    np.testing.assert_allclose(closed.hbf, found.y[0], rtol=1e-4)
    np.testing.assert_allclose(closed.mcv, found.y[1], rtol=1e-4)


@pytest.mark.parametrize("dose", [700.0, 1575.0, 2000.0])
def test_neutrophils_are_as_close_to_fribergs_equations_as_stated(dose):
    effect = f.MARROW_EFFECT * dose / (24 * f.CLEARANCE)
    at = np.arange(1.0, 120.0)
    closed = course(TYPICAL, [dose], [0.0], at).neutrophils / f.NEUTROPHILS
    error = np.abs(closed / friberg([effect], [0.0], at) - 1)
    slack = max(1.0, dose / 1575.0)
    assert error[at >= 28].max() < 0.06 * slack
    assert error[at >= 35].max() < 0.015 * slack
    assert error[at < 28].max() < 0.25 * slack
    assert error[at >= 100].max() < 1e-3


def test_after_a_titration_neutrophils_agree_with_fribergs_equations_between_changes():
    doses, days = [700.0, 1050.0, 1400.0, 0.0, 1225.0], [0.0, 56.0, 112.0, 168.0, 224.0]
    effects = [f.MARROW_EFFECT * dose / (24 * f.CLEARANCE) for dose in doses]
    at = np.array([50.0, 105.0, 160.0, 215.0, 275.0, 400.0])
    closed = course(TYPICAL, doses, days, at).neutrophils / f.NEUTROPHILS
    np.testing.assert_allclose(closed, friberg(effects, days, at), rtol=0.01)


@pytest.mark.parametrize("per_kg", [20.0, 22.5, 25.0])
def test_20_to_25_mg_a_kg_halve_neutrophils(per_kg):
    effect = torch.tensor(f.MARROW_EFFECT * per_kg * 70.0 / (24 * f.CLEARANCE))
    share = float(torch.exp(log_steady_share(effect)))
    assert share == pytest.approx(0.5, abs=0.05)
    assert friberg([float(effect)], [0.0], np.array([1.0, 400.0]))[-1] == pytest.approx(share)
    if per_kg == f.HALVING_DOSE:
        assert share == pytest.approx(0.5, rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.lists(st.floats(0, 5000), min_size=1, max_size=6))
def test_without_drug_everything_stays_at_its_baseline(seed, days):
    z = random_z(seed)
    found = course(z, [0.0], [0.0], sorted(days))
    untreated = settled(z, 0.0)
    for one, baseline in zip(found, untreated, strict=True):
        np.testing.assert_allclose(one, baseline[0], rtol=1e-9)
    assert untreated.hbf[0] == pytest.approx(
        0.071 / 0.013 * np.exp(0.585 * z[1] - 0.486 * z[2]), rel=1e-9
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.integers(0, 6))
def test_stopping_the_drug_brings_the_baseline_back(seed, changes):
    z = random_z(seed, 0.7)
    doses = [*np.random.default_rng(seed).uniform(0, 2000, changes), 0.0]
    found = course(z, doses, [60.0 * i for i in range(len(doses))], [40_000.0])
    for one, baseline in zip(found, settled(z, 0.0), strict=True):
        np.testing.assert_allclose(one, baseline, rtol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10_000),
    st.floats(0, 2500),
    st.floats(1.01, 3.0),
    st.floats(1.0, 3000.0),
)
def test_more_drug_means_more_effect_at_every_moment(seed, dose, times_more, day):
    z = random_z(seed)
    less = course(z, [dose], [0.0], [day])
    more = course(z, [dose * times_more + 1.0], [0.0], [day])
    for rises in ("hbf", "mcv", "haemoglobin"):
        assert getattr(more, rises) >= getattr(less, rises) * (1 - 1e-12)
    for falls in ("neutrophils", "crises", "pain"):
        assert getattr(more, falls) <= getattr(less, falls) * (1 + 1e-12)
    strong, none = settled(z, 1500.0), settled(z, 0.0)
    assert strong.hbf > none.hbf
    assert strong.mcv > none.mcv
    assert strong.neutrophils < none.neutrophils


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(1.0, 2500.0), st.floats(8.0, 120.0))
def test_the_course_settles_where_production_equals_loss(seed, dose, weight):
    z = random_z(seed, 0.8)
    found = settled(z, dose, weight)
    point = torch.tensor(z)
    average = torch.tensor(dose) / (
        24 * physiology.clearance(point, torch.tensor(weight, dtype=torch.float64))
    )
    kept = float(physiology.hbf_survival(point, average))
    baseline = settled(z, 0.0)
    assert found.hbf[0] == pytest.approx(baseline.hbf[0] / kept, rel=1e-6)
    inhibited = float(physiology.mcv_inhibition(point, average))
    assert found.mcv[0] == pytest.approx(baseline.mcv[0] / (1 - inhibited), rel=1e-6)
    effect = min(float(physiology.marrow_effect(point, average)), 0.6)
    expected = baseline.neutrophils[0] * (1 - effect) ** (1 / f.FEEDBACK)
    assert found.neutrophils[0] == pytest.approx(expected, rel=1e-6)


def test_the_typical_adult_has_the_published_steady_states():
    """Paule 2011: HbF 0.071/0.013 = 5.5 % and Imax 0.57; MCV 88 fL and an effect of 0.14."""
    untreated, treated = settled(TYPICAL, 0.0), settled(TYPICAL, 1500.0)
    assert untreated.hbf[0] == pytest.approx(5.46, abs=0.01)
    assert untreated.mcv[0] == pytest.approx(88.3, abs=0.1)
    assert 1 - untreated.hbf[0] / treated.hbf[0] == pytest.approx(0.57, abs=0.02)
    assert 1 - untreated.mcv[0] / treated.mcv[0] == pytest.approx(0.14, abs=0.01)
    assert untreated.neutrophils[0] == pytest.approx(6.5)
    assert untreated.haemoglobin[0] == pytest.approx(7.3)
    assert untreated.crises[0] == pytest.approx(0.8)
    assert treated.crises[0] / untreated.crises[0] == pytest.approx(2.5 / 4.5, abs=0.03)


def test_mcv_takes_about_three_months_to_settle_and_hbf_a_year_and_more():
    """Paule 2011, abstract: 95 % of the steady state after 3 months (MCV) and 26 (HbF)."""
    days = np.arange(0.0, 2000.0)
    found, end = course(TYPICAL, [1500.0], [0.0], days), settled(TYPICAL, 1500.0)

    def day_of(share: float, what: str) -> float:
        one = getattr(found, what)
        return days[np.argmax((one - one[0]) / (getattr(end, what) - one[0]) >= share)]

    assert 60 < day_of(0.95, "mcv") < 105
    assert 13 * 30 < day_of(0.95, "hbf") < 26 * 30


def test_hbf_effect_is_near_its_maximum_wherever_paule_2011_looked():
    average = torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64)
    effect = 1 - physiology.hbf_survival(torch.zeros(11, dtype=torch.float64), average)
    assert bool((effect > 0.8 * 0.569).all())
    assert bool((effect < 0.569).all())


def test_the_population_has_the_published_spread_and_correlations():
    covariance = MODEL.covariance(MODEL.initial_prior())
    place = {name: i for i, name in enumerate(PARAMETERS)}
    np.testing.assert_allclose(np.diag(covariance), 1.0)
    pair = place["hbf.elimination"], place["hbf.inhibition"]
    assert covariance[pair] == pytest.approx(0.892)
    # MCV's two parameters stand for three; published SDs and correlations come back from them.
    b, base = place["mcv.effect"], place["mcv.baseline"]
    ln_kout = {b: -0.95 * 0.186}
    ln_kin = {b: ln_kout[b], base: physiology.MCV_BASELINE_SD}
    variance = sum(ln_kin[i] * ln_kin[j] * covariance[i, j] for i in ln_kin for j in ln_kin)
    assert np.sqrt(variance) == pytest.approx(0.191, abs=0.02)


def test_plain_twins_and_odd_parameters_give_finite_courses():
    at = np.array([0.0, 1.0, 5.0])
    plain = Twin(TYPICAL, np.eye(11), np.ones(7))
    usual = MODEL.course(plain, at)
    dosed = MODEL.course(twin_of(TYPICAL, [0.0], [1400.0], 70.0), at)
    for one, other in zip(usual, dosed, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy())
    for seed in range(20):
        twin = twin_of(random_z(seed, 3.0), [0.0], [3000.0], 20.0)
        assert all(bool(torch.isfinite(one).all()) for one in MODEL.course(twin, at))


def test_an_exposure_of_many_changes_keeps_bounded_memory():
    from twin.sickle_cell.exposure import MOST_CHANGES, exposure_of

    n = 1000
    times = torch.linspace(0, 5, n, dtype=torch.float64)
    channel = torch.full((n,), 6)
    doses = 1.0 + 0.1 * torch.sin(times)
    found: Exposure = exposure_of(times, channel, doses, torch.ones(n, dtype=torch.float64))
    assert found.days.shape == (MOST_CHANGES + 1,)
    assert int(found.stretch.max()) <= MOST_CHANGES
    followed = found.dose[found.stretch[1:]]
    assert float((followed - 1000 * doses[1:]).abs().max()) < 20.0
