"""A study before approval: its privacy is the live account's, its patients synthetic, its learning
the federation's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.privacy import site_variance
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.app.models import model_named, model_names
from federation.app.privacy import epsilon_spent
from federation.planning.foreseen_error import (
    SUPPORT_VISITS,
    Task,
    forecast_error,
    run_task,
    run_tasks,
    summarise,
)
from federation.planning.foreseen_privacy import foresee_privacy
from federation.planning.plan import Plan, PlanInvalid
from federation.planning.proposing import recipe_of_plan
from federation.planning.simulating import Size, simulate, work_of
from federation.planning.synthetic import cohort, true_prior
from study.documents import StudyDocuments
from twin.log_linear import LogLinearModel
from twin.prior import flatten
from twin.sickle_cell.channels import DOSE, WEIGHT
from twin.sickle_cell.model import SickleCellModel

MODEL = LogLinearModel()
SITES = [
    "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
    "0xBcd4042DE499D14e55001CcbB24a551F3b954096",
    "0x71bE63f3384f5fb98995898A86B02Fb2426c5788",
]


def plan_of(model: str = MODEL.name, **design: object) -> Plan:
    return Plan.model_validate(
        {
            "format": "assent-plan-1",
            "protocol": "absent.md",
            "consent_texts": {"en": "absent.txt"},
            "dpia": "absent.md",
            "model": model,
            "coordinator": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
            "sites": SITES,
            "design": {"disease": "MONDO:0005388", "clipping_norm": str(CLIP_NORM)} | design,
        }
    )


def a_task(**other: object) -> Task:
    plan = plan_of()
    recipe = recommended_recipe(MODEL)
    noise = foresee_privacy(plan, recipe, 8).noise_of_sum
    base = Task(recipe, 4, CLIP_NORM, noise, world=0, patients=40, held_out=60, seed=2)
    return replace(base, **other)


def test_the_privacy_foreseen_is_the_account_of_a_study_that_ran_so() -> None:
    plan, recipe = plan_of(epsilon="6", rounds="9"), recommended_recipe(MODEL)
    seen = foresee_privacy(plan, recipe, 7)
    nothing = StudyDocuments(b"", b"", b"", recipe, b"", b"")
    terms = plan.design.design().terms(nothing, plan.coordinator, plan.sites, recipe.size)
    for rounds, epsilon in (
        (1, seen.epsilon_of_round),
        (7, seen.epsilon_of_rounds),
        (9, seen.epsilon_ceiling),
    ):
        live = epsilon_spent(terms, rounds * terms.rho_ceiling // 9, rounds, len(SITES))
        assert epsilon == pytest.approx(live.epsilon_ledger, rel=1e-12)
        assert live.excess_noise_factor == pytest.approx(seen.excess[seen.chosen])
    assert seen.epsilon_of_round < seen.epsilon_of_rounds < seen.epsilon_ceiling <= 6 + 1e-6
    assert seen.rounds_to_spare == 2
    in_grid_steps = math.sqrt(len(SITES) * site_variance(terms))
    assert seen.noise_of_sum == pytest.approx(in_grid_steps / terms.clipping_norm)
    assert seen.noise_norm(100) == pytest.approx(
        seen.noise_of_sum / 100 * math.sqrt(terms.vector_length)
    )


def test_more_rounds_than_the_ceiling_has_room_for_are_refused() -> None:
    with pytest.raises(PlanInvalid, match="room for 9 rounds, not 10"):
        foresee_privacy(plan_of(rounds="9"), recommended_recipe(MODEL), 10)


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        ({"clipping_norm": "65537"}, "clipping_norm"),
        ({"clipping_norm": "1e-9"}, "clipping_norm"),
        ({"clipping_norm": "1e-7"}, "clipping_norm is too small"),
    ],
)
def test_what_the_registry_would_refuse_is_not_simulated(
    tmp_path: Path, refused: dict[str, str], named: str
) -> None:
    with pytest.raises(PlanInvalid, match=f"design: .*{named}"):
        simulate(plan_of(**refused), tmp_path, Size((5,), worlds=1, held_out=5), rounds=1)


@pytest.mark.parametrize("ignored", [{"adaptation_steps": 3}, {"adaptation_rate": 0.1}])
def test_a_recipe_that_says_how_to_adapt_a_prior_is_refused_since_nothing_reads_it(
    tmp_path: Path, ignored: dict[str, float]
) -> None:
    plan = plan_of().model_copy(update={"recipe": "recipe.json"})
    recipe = recommended_recipe(MODEL)
    (tmp_path / "recipe.json").write_bytes(recipe.to_bytes())
    assert recipe_of_plan(plan, tmp_path) == recipe
    (tmp_path / "recipe.json").write_bytes(replace(recipe, **ignored).to_bytes())
    with pytest.raises(PlanInvalid, match=r"recipe\.json.*adaptation_steps"):
        recipe_of_plan(plan, tmp_path)
    descending = replace(recommended_recipe(MODEL, "maml"), **ignored)
    (tmp_path / "recipe.json").write_bytes(descending.to_bytes())
    assert recipe_of_plan(plan, tmp_path) == descending


@pytest.mark.parametrize("name", model_names())
def test_every_model_of_the_app_can_be_simulated(name: str) -> None:
    size, told = Size((6,), worlds=2, held_out=8), []
    found = simulate(
        plan_of(name), Path(), size, rounds=1, jobs=1, progress=lambda done: told.append(done)
    )
    assert sum(told) == pytest.approx(work_of(size))
    assert (len(told), work_of(size)) == (4, 12)  # each round of each arm
    assert (found.model, [one.patients for one in found.errors]) == (name, [6])
    for one in found.errors:
        assert all(0 < value.low < value.mean < value.high for value in one.rmse.values())


@pytest.mark.parametrize("name", model_names())
def test_synthetic_patients_are_the_same_ones_however_many_there_are(name: str) -> None:
    model = model_named(name)
    truth = true_prior(model, np.random.default_rng(1))
    few, many = (cohort(model, truth, n, np.random.default_rng(2)) for n in (3, 6))
    for one, again in zip(few, many, strict=False):
        assert np.array_equal(one.times, again.times)
        assert np.array_equal(one.value, again.value)


def test_synthetic_patients_on_hydroxyurea_have_their_doses_and_respond_to_them() -> None:
    model = SickleCellModel()
    truth = model.initial_prior()
    patients = cohort(model, truth, 60, np.random.default_rng(3))
    for one in patients:
        assert (one.channel == WEIGHT).sum() == 1
        assert (one.channel == DOSE).sum() == one.visit[-1] + 1
    started = [one for one in patients if one.visit[-1] >= 4]
    gains = [_last(one, 0) / _first(one, 0) for one in started]
    assert np.median(gains) > 1.1  # fetal haemoglobin rises on treatment


def _first(one, channel: int) -> float:
    return float(one.value[one.channel == channel][0])


def _last(one, channel: int) -> float:
    return float(one.value[one.channel == channel][-1])


def test_the_error_is_that_of_adapting_and_forecasting_one_patient_after_another() -> None:
    truth = true_prior(MODEL, np.random.default_rng(4))
    patients = cohort(MODEL, truth, 70, np.random.default_rng(5))
    squares: list[float] = []
    for one in patients:
        times, channel, value = one.after_visits(SUPPORT_VISITS)
        twin = MODEL.adapt(truth, one.first_visits(SUPPORT_VISITS))
        forecast = MODEL.predict(twin, times, channel)
        spread = np.array([lab.spread for lab in MODEL.labs])[channel]
        squares.extend((((np.log(value) - forecast.log_mean) / spread) ** 2).tolist())
    found = forecast_error(MODEL, flatten(truth, MODEL.prior_layout), patients)
    assert found == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-9)


def test_learning_helps_noise_harms_and_without_noise_there_is_no_difference() -> None:
    private = run_task(a_task(patients=100))
    assert private["true"] < private["without_noise"] < private["private"] < private["starting"]
    quiet = run_task(a_task(patients=20, rounds=1, noise_of_sum=0.0))
    assert quiet["private"] == quiet["without_noise"]


def test_the_same_seed_gives_the_same_figures_in_one_process_and_in_two() -> None:
    tasks = [a_task(patients=n, rounds=1, held_out=10) for n in (6, 5)]
    alone = run_tasks(tasks, 1, lambda patients: None)
    for one, again in zip(alone, run_tasks(tasks, 2, lambda patients: None), strict=True):
        assert again == pytest.approx(one, rel=1e-9)
    assert run_task(replace(tasks[0], seed=3)) != pytest.approx(alone[0], rel=1e-3)


def test_intervals_are_over_worlds() -> None:
    tasks = [a_task(world=world) for world in range(3)]
    results = [
        {"private": p, "without_noise": 0.5, "starting": 1.0, "true": 0.5} for p in (0.7, 0.8, 0.9)
    ]
    (found,) = summarise(tasks, results)
    gain = found.reduction["private"]
    assert gain.mean == pytest.approx(0.2)
    # Student's t with 2 degrees of freedom: 4.303 times 0.1 / sqrt(3).
    assert (gain.low, gain.high) == pytest.approx((0.2 - 0.24843, 0.2 + 0.24843), abs=1e-4)
    assert found.rmse["private"].mean == pytest.approx((0.7 * 0.8 * 0.9) ** (1 / 3))
    (alone,) = summarise(tasks[:1], results[:1])
    assert alone.reduction["private"].to_json() == {
        "mean": pytest.approx(0.3),
        "low": None,
        "high": None,
    }
