"""`assent site init` and `assent site keys`: keys, registration, rotation."""

import dataclasses
import stat
from pathlib import Path

import pytest

from chain.deployment import Deployment
from federation.gate.private_files import write_private_file
from tests.hospital import Hospital, assent

ELSEWHERE = "0x1111111111111111111111111111111111111111"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_closed_to_others_and_holds_nothing_absolute(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    made = assent("site", "init", folder, "--json")
    assert made.code == 0
    assert mode(folder) == mode(folder / "keys") == 0o700
    assert mode(folder / "keys" / "account.key") == mode(folder / "records.db") == 0o600
    names = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in names if str(tmp_path).encode() in path.read_bytes()] == []
    assert made.json == assent("site", "keys", folder, "--json").json


def test_a_folder_with_something_in_it_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert assent("site", "init", folder).code == 0
    before = (folder / "keys" / "public.json").read_bytes()
    again = assent("site", "init", folder)
    assert again.code == 2
    assert "never overwritten" in again.err
    assert (folder / "keys" / "public.json").read_bytes() == before


def test_the_parent_folder_must_exist(tmp_path: Path) -> None:
    missing = assent("site", "init", tmp_path / "no" / "site")
    assert missing.code == 2
    assert str(tmp_path / "no" / "site") in missing.err


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert assent("site", "init", folder).code == 0
    folder.chmod(0o755)
    refused = assent("site", "keys", folder)
    assert refused.code == 2
    assert f"{folder} is open to other users; run: chmod 700" in refused.err


def test_nobody_is_told_to_close_a_folder_that_is_not_a_sites(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    mistyped = assent("site", "keys", folder)
    assert mistyped.code == 2
    assert "is no site's folder; make one with `assent site init`" in mistyped.words
    assert "chmod" not in mistyped.words


def test_the_command_that_closes_a_folder_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "a site"
    assert assent("site", "init", folder).code == 0
    folder.chmod(0o755)
    assert f"run: chmod 700 '{folder}'" in assent("site", "keys", folder).words


def test_registering_enters_the_public_keys_and_may_be_repeated(hospital: Hospital) -> None:
    public = assent("site", "keys", hospital.folder, "--json").json
    assert hospital.register().code == 0
    assert hospital.register().code == 0
    known = hospital.chain.registry.site(hospital.account)
    assert known.enrolment_key == public["enrolment_key"]
    assert "0x" + known.noise_secret_hash.hex() == public["noise_secret_hash"]


def test_registering_needs_to_know_node_and_deployment(hospital: Hospital) -> None:
    no_node = assent("site", "keys", hospital.folder, "--register")
    assert (no_node.code, "--rpc URL" in no_node.err) == (2, True)
    no_file = assent("site", "keys", hospital.folder, "--register", "--rpc", hospital.world.rpc_url)
    assert (no_file.code, "--deployment FILE" in no_file.err) == (2, True)


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"chain_id": 5}, 2, "The node serves another chain: its chain id is 31337"),
        ({"genesis_hash": bytes(32)}, 2, "its genesis block"),
        ({"ledger": ELSEWHERE}, 2, f"There is no contract at {ELSEWHERE}"),
        ({"ledger": "registry"}, 2, "Do not use it: it is not the contract that was approved"),
    ],
)
def test_a_chain_that_is_not_the_deployments_is_refused(
    hospital: Hospital, change: dict[str, object], code: int, told: str
) -> None:
    right = hospital.world.deployment
    if change.get("ledger") == "registry":
        change = {"ledger": right.registry}
    wrong = dataclasses.replace(right, **change)  # type: ignore[arg-type]
    wrong.save(hospital.deployment_file)
    refused = hospital.register()
    assert refused.code == code
    assert told in refused.words
    assert not (hospital.folder / "deployment.json").exists()


def test_a_node_that_is_away_is_told_with_code_3(hospital: Hospital) -> None:
    away = assent(
        *("site", "keys", hospital.folder, "--register", "--rpc", "http://127.0.0.1:9"),
        *("--deployment", hospital.deployment_file),
    )
    assert away.code == 3
    assert "http://127.0.0.1:9 gives no usable answer" in away.err


def test_a_file_that_is_no_deployment_is_named(hospital: Hospital) -> None:
    hospital.deployment_file.write_text("{}")
    refused = hospital.register()
    assert refused.code == 2
    assert f"{hospital.deployment_file} is not a deployment file" in refused.err


def test_a_folder_stays_with_its_deployment(hospital: Hospital) -> None:
    assert hospital.register().code == 0
    own = Deployment.load(hospital.deployment_file)
    dataclasses.replace(own, block_number=own.block_number + 1).save(hospital.deployment_file)
    refused = hospital.register()
    assert refused.code == 2
    assert "belongs to another deployment" in refused.err


def test_rotating_changes_the_enrolment_key_here_and_on_chain(hospital: Hospital) -> None:
    assert hospital.register().code == 0
    before = assent("site", "keys", hospital.folder, "--json").json
    rotated = assent(
        *("site", "keys", hospital.folder, "--rotate-enrolment-key", "--json"),
        *("--rpc", hospital.world.rpc_url),
    )
    assert rotated.code == 0
    after = rotated.json
    assert after["enrolment_key"] != before["enrolment_key"]
    assert after["account"] == before["account"]
    known = hospital.chain.registry.site(hospital.account).enrolment_key
    assert known == after["enrolment_key"]
    assert mode(hospital.folder / "keys" / "enrolment.key") == 0o600


@pytest.mark.parametrize("sent", [False, True])
def test_a_rotation_that_was_cut_short_is_finished(hospital: Hospital, sent: bool) -> None:
    from eth_account import Account

    from chain.chain import Chain
    from federation.gate.keys import SiteKeys

    assert hospital.register().code == 0
    following = Account.create()
    path = hospital.folder / "keys" / "enrolment.key.next"
    write_private_file(path, f"0x{bytes(following.key).hex()}\n".encode())
    if sent:
        keys = SiteKeys.open(hospital.folder / "keys")
        chain = Chain.connect(
            hospital.world.rpc_url,
            hospital.world.deployment,
            account=keys.account,
            journal=hospital.folder / "transactions.db",
        )
        chain.registry.rotate_enrolment_key(following.address)
    finished = assent(
        *("site", "keys", hospital.folder, "--rotate-enrolment-key", "--json"),
        *("--rpc", hospital.world.rpc_url),
    )
    assert finished.code == 0
    assert finished.json["enrolment_key"] == following.address
    assert hospital.chain.registry.site(hospital.account).enrolment_key == following.address
    assert not path.exists()


@pytest.mark.parametrize("torn", ["", "0x12", "0x" + "zz" * 32])
def test_a_new_key_that_was_not_written_whole_is_made_anew(hospital: Hospital, torn: str) -> None:
    """Its process died, or the disk was full, before the chain could hear of it."""
    assert hospital.register().code == 0
    path = hospital.folder / "keys" / "enrolment.key.next"
    write_private_file(path, torn.encode())
    rotated = assent(
        *("site", "keys", hospital.folder, "--rotate-enrolment-key", "--json"),
        *("--rpc", hospital.world.rpc_url),
    )
    assert rotated.code == 0
    known = hospital.chain.registry.site(hospital.account).enrolment_key
    assert known == rotated.json["enrolment_key"]
    assert not path.exists()
