"""`assent site load` and `assent site enrol`."""

import contextlib
import json
import stat
from pathlib import Path

import pytest
from eth_account import Account

from study.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from tests.hospital import Hospital, assent, write_export

MAPPING = """
format: assent-lis-1
timezone: Europe/Berlin
columns: {patient: NR, time: TAKEN, code: TEST, value: RESULT, unit: UNIT}
time_formats: ["%Y-%m-%d"]
unknown_patients: create
codes: {BILI: {loinc: 1975-2}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert assent("site", "init", tmp_path / "site").code == 0
    return tmp_path / "site"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_export(tmp_path / "export", 3)
    return tmp_path / "export"


def test_a_load_shows_counts_and_conversions(folder: Path, export: Path) -> None:
    loaded = assent("site", "load", folder, export)
    assert loaded.code == 0, loaded
    assert "12 resources are loaded, 0 lines were rejected" in loaded.words
    assert "umol/L" in loaded.words
    again = assent("site", "load", folder, export, "--json").json
    assert again["resources"] == {"Observation": {"unchanged": 9}, "Patient": {"unchanged": 3}}
    assert again["conversions"] == [
        {"loinc": "1975-2", "from": "umol/L", "to": "mg/dL", "count": 9}
    ]


def test_rejected_lines_are_listed_and_fail_unless_allowed(folder: Path, export: Path) -> None:
    lines = (export / "Observation.ndjson").read_text().splitlines()
    lines[1] = lines[1].replace("umol/L", "parsecs")
    lines.insert(4, '{"resourceType": ')
    (export / "Observation.ndjson").write_text("\n".join(lines) + "\n")
    loaded = assent("site", "load", folder, export)
    assert loaded.code == 1
    assert "Observation.ndjson │ 2 │ UNIT_NOT_UCUM" in loaded.words
    assert "Observation.ndjson │ 5 │ LINE_NOT_JSON" in loaded.words
    assert "11 resources are loaded, 2 lines were rejected" in loaded.words
    allowed = assent("site", "load", folder, export, "--allow-rejected", "--json")
    assert allowed.code == 0
    told = {one["line"]: one["code"] for one in allowed.json["rejections"]}
    assert told == {2: "UNIT_NOT_UCUM", 5: "LINE_NOT_JSON"}


@pytest.mark.parametrize("name", ["lab.csv", "lab.TSV", "lab.csv.gz"])
def test_csv_without_a_mapping_is_told_what_it_wants(
    folder: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("PATNR;TEST\np1;BILI\n")
    refused = assent("site", "load", folder, tmp_path / name)
    assert refused.code == 2
    assert f"{name} is CSV: say how to read it with --mapping" in refused.words


def test_lis_rows_are_loaded_by_a_mapping(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "lab.csv").write_text(
        "NR,TAKEN,TEST,RESULT,UNIT\n7,2020-01-02,BILI,1.5,mg/dL\n7,2020-01-03,BILI,-1,mg/dL\n"
    )
    loaded = assent(
        *("site", "load", folder, tmp_path / "lab.csv"),
        *("--mapping", tmp_path / "map.yaml", "--json"),
    )
    assert loaded.code == 1
    assert loaded.json["rejected_by_code"] == {"VALUE_NEGATIVE": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere"),
        (["empty"], "empty"),
        (["empty", "--zone", "Mars/Base"], "'Mars/Base' is not an IANA time zone"),
        (["empty", "--mapping", "nowhere.yaml"], "nowhere.yaml: no such mapping file"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    refused = assent("site", "load", folder, *arguments)
    assert refused.code == 2
    assert told in refused.words


def test_an_enrolment_becomes_a_consent_once(ready_hospital: Hospital) -> None:
    token = ready_hospital.consent("p3")
    owner = ready_hospital.chain.consent.owner_of(token)
    assert owner == ready_hospital.holders[-1].address


def test_an_enrolment_names_no_record_and_its_signer_is_the_registered_key(
    ready_hospital: Hospital, tmp_path: Path
) -> None:
    holder = Account.create().address
    path = tmp_path / "enrolment.json"
    done = assent(
        *("site", "enrol", ready_hospital.folder, "p4"),
        *("--holder", holder, "--days", 2, "--out", path),
    )
    assert done.code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert '"p4"' not in path.read_text()
    file = EnrolmentFile.load(path)
    known = ready_hospital.chain.registry.site(ready_hospital.account)
    assert file.signer == known.enrolment_key
    assert file.enrolment.holder == holder
    assert file.enrolment.study_id == ready_hospital.study_id
    overwriting = assent(
        "site", "enrol", ready_hospital.folder, "p4", "--holder", holder, "--out", path
    )
    assert (overwriting.code, "exists; name another file" in overwriting.err) == (2, True)


def test_every_member_of_an_enrolment_file_is_bound(ready_hospital: Hospital) -> None:
    holder = Account.create().address
    printed = assent("site", "enrol", ready_hospital.folder, "p4", "--holder", holder)
    raw = json.loads(printed.out)
    key = ready_hospital.chain.registry.site(ready_hospital.account).enrolment_key
    other = Account.create().address
    changes: dict[str, object] = {
        "study_id": 77,
        "site": other,
        "holder": other,
        "record_tag": "0x" + "11" * 32,
        "record_commitment": "0x" + "11" * 32,
        "issued_at": 1,
        "deadline": 1,
    }
    assert set(changes) == set(raw["enrolment"])
    altered = [
        raw | {"enrolment": raw["enrolment"] | {name: value}} for name, value in changes.items()
    ]
    altered += [raw | {"chain_id": 1}, raw | {"consent_token": other}]
    for one in altered:
        with contextlib.suppress(EnrolmentFileInvalid):
            assert EnrolmentFile.parse(json.dumps(one).encode()).signer != key, one
    with pytest.raises(EnrolmentFileInvalid, match="no other"):
        EnrolmentFile.parse(json.dumps(raw | {"record": "p4"}).encode())
    with pytest.raises(EnrolmentFileInvalid, match="ask the site for a new enrolment"):
        EnrolmentFile.parse(json.dumps(raw | {"schema": "assent-enrolment-1"}).encode())
    with pytest.raises(EnrolmentFileInvalid, match="record_tag is not 0x and 64"):
        short = raw | {"enrolment": raw["enrolment"] | {"record_tag": "0x11"}}
        EnrolmentFile.parse(json.dumps(short).encode())


@pytest.mark.parametrize(
    ("record", "holder", "told"),
    [
        ("nobody", f"0x{7:040x}", "no usable patient of this store has that record id"),
        ("p1", "0x1234", "is not an address with its EIP-55 checksum"),
    ],
)
def test_an_enrolment_that_cannot_be_made_is_refused(
    ready_hospital: Hospital, record: str, holder: str, told: str
) -> None:
    refused = assent("site", "enrol", ready_hospital.folder, record, "--holder", holder)
    assert refused.code == 2
    assert told in refused.err
