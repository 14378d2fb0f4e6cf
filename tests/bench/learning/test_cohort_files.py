"""The files that a comparison reads: a cohort as CSV, and its subgroups."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.learning.cohort import CohortUnusable, in_order, read_csv, read_groups

HEADER = "patient,site,time,code,value,unit\n"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "cohort.csv"
    path.write_text(HEADER + "".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_rows_become_series_in_order_of_time_then_of_the_file(tmp_path: Path) -> None:
    cohort = read_csv(
        written(tmp_path, "b,x,3.5,ldl,2,mmol/L", "b,x,1,ldl,1,mmol/L", "b,x,3.5,hdl,9,mmol/L")
    )
    (only,) = cohort.records
    assert [channel.name for channel in cohort.channels] == ["hdl", "ldl"]
    assert only.days.tolist() == [0.0, 2.5, 2.5]
    assert only.channel.tolist() == [1, 1, 0]
    assert only.value.tolist() == [1.0, 2.0, 9.0]


def test_what_was_left_out_or_looked_odd_is_told(tmp_path: Path) -> None:
    cohort = read_csv(
        written(
            tmp_path,
            "a,x,0,hb,7,g/dL",
            "a,y,1,hb,70,g/L",
            "a,y,2,hb,,g/L",
            "a,y,3,hb,71,g/L",
        )
    )
    assert [channel.name for channel in cohort.channels] == ["hb [g/L]", "hb [g/dL]"]
    assert cohort.records[0].site == "y"
    told = " ".join(cohort.notes)
    assert "1 rows without a numeric value" in told
    assert "code hb has 2 units" in told
    assert "several sites" in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,x,soon,hb,7,g/dL"], "line 2: the time 'soon' is not a number of days"),
        (["a,x,0,hb,7,g/dL", ",x,0,hb,7,g/dL"], "line 3: the patient is missing"),
        (["a,x,0,,7,g/dL"], "line 2: the code is missing"),
        (["a,x,0,hb"], "line 2: too few columns"),
        (["a,x,0,hb,many,g/dL"], "no row with a numeric value"),
        (["a,x,2020-01-05,hb,7,g/dL"], "'2020-01-05' is not a number of days.*not dates"),
        (["a,x,1.6e12,hb,7,g/dL", "a,x,1.7e12,hb,7,g/dL"], "line 3.*Is time in days"),
        (['a,x,0,hb,"7,5",g/dL'], "no row with a numeric value.*on line 2: '7,5'"),
        (["a,x,0,hb,7,g/dL", "a,x,1,hb,7,5,g/dL"], "line 3: more columns than.*have a comma"),
        (["a,x,0,hb,7,g/dL", 'a,x,1,hb,7,"g/dL', "b,x,0,hb,8,g/dL"], "as CSV after line 2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(CohortUnusable, match=message):
        read_csv(written(tmp_path, *lines))


def test_rows_that_repeat_another_or_name_a_limit_are_told(tmp_path: Path) -> None:
    cohort = read_csv(
        written(tmp_path, "a,x,0,crp,5,mg/L", "a,x,0,crp,5,mg/L", "a,x,1,crp,<0.1,mg/L")
    )
    assert cohort.results == 1
    told = " ".join(cohort.notes)
    assert "1 rows repeat another one exactly" in told
    assert "1 of these say that a value lies beyond a limit" in told


def test_an_empty_column_at_the_end_of_a_row_is_no_number_with_a_comma(tmp_path: Path) -> None:
    assert read_csv(written(tmp_path, "a,x,0,hb,7,g/dL,", "a,x,1,hb,7,g/dL, ")).results == 2


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_of_another_country_is_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "cohort.csv"
    lines = ["Patient,Site,Time,Code,Value,Unit", "a,x,0.5,hb,7.25,g/dL"]
    text = "".join(line.replace(",", separator).replace(".", ",") + "\r\n" for line in lines)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (only,) = read_csv(path).records
    assert only.value.tolist() == [7.25]


def test_a_comma_that_may_mean_thousands_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    rows = ["patient,site,time,code,value,unit", "a,x,0,plt,150;000,1/uL", "a,x,1.5,hb,7.2,g/dL"]
    path.write_text("".join(one.replace(",", "\t").replace(";", ",") + "\n" for one in rows))
    with pytest.raises(CohortUnusable, match=r"comma \('150,000' on line 2\).*point \('1.5' on"):
        read_csv(path)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("patient,site,time,code,value,unit,Value\na,x,0,hb,7,g/dL,999\n")
    with pytest.raises(CohortUnusable, match="the column value twice"):
        read_csv(path)


def test_the_first_row_without_a_number_is_shown(tmp_path: Path) -> None:
    cohort = read_csv(written(tmp_path, "a,x,0,hb,7,g/dL", "a,x,1,hb,positive,", "a,x,2,hb,,"))
    assert cohort.notes == (
        "2 rows without a numeric value were left out, the first on line 3: 'positive'",
    )


def test_a_missing_column_is_named_with_all_that_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("patient,time,code,value,unit\n")
    with pytest.raises(CohortUnusable, match="lacks the column site; it needs patient, site"):
        read_csv(path)


def test_numeric_attributes_become_quarters(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("patient,age,sex\n" + "".join(f"p{n},{n},f\n" for n in range(8)))
    found = read_groups(path)
    assert found["p0"] == {"age": "up to 1.75", "sex": "f"}
    assert found["p7"]["age"] == "above 5.25"
    told = sorted({one["age"] for one in found.values()}, key=in_order)
    assert told == ["up to 1.75", "1.75 to 3.5", "3.5 to 5.25", "above 5.25"]
    assert sorted(["SS", "SC"], key=in_order) == ["SC", "SS"]


def test_a_file_of_subgroups_is_read_as_the_cohort_is(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes("\ufeffPatient;Ort\r\n a ;Köln\r\n".encode())
    assert read_groups(path) == {"a": {"Ort": "Köln"}}
    path.write_bytes("patient,ort\na,Köln\n".encode("latin-1"))
    with pytest.raises(CohortUnusable, match="not a UTF-8 CSV file"):
        read_groups(path)
    with pytest.raises(CohortUnusable, match="cannot be read: No such file"):
        read_groups(tmp_path / "none.csv")
    with pytest.raises(CohortUnusable, match=r"name no patient of cohort.*such as 'a'"):
        read_csv(written(tmp_path, "a,x,0,hb,7,g/dL"), {"A": {"sex": "f"}})
