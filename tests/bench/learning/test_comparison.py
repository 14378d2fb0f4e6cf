"""The learning comparison on any cohort: what it scores, what it writes."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.learning import figures, forecasting
from bench.learning.cohort import Cohort, CohortUnusable, Record
from bench.learning.division import Division, Key, Plan, divide, generator_of, ground_of, ruler_of
from bench.learning.forecasting import by_prior, fine_tuned, items, known_alone, split
from bench.learning.methods import PRIOR, TUNED_FREELY, Method, tune
from bench.learning.private import Budget
from bench.learning.results import plain
from bench.learning.run import compare
from bench.learning.scoring import Errors, scaled_records, told_alike
from bench.learning.settings import read
from bench.learning.statistics import _crossing, collect
from bench.learning.tables import WIDTH, group_of, thinned
from bench.learning.telling import _groups, _lower, _needed, _percent, _steps
from bench.learning.training import (
    CALIBRATION_ROUNDS,
    NO_PRIVACY,
    SURVEY_ROUNDS,
    drowned,
    learn_point,
    learn_prior,
    survey_share,
)
from bench.learning.worlds import world
from scripts.main import call
from tests.bench.learning.test_cohort_files import written
from twin.log_linear import LogLinearModel
from twin.prior import flatten
from twin.protocol import Channel
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scale, Scales


def record(channels: list[int], days: list[float]) -> Record:
    return Record("p", "s", np.array(days), np.array(channels, dtype=np.int64), np.ones(len(days)))


def many(patients: int, results: int, site: int = 4, value: float = 7.0) -> Cohort:
    """One code; ``site``: patients of each."""
    records = tuple(
        Record(
            f"p{n}",
            f"s{n // site}",
            30.0 * np.arange(results),
            np.zeros(results, dtype=np.int64),
            value * (1 + 0.1 * np.sin(n + np.arange(results))),
        )
        for n in range(patients)
    )
    return Cohort("many", (Channel("hb", "hb", "g/dL", "hb"),), records)


def alike(cohort: Cohort) -> Cohort:
    """With one value alone."""
    records = tuple(replace(one, value=np.full(len(one), 7.0)) for one in cohort.records)
    return replace(cohort, records=records)


def with_device(cohort: Cohort) -> Cohort:
    """Each patient's first result is of a code that is 1 in everybody."""
    records = tuple(
        replace(one, channel=np.append([1], one.channel[1:]), value=np.append([1.0], one.value[1:]))
        for one in cohort.records
    )
    device = Channel("device", "device", "", "device")
    return replace(cohort, channels=(*cohort.channels, device), records=records)


@pytest.mark.parametrize(
    ("cohort", "message"),
    [
        (alike(many(12, 3)), "all results of hb are alike, so there is nothing to forecast"),
        (many(12, 3, site=1), "no site of the 12 has enough for one: sites need 3 patients"),
        (many(12, 3, site=2), "no site of the 6 has enough"),
        (many(12, 3, value=5e-9), "about 5.0e-09 g/dL.*Write them in a smaller unit"),
        (many(12, 3, value=4e20), r"about 4.0e\+20 g/dL.*Write them in a larger unit"),
    ],
)
def test_a_cohort_that_would_measure_nothing_is_refused(
    tmp_path: Path, cohort: Cohort, message: str
) -> None:
    with pytest.raises(CohortUnusable, match=message):
        compare(cohort, None, tmp_path)


def test_what_nobody_has_results_for_has_no_figure_and_a_quick_look_is_told(tmp_path: Path) -> None:
    found = compare(with_device(many(12, 3)), None, tmp_path, seeds=1, jobs=1)
    told = " ".join(found["cohort"]["notes"])
    assert "no held-out patient has results after their first 3 observations" in told
    assert "after their first 7 observations" in told
    assert "1 of the 20 divisions that were fixed, a quick look" in told
    one = found["primary"]["observations"]
    assert one["baseline_learns"] is None and one["observations_aim_reached"] is False
    assert {_lower(one), _needed(one), _steps(one)} == {"no figure"}
    assert "all results of device are alike" in told
    # What there is, with fewer known, is drawn.
    assert drawn(tmp_path / "error-by-observations.png", "#2b6cb0")
    assert not drawn(tmp_path / "error-by-epsilon.png", "#2b6cb0")


def drawn(picture: Path, colour: str) -> bool:
    """Whether some of the picture has this colour."""
    off = matplotlib.image.imread(picture)[..., :3] - np.array(matplotlib.colors.to_rgb(colour))
    return bool((np.abs(off).max(axis=-1) < 0.01).any())


def test_results_that_no_error_tells_apart_are_told() -> None:
    """As of a virus under treatment, whose scale is read from the many results without it."""
    cohort, settings = many(24, 6), read(published=False)
    before = replace(
        cohort,
        records=tuple(
            replace(one, value=one.value * np.array([1e3, 1e3, 1, 1, 1, 1]))
            for one in cohort.records
        ),
    )
    plans = [Plan(one, settings, None, ("observations",)) for one in (cohort, before)]
    assert told_alike(cohort, ruler_of(plans[0])) == ()
    (note,) = told_alike(before, ruler_of(plans[1]))
    assert note.startswith("33% of the results of hb lie more than 6 spreads")
    assert told_alike(before, LogLinearModel()) == ()


def scored(squares: list[float], inside: float, curve: float) -> Division:
    """Three held-out patients with one forecast each, by the prior."""
    each = np.array([squares]).T
    key = Key(Method(PRIOR, 8.0), "observations", 3)
    errors = Errors(each, np.ones((3, 1)), each, np.ones((3, 1)), np.full((3, 1), inside))
    return Division(("a", "b", "c"), {key: errors}, {key: np.array([curve, curve])})


def test_a_method_without_error_is_no_division_by_zero() -> None:
    scores = collect([scored([0.0, 0.0, 0.0], 1.0, 1.0)], 20)
    (key,) = scores.own
    assert plain(scores.reduction(key, key)) == {"estimate": None, "low": None, "high": None}
    assert _percent({"estimate": 0.1, "low": None, "high": 0.2}) == "10.0 % (- to 20.0)"


def test_an_interval_that_holds_nothing_is_reported() -> None:
    scores = collect([scored([1.0, 1.0, 1.0], 0.0, 1.0)], 20)
    assert list(scores.covered.values()) == [0.0]


def test_a_division_without_later_results_does_not_hide_the_others_steps() -> None:
    scores = collect([scored([1.0] * 3, 1.0, 4.0), scored([1.0] * 3, 1.0, math.inf)], 20)
    (key,) = scores.own
    assert scores.curves[key].tolist() == [4.0, 4.0]
    assert scores.steps_to_plateau(key) == 0


def test_nothing_that_is_learned_depends_on_who_is_held_out() -> None:
    """Scales, the prior, a point and its fine-tuning, bit for bit."""
    cohort, settings = many(24, 6), read(published=False)
    plan = Plan(cohort, settings, None, ("observations",))
    sites, out = divide(cohort, settings.held_out, 3)
    held = {one.patient for one in out}
    generator = np.random.default_rng(1)
    moved = replace(
        cohort,
        records=tuple(
            replace(one, value=one.value * generator.uniform(0.01, 100, 6), days=9 * one.days)
            if one.patient in held
            else one
            for one in cohort.records
        ),
    )
    again, _ = divide(moved, settings.held_out, 3)
    assert held and len(held) == 6
    found = []
    for epsilon in (NO_PRIVACY, 8.0):
        for plan_of, sites_of in ((plan, sites), (replace(plan, cohort=moved), again)):
            noise = generator_of(3, epsilon)
            ground = ground_of(plan_of, sites_of, epsilon, noise)
            point = learn_point("fedavg", ground, noise)
            tuned = tune(ground, "fedavg", point, "observations")
            prior = learn_prior(ground, noise)
            found.append((ground.model.scales.each, tuned, point.tobytes(), prior.tobytes()))
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_a_choice_without_charge_says_so() -> None:
    assert Method("fedavg", 8.0, TUNED_FREELY).label.endswith("training patients without charge")
    assert Method("fedavg", math.inf, TUNED_FREELY).label.endswith("training patients")


def test_too_few_patients_for_their_codes_are_told() -> None:
    cohort, settings = world(3), read()
    assert drowned(cohort, [cohort.records], settings) == ()
    (note,) = drowned(cohort, [cohort.records[:4], cohort.records[-4:]], settings)
    codes = len(cohort.channels)
    assert note.startswith(f"8 patients to learn from are few for {codes} of {codes} codes")


def test_a_code_that_few_patients_have_is_told() -> None:
    cohort, settings = world(3), read()
    codes = len(cohort.channels)
    rare = tuple(
        replace(one, channel=np.minimum(one.channel, codes - 2)) if place >= 3 else one
        for place, one in enumerate(cohort.records)
    )
    (note,) = drowned(replace(cohort, records=rare), [rare], settings)
    assert f"1 of {codes} codes" in note


@given(
    codes=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    count=st.integers(0, 8),
    visits=st.booleans(),
)
def test_everything_after_the_first_k_is_forecast_once_and_never_known(
    codes: list[int], count: int, visits: bool
) -> None:
    days = [float(n // 3) for n in range(len(codes))]
    one = record(codes, days)
    scored = np.array([True, True, False])
    counting = "visits" if visits else "observations"
    known, asked = split(one, count, scored, counting)
    results = np.flatnonzero(scored[one.channel])
    assert not set(known) & set(asked)
    assert set(asked) <= set(results)
    assert set(results) == set(asked) | (set(known) & set(results))
    if not visits:
        assert len(set(known) & set(results)) == min(count, len(results))
    seen: list[int] = []
    for part in items([one], [one.value], count, scored, counting):
        seen += part.place[part.place >= 0].tolist()
        assert (part.known[part.place >= 0] == 0).all()
    assert sorted(seen) == asked.tolist()


@given(codes=st.lists(st.sampled_from([0] * 30 + [1, 2]), min_size=1, max_size=400))
def test_a_dense_code_does_not_crowd_out_the_others(codes: list[int]) -> None:
    one = record(codes, [float(n) for n in range(len(codes))])
    kept = thinned(one)
    assert len(kept) <= WIDTH
    assert (np.diff(kept) > 0).all()
    assert kept[: min(8, len(codes))].tolist() == list(range(min(8, len(codes))))
    for code in (1, 2):
        assert min(20, codes.count(code)) <= (one.channel[kept] == code).sum()


@pytest.mark.parametrize(
    ("estimate", "low", "said"),
    [(0.2, 0.16, "reached"), (0.2, -0.1, "not for certain"), (0.1, 0.05, "not reached")],
)
def test_an_aim_is_reached_when_its_interval_is_above_it(
    estimate: float, low: float, said: str
) -> None:
    one = {
        "error_lower_by": {"estimate": estimate, "low": low, "high": 0.3},
        "error_aim": 0.15,
        "error_aim_reached": estimate >= 0.15,
    }
    assert _lower(one).endswith(f": {said}")


def test_a_baseline_that_learns_nothing_is_no_measure_of_speed() -> None:
    needed = {"estimate": 0.0, "low": 0.0, "high": 0.0}
    one = {"observations_needed": needed, "observations_ratio": {"estimate": 7.0}}
    assert "nothing to compare" in _needed({**one, "baseline_learns": False})
    said = {**one, "baseline_learns": True, "observations_aim_reached": True}
    assert _needed(said).endswith("7.0 times fewer, aim 2: reached")
    steps = {"baseline": 0, "prior": 0, "ratio": 0.0, "aim_reached": False}
    assert _steps({"steps": steps}).startswith("nothing to compare")


def test_names_of_groups_are_no_formulas_and_no_columns(tmp_path: Path) -> None:
    row = {"attribute": "income", "group": r"$\frac to $40k|a", "patients": 3}
    row |= {"rmse": {"prior": 1.0}, "share_made_worse": 0.5, "worse_than_own_fit": False}
    found = {"cohort": {"name": "c"}, "methods": {"prior": {"label": "prior"}}, "groups": [row]}
    assert figures._groups(found, tmp_path / "groups.png").exists()
    assert _groups(found)[-1].startswith(r"| income: $\frac to $40k\|a | 3 |")


def test_hundreds_of_results_at_one_time_are_computed_a_few_patients_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sensor whose times are whole days: pieces are bounded, and change no forecast."""
    wide = [torch.zeros(128, 2016)] * 2
    pieces = [len(one) for one, _ in forecasting._pieces(wide)]
    assert sum(pieces) == 128 and max(pieces) * 2016**2 <= forecasting.PAIRS
    cohort = many(3, 240)
    records = [replace(one, days=np.repeat([0.0, 1.0], 120)) for one in cohort.records]
    model = TrajectoryModel(cohort.channels, Scales([Scale(True, 7.0, 0.1)]), 0.01)
    prior, every = flatten(model.initial_prior(), model.prior_layout), np.array([True])
    scaled = scaled_records(model, records)
    (part,) = items(records, scaled, 1, every, "visits")
    assert part.times.shape == (3, 240)  # what is known is worked on once a patient
    known = known_alone(records, scaled, [0, 1], every, "visits")
    rates, steps = (0.05, 0.15), (0, 1, 3)
    whole = by_prior(model, prior, part)
    tuned = fine_tuned(model, np.zeros(2), known, every, rates, steps)
    monkeypatch.setattr(forecasting, "PAIRS", 1)
    np.testing.assert_allclose(by_prior(model, prior, part), whole, rtol=1e-9)
    again = fine_tuned(model, np.zeros(2), known, every, rates, steps)
    assert again.shape == (2, 3, 6, 2)
    np.testing.assert_allclose(again, tuned, rtol=1e-9)


def test_groups_double() -> None:
    sizes = [int((group_of(40) < count).sum()) for count in range(7)]
    assert sizes == [0, 1, 2, 4, 8, 16, 32]


def test_the_noise_is_what_the_epsilon_asks_for() -> None:
    """At one round and delta 1e-5, rho of epsilon 8 lies between the two known conversions."""
    budget = Budget(8.0, 1e-5, sites=5, colluders=2)
    bun_steinke = (math.sqrt(math.log(1e5) + 8) - math.sqrt(math.log(1e5))) ** 2
    assert bun_steinke < budget.rho < 1.4 * bun_steinke
    assert budget.noise_sd(1) == pytest.approx(budget.noise_multiplier(1) * math.sqrt(5 / 3))
    assert budget.noise_multiplier(10) == pytest.approx(math.sqrt(10) * budget.noise_multiplier(1))


def test_survey_learning_and_calibration_spend_the_budget_and_no_more() -> None:
    settings, budget = read(), Budget(8.0, 1e-5, sites=5, colluders=2)
    survey, learning = survey_share(settings), 1 - survey_share(settings)
    prior = settings.prior.rounds + CALIBRATION_ROUNDS
    for rounds in (prior, settings.point["fedavg"].rounds):
        spent = SURVEY_ROUNDS / (
            2 * budget.noise_multiplier(SURVEY_ROUNDS, survey) ** 2
        ) + rounds / (2 * budget.noise_multiplier(rounds, learning) ** 2)
        assert spent == pytest.approx(budget.rho)
    # The prior's rounds cost as much as the survey's: one noise in all.
    assert budget.noise_multiplier(prior, learning) == pytest.approx(
        budget.noise_multiplier(SURVEY_ROUNDS, survey)
    )


def test_the_number_needed_lies_between_the_counts_around_it() -> None:
    errors = np.array([1.0, 0.8, 0.6])
    assert _crossing([0, 1, 3], errors, 0.7) == pytest.approx(2.0)
    assert _crossing([0, 1, 3], errors, 1.5) == 0.0
    assert _crossing([0, 1, 3], errors, 0.5) == math.inf


def small_csv(cohort: Cohort, path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "site", "time", "code", "value", "unit"])
        for one in cohort.records[:60]:
            for day, channel, value in zip(one.days, one.channel, one.value, strict=True):
                code = cohort.channels[channel]
                writer.writerow([one.patient, one.site, day, code.loinc, value, code.unit])
    return path


def test_any_cohort_is_compared_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_csv(world(3), tmp_path / "unknown.csv")
    out = tmp_path / "out"
    arguments = ["bench", "learning", "--csv", str(path), "--out", str(out), "--seeds", "1"]
    assert call(arguments) == 0
    assert "the endpoint that was fixed before" in capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    settings = read()
    assert results["model"] == "trajectory-1"
    assert set(results["results"]) == {str(count) for count in settings.counts}
    for by_method in results["results"].values():
        assert set(by_method) == set(results["methods"])
        for name, one in by_method.items():
            low, high = one["interval"]
            assert low <= one["rmse"] <= high
            assert 0 <= one["share_made_worse"] <= 1
            assert one["epsilon"] == results["methods"][name]["epsilon"]
            assert ("steps_to_plateau" in one) and ("rmse_by_code" in one)
    assert {m["epsilon"] for m in results["methods"].values()} == {None, *settings.epsilons}
    assert {"prior_epsilon_8", "dp_fedavg_epsilon_8", "dp_fedavg_fine_tuned_epsilon_8"} <= set(
        results["methods"]
    )
    assert results["primary"]["observations"]["error_lower_by"]["estimate"] is not None
    for name in ("error-by-observations", "error-by-steps", "error-by-epsilon", "groups"):
        assert (out / f"{name}.png").stat().st_size > 10_000
    assert "| hierarchical prior (Assent), epsilon 8 |" in (out / "results.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "CSV", "--dataset", "scd"], "exclude each other"),
        (["--model", "trajectory-1"], "for a cohort given by --csv"),
        (["--csv", "CSV", "--model", "nobody-1"], "unknown model 'nobody-1'"),
        (["--csv", "CSV", "--model", "pbc-log-linear-1"], "no code of model pbc-log-linear-1"),
        (["--csv", "CSV"], "has 1 patients; 8 are the fewest"),
        (["--dataset", "moon"], "no data set 'moon'"),
    ],
)
def test_what_cannot_be_compared_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    path = written(tmp_path, "a,x,0,hb,7,g/dL", "a,x,1,hb,8,g/dL")
    given_ = [str(path) if one == "CSV" else one for one in arguments]
    assert call(["bench", "learning", "--out", str(tmp_path / "out"), *given_]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
