"""`assent site join`: all is checked against the site's own node before a file is written."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from stack.certificates import make_server_certificate
from tests.hospital import Hospital, assent


@pytest.fixture
def registered(hospital: Hospital) -> Hospital:
    assert hospital.register().code == 0
    return hospital


def test_joining_shows_the_terms_in_words_and_keeps_only_relative_settings(
    registered: Hospital,
) -> None:
    registered.approve_study()
    joined = registered.join()
    assert joined.code == 0, joined
    assert "training" in joined.words
    assert "disease specific research (DUO:0000007)" in joined.words
    assert "2 patients at each site" in joined.words
    assert "is abandoned and run again" in joined.words
    assert "(this site)" in joined.words
    settings = json.loads((registered.folder / "site.json").read_text())
    assert settings["deployment"] == "deployment.json"
    assert settings["threshold"] == 2
    assert settings["record_tally"] == "../record-tally.db"  # all of a hospital's studies share it
    flower = json.loads((registered.folder / "flower.json").read_text())
    assert flower == {"superlink": registered.services.superlink.address, "ca": "ca.pem"}
    ca = registered.services.superlink.certificate.ca.read_bytes()
    assert (registered.folder / "ca.pem").read_bytes() == ca


def refused_join(hospital: Hospital, code: int, told: str, **changes: object) -> None:
    refused = hospital.join(**changes)
    assert refused.code == code, refused
    assert told in refused.words
    assert not (hospital.folder / "site.json").exists()


def test_an_unknown_study_is_named(registered: Hospital) -> None:
    refused_join(registered, 1, "there is no study 9999: this registry has", study=9999)


def test_a_study_without_approved_terms_is_refused(registered: Hospital) -> None:
    if not registered.world.enrolment_keys:
        registered.world.register_sites()
    registered.study_id = registered.world.propose()
    refused_join(registered, 1, f"study {registered.study_id} has no approved terms")


def test_a_study_that_does_not_name_the_site_is_refused(registered: Hospital) -> None:
    registered.approve_study(sites=tuple(site.address for site in registered.world.sites[:2]))
    refused_join(registered, 1, f"do not name site {registered.account}")


def test_a_site_that_is_not_registered_is_told_how(hospital: Hospital) -> None:
    hospital.world.register_sites() if not hospital.world.enrolment_keys else None
    hospital.study_id = hospital.world.propose()
    hospital.world.approve(hospital.study_id)
    refused_join(hospital, 1, "is not registered on this chain; run `assent site keys")


def test_another_committee_than_the_ethics_board_named_is_refused(registered: Hospital) -> None:
    registered.approve_study()
    stranger = Account.create().address
    reviewers = [stranger, *(one.address for one in registered.world.reviewers[1:])]
    refused_join(registered, 1, "not by the committee in site.json", reviewers=reviewers)
    refused_join(registered, 1, "not by the committee in site.json", threshold=1)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("rpc", "ftp://node", "--rpc: a node's address starts with http:// or https://"),
        ("ipfs", "http://127.0.0.1:5001", "is not a multiaddress"),
        ("superlink", "fl.example.org", "is not HOST:PORT"),
        ("ca", "/nowhere/ca.pem", "--ca: /nowhere/ca.pem is no file"),
        ("threshold", 4, "4 of 3 reviewers cannot approve"),
        ("reviewers", ["0xabc"], "is not an address with its EIP-55 checksum"),
        ("deployment", "/nowhere/deployment.json", "/nowhere/deployment.json is no file"),
        ("study", "one", "'one' is not a valid integer"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    registered: Hospital, option: str, value: object, told: str
) -> None:
    registered.study_id = 1
    refused_join(registered, 2, told, **{option: value})


def test_a_file_that_is_no_authority_is_refused(registered: Hospital, tmp_path: Path) -> None:
    registered.study_id = 1
    made = make_server_certificate(tmp_path / "tls")
    refused_join(registered, 2, "that is no authority's", ca=made.certificate)
    refused_join(registered, 2, "holds no PEM certificate", ca=made.key)


def test_a_folder_takes_part_in_one_study(registered: Hospital) -> None:
    first = registered.approve_study()
    assert registered.join().code == 0
    registered.approve_study()
    refused = registered.join()
    assert refused.code == 1
    assert f"takes part in study {first}; make another folder" in refused.words
    assert registered.join(study=first).code == 0  # settings may be given anew


def test_commands_that_need_a_study_say_so_before_joining(registered: Hospital) -> None:
    for command in (["start"], ["status"]):
        refused = assent("site", *command, registered.folder)
        assert refused.code == 2
        assert "run `assent site join` for this folder first" in refused.words
