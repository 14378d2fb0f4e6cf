"""`assent site preflight`: each thing that is missing is one line that says what to do."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from federation.gate.record_register import RecordRegister
from stack.certificates import make_server_certificate
from tests.hospital import Hospital, assent


def failing(folder: Path) -> dict[str, str]:
    """What each failing check found."""
    answer = assent("site", "preflight", folder, "--json")
    checks = answer.json["checks"]
    found = {check["name"]: check["found"] for check in checks if not check["ok"]}
    assert answer.code == (1 if found else 0)
    assert all(check["remedy"] for check in checks if not check["ok"])
    return found


@pytest.fixture
def copied(ready_hospital: Hospital, tmp_path: Path) -> Path:
    """A copy of a ready site's folder, to be damaged."""
    shutil.copytree(ready_hospital.folder, tmp_path / "site")
    return tmp_path / "site"


def change_settings(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_ready_site_passes_every_check(ready_hospital: Hospital) -> None:
    shown = assent("site", "preflight", ready_hospital.folder)
    assert shown.code == 0, shown
    assert "Ready." in shown.out
    assert "✗" not in shown.out
    assert shown.out.count("✓") == 17


def test_a_folder_or_secret_open_to_others(copied: Path) -> None:
    (copied / "transactions.db").touch()
    (copied / "transactions.db").chmod(0o644)
    assert "transactions.db" in failing(copied)["folder"]
    copied.chmod(0o755)
    assert "is open to other users; run: chmod 700" in failing(copied)["folder"]


def test_a_ceiling_that_a_study_would_reach_is_a_warning_and_fails_nothing(copied: Path) -> None:
    for ceiling, told in (
        (0, "Of 2 records 2 have reached the hospital's ceiling of rho 0 "),
        (10**18, "Of 2 records 0 have reached the hospital's ceiling of rho 1 "),
        (10**24, ""),
    ):
        change_settings(copied, "site.json", record_rho_ceiling=ceiling)
        answer = assent("site", "preflight", copied, "--json")
        found = next(one for one in answer.json["checks"] if one["name"] == "record ceiling")
        assert (answer.code, found["ok"]) == (0, True)
        assert told in found["warning"] and bool(told) == bool(found["warning"])
    shown = assent("site", "record-tally", copied, "--json").json
    assert (shown["records"], shown["at_ceiling"], shown["ceiling"]) == (2, 0, str(10**24))
    assert shown["file"] == str(copied.parent / "record-tally.db")


def test_a_patient_who_said_yes_and_gives_nothing_is_told(copied: Path, tmp_path: Path) -> None:
    def warning() -> str:
        answer = assent("site", "preflight", copied, "--json")
        found = next(one for one in answer.json["checks"] if one["name"] == "cohort")
        assert (answer.code, found["ok"]) == (0, True)
        return str(found["warning"])

    assert warning() == ""
    merged = {"other": {"reference": "Patient/p3"}, "type": "replaced-by"}
    patient = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "2"}, "link": [merged]}
    export = tmp_path / "merged.ndjson"
    export.write_text(json.dumps(patient) + "\n")
    assert assent("site", "load", copied, export).code == 0
    assert "Of 2 patients who said yes 1 have no result here" in warning()
    assert "enrolled with that one" in warning() and "p1" not in warning()
    shutil.copytree(copied.parent / "site", tmp_path / "restored")
    (tmp_path / "restored/keys/salts.db").unlink()
    RecordRegister(tmp_path / "restored/keys/salts.db").close()
    copied = tmp_path / "restored"
    assert "Of 2 patients who said yes 2 have no result here" in warning()


def test_a_tally_of_records_that_is_damaged_or_open_to_others(copied: Path) -> None:
    change_settings(copied, "site.json", record_tally="tally.db")
    (copied / "tally.db").write_bytes(b"not a database" * 500)
    (copied / "tally.db").chmod(0o600)
    assert "tally.db is damaged" in failing(copied)["record ceiling"]
    (copied / "tally.db").chmod(0o640)
    assert "tally.db is open to other users; run: chmod 600" in failing(copied)["record ceiling"]


def test_a_damaged_file_is_one_line_that_says_what_mends_it(copied: Path) -> None:
    (copied / "high-water.db").write_bytes(b"not a database" * 1000)
    (copied / "records.db").write_bytes(b"not a database" * 1000)
    answer = assent("site", "preflight", copied, "--json")
    found = {check["name"]: check for check in answer.json["checks"]}
    assert (answer.code, len(found)) == (1, 17)
    for name, file in (("chain", "high-water.db"), ("records", "records.db")):
        assert f"{file} " in found[name]["found"]
        assert "restore a backup" in found[name]["found"]
        assert (found[name]["outcome"], found[name]["remedy"]) == ("fails", "do what its line says")
    assert (found["balance"]["outcome"], found["flwr"]["outcome"]) == ("waits", "holds")
    told = assent("site", "preflight", copied).out
    assert "✗ records: do what its line says." in told
    assert "✗ balance: " not in told


def test_a_chain_that_is_away_is_said_once_and_the_rest_waits_for_it(copied: Path) -> None:
    change_settings(copied, "site.json", rpc_url="http://127.0.0.1:9")
    found = failing(copied)
    assert "http://127.0.0.1:9 gives no usable answer" in found["chain"]
    assert found["balance"] == found["clock"] == "not asked: no chain"
    assert set(found) == {
        *("chain", "chain is fresh", "clock", "balance", "study"),
        *("site in terms", "not barred", "IPFS", "cohort", "record ceiling"),
    }


def test_a_node_that_stands_still(copied: Path, ready_hospital: Hospital) -> None:
    change_settings(copied, "site.json", max_head_age_seconds=1)
    # ages are told in whole seconds
    time.sleep(max(0.0, ready_hospital.chain.head().timestamp + 2 - time.time()))
    assert "at most 1 s are allowed" in failing(copied)["chain is fresh"]


def test_another_committee(copied: Path) -> None:
    change_settings(copied, "site.json", threshold=3)
    assert "not by the committee in site.json" in failing(copied)["study"]


def test_services_that_are_away(copied: Path) -> None:
    change_settings(copied, "site.json", ipfs_api="/ip4/127.0.0.1/tcp/9/http")
    change_settings(copied, "flower.json", superlink="127.0.0.1:9")
    found = failing(copied)
    assert set(found) == {"IPFS", "SuperLink"}
    assert "127.0.0.1:9 cannot be reached" in found["SuperLink"]


def test_a_superlink_that_another_authority_vouches_for(copied: Path, tmp_path: Path) -> None:
    other = make_server_certificate(tmp_path / "tls")
    shutil.copyfile(other.ca, copied / "ca.pem")
    assert "ca.pem does not vouch for its certificate" in failing(copied)["SuperLink"]


def test_keys_that_another_passphrase_or_mode_keeps_closed_want_no_backup(copied: Path) -> None:
    (copied / "keys" / "noise.secret").chmod(0o644)
    answer = assent("site", "preflight", copied, "--json")
    keys = next(one for one in answer.json["checks"] if one["name"] == "keys")
    assert "run: chmod 600" in keys["found"]
    assert keys["remedy"].startswith("do what its line says")


def test_damaged_keys(copied: Path) -> None:
    (copied / "keys" / "noise.secret").write_bytes(bytes(32))
    assert "is not the secret that was registered" in failing(copied)["keys"]


def test_a_fresh_site_lacks_everything_that_joining_and_loading_bring(hospital: Hospital) -> None:
    found = failing(hospital.folder)
    assert "run `assent site join`" in found["settings"]
    assert found["records"] == "no usable record is loaded"
    assert found["SuperLink"].endswith("for this folder first")


def test_an_empty_site_without_consents_or_ether(hospital: Hospital) -> None:
    assert hospital.register().code == 0
    hospital.approve_study(recipe_hash=bytes([7]) * 32)
    assert hospital.join().code == 0
    found = failing(hospital.folder)
    assert set(found) == {"records", "cohort", "IPFS"}
    assert found["cohort"] == "0 active consents; the study needs 2 at each site"
    assert "the study's recipe is not there" in found["IPFS"]


def test_an_account_without_ether(copied: Path) -> None:
    # The keys of a site that nobody funded, in a folder that is otherwise ready.
    poor = copied.parent / "poor"
    assert assent("site", "init", poor).code == 0
    shutil.rmtree(copied / "keys")
    shutil.copytree(poor / "keys", copied / "keys")
    found = failing(copied)
    assert found["balance"].startswith("0.000000 ether; a round may cost")
    assert "is not registered on this chain" in found["site in terms"]


def test_a_folder_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    refused = assent("site", "preflight", tmp_path)
    assert refused.code == 2
    assert f"{tmp_path} is no site's folder" in refused.words
