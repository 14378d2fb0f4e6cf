"""Public longitudinal data as cohorts of the comparison: what is read is what was published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.learning.cohort import read_csv
from bench.learning.public_cohorts import PUBLIC, SITES, rows, write

SIZES = {
    "nafld": (300, 5_216),
    "btheb": (100, 380),
    "quinidine": (136, 361),
    "remifentanil": (65, 1_992),
    "blackmore": (231, 945),
    "oxboys": (26, 234),
    "wages": (149, 2_086),
    "pigs": (72, 861),
    "chicks": (50, 578),
    "cows": (79, 1_337),
    "spruces": (79, 1_027),
    "soybeans": (48, 412),
    "countries": (142, 3_408),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_cohort_has_its_published_size(name: str, tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    write(name, path)
    cohort = read_csv(path)
    patients, results = SIZES[name]
    assert len(cohort.records) == patients
    assert cohort.results == results
    assert {channel.name for channel in cohort.channels} == set(PUBLIC[name].codes)
    assert len(cohort.sites) == SITES
    assert cohort.notes == ()


def test_times_are_days(tmp_path: Path) -> None:
    path = tmp_path / "pigs.csv"
    write("pigs", path)
    whole = [record.days for record in read_csv(path).records if len(record) == 12]
    assert whole
    for days in whole:
        assert days == pytest.approx(np.arange(0.0, 78.0, 7.0))


def test_a_comparison_becomes_a_line_for_each_way_of_counting() -> None:
    interval = {"estimate": 0.1, "low": 0.05, "high": 0.2}
    one = {
        "error_lower_by": interval,
        "error_aim": 0.15,
        "error_aim_reached": False,
        "baseline_learns": True,
        "observations_needed": {"estimate": 5.0, "low": 4.0, "high": 6.0},
        "observations_ratio": {"estimate": 1.4, "low": 1.2, "high": 1.8},
        "observations_aim_reached": False,
        "steps": {"baseline": 8, "ratio": None},
        "share_made_worse": 0.25,
        "against": dict.fromkeys(
            ("fedavg", "fedavg_fine_tuned", "dp_fedavg_fine_tuned_freely"), interval
        ),
    }
    found = {
        "cohort": {"patients": 9, "codes": ["hb"]},
        "primary": {"observations": one, "visits": one},
    }
    lines = rows("mine", found)
    assert [line.split(" | ")[3] for line in lines] == ["observations", "visits"]
    assert lines[0] == (
        "| mine | 9 | 1 | observations | 10.0 % (5.0 to 20.0), aim 15 %: not reached"
        " | 5.0 (4.0 to 6.0), 1.4 times fewer, aim 2: not reached | 25 % |"
    )
