"""`assent patient`: consent by a browser's passkey, and by a minor's guardian account."""

from __future__ import annotations

import base64
import json
from datetime import date
from pathlib import Path

from eth_account import Account

from chain.guardians import Rotation, last_quarter_before_majority
from chain.messages import Grant, Revocation, signer_of_account
from chain.signed_act import read_typed_data
from tests.browser_passkey import Assertion, BrowserPasskey
from tests.desk import Desk
from tests.guardians import Guarded


def as_json(assertion: Assertion) -> str:
    """What `credential.toJSON()` gives, as far as it matters."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return json.dumps(
        {
            "id": "anything",
            "type": "public-key",
            "response": {
                "authenticatorData": encoded(assertion.authenticator_data),
                "clientDataJSON": encoded(assertion.client_data_json),
                "signature": encoded(assertion.signature),
            },
        }
    )


def test_a_passkey_grants_and_revokes_with_no_wallet_and_no_ether(
    desk: Desk, tmp_path: Path
) -> None:
    study = desk.approved()
    files = {name: tmp_path / f"{name}.json" for name in ("grant", "revocation", "answer")}
    der = tmp_path / "key.der"
    with BrowserPasskey() as phone:
        der.write_bytes(phone.public_key)
        address = desk.must(f"patient passkey {der} --json").json["address"]
        enrolment = desk.write_enrolment(study, address, "phone")
        typed = desk.must(f"patient read {enrolment} --json").json
        domain, grant = read_typed_data(typed, Grant)
        files["grant"].write_text(json.dumps(typed))
        files["answer"].write_text(as_json(phone.assert_challenge(grant.digest(domain))))
        assemble = f"patient assemble {files['grant']} {files['answer']} {der}"
        bare = desk.assent(f"{assemble} {tmp_path}/a.json")
        assert (bare.code, "needs the enrolment" in bare.words) == (2, True), bare
        desk.must(f"{assemble} {tmp_path}/a.json --enrolment {enrolment}")
        granted = desk.must(f"patient submit {tmp_path}/a.json --key carrier.key --json").json
        token = granted["token"]
        assert desk.must(f"patient status {token} --json").json["active"] is True

        mistyped = desk.assent(f"patient message {int(token) + 1}")
        assert (mistyped.code, "There is no consent" in mistyped.words) == (1, True), mistyped
        typed = desk.must(f"patient message {token}").json
        domain, revocation = read_typed_data(typed, Revocation)
        files["revocation"].write_text(json.dumps(typed))
        # The answer to the grant does not do for the revocation.
        assemble = (
            f"patient assemble {files['revocation']} {files['answer']} {der} {tmp_path}/r.json"
        )
        other = desk.assent(assemble)
        assert (other.code, "another challenge" in other.words) == (2, True), other
        files["answer"].write_text(as_json(phone.assert_challenge(revocation.digest(domain))))
        desk.must(assemble)
    desk.must(f"patient submit {tmp_path}/r.json --key carrier.key")
    assert desk.must(f"patient status {token} --json").json["revoked_at"] is not None


def test_a_guardian_account_grants_until_its_quarter_and_revokes(
    desk: Desk, tmp_path: Path
) -> None:
    study, chain = desk.approved(), desk.world.chain()
    parent = Account.create()
    key = desk.write_key("parent", parent)
    guardians = [signer_of_account(Account.create().address) for _ in range(3)]
    today = date.fromtimestamp(desk.world.now)
    born = date(today.year - 17, today.month, 1)
    end = last_quarter_before_majority(born)
    make = f"patient guardian {study} --key carrier.key --acting {parent.address} --json"
    make += "".join(f" --guardian 0x{one.hex()}" for one in guardians)
    few = desk.assent(make.rpartition(" --guardian")[0] + " --until 2031-Q3")
    assert (few.code, "give 3 signers, not 2" in few.words) == (2, True), few
    until = f"--until {end.year}-Q{end.quarter}"
    account = desk.must(f"{make} {until}").json["account"]
    # Asked for the date of birth it comes to the same account, and it is in no output.
    asked = desk.assent(make, typed=f"{born}\n")
    assert (asked.code, asked.json["account"]) == (0, account), asked
    assert str(born) not in asked.words
    assert chain.guardian_accounts.account(account).guardians() == guardians
    enrolment = desk.write_enrolment(study, account, "minor")
    line = (
        f"patient grant {enrolment} --key {key} --carrier-key carrier.key --days 3650 --yes --json"
    )
    alone = desk.assent(line)
    assert (alone.code, "have the hospital enrol" in alone.words) == (2, True), alone
    stranger = desk.assent(f"{line} --guardian-account {Account.create().address}")
    assert (stranger.code, "no guardian account" in stranger.words) == (2, True), stranger
    mistyped = desk.assent(f"{line} --guardian-account {account.lower()}")
    assert (mistyped.code, "--guardian-account: " in mistyped.words) == (2, True), mistyped
    mistyped = desk.assent(f"patient guardian-sign 999 --revoke 1 --key {key} --out {tmp_path}/n")
    assert (mistyped.code, "ACCOUNT: 999 is not an address" in mistyped.words) == (2, True)
    wrong = desk.assent(line.replace(str(key), "sponsor.key") + f" --guardian-account {account}")
    assert wrong.code == 1, wrong
    token = desk.must(f"{line} --guardian-account {account}").json["token"]
    found = desk.must(f"patient status {token} --json").json
    assert (found["active"], found["holder"]) == (True, account)
    assert found["use_end"] == end.start

    asked = desk.assent(f"patient challenge {token} 1 --key {key} --yes")
    assert asked.code == 2, asked
    # Nobody would find out before it is carried, when it is too late.
    for number, whose in ((int(token) + 1, account), (token, Account.create().address)):
        useless = desk.assent(
            f"patient sign-revocation {number} {tmp_path}/r.json --key {key}"
            f" --guardian-account {whose}"
        )
        assert useless.code in (1, 2), useless
        assert not (tmp_path / "r.json").exists()
    assert "the token belongs to" in useless.words
    desk.must(
        f"patient sign-revocation {token} {tmp_path}/r.json --key {key}"
        f" --guardian-account {account}"
    )
    desk.must(
        f"patient revoke {token} --key {key} --guardian-account {account}"
        " --carrier-key carrier.key --yes"
    )
    assert desk.must(f"patient status {token} --json").json["revoked_at"] is not None


def test_two_guardians_replace_a_lost_key_and_end_the_consent(desk: Desk, tmp_path: Path) -> None:
    minor = Guarded(desk.world, desk.approved())
    keys = [desk.write_key(f"guardian-{n}", one) for n, one in enumerate(minor.guardians)]
    found = desk.write_key("found-again", Account.create())
    enrolment = desk.write_enrolment(minor.study, minor.address, "guarded")
    acting = desk.write_key("acting", minor.parent)
    granted = f"patient grant {enrolment} --key {acting} --carrier-key carrier.key --days 300 --yes"
    token = desk.must(f"{granted} --guardian-account {minor.address} --json").json["token"]
    new = Account.create().address
    sign = f"patient guardian-sign {minor.address}"
    rotate, revoke = f"{sign} --new-key {new}", f"{sign} --revoke {token}"
    carry = f"patient guardian-carry {minor.address}"

    neither = desk.assent(sign)
    assert (neither.code, "--new-key SIGNER, or --revoke" in neither.words) == (2, True), neither
    stranger = desk.assent(f"{rotate} --out {tmp_path}/x.json --key {found} --yes")
    assert (stranger.code, "is no guardian" in stranger.words) == (2, True), stranger
    for n, key in enumerate(keys[:2]):
        desk.must(f"{rotate} --out {tmp_path}/rotate-{n}.json --key {key} --yes")
        desk.must(f"{revoke} --out {tmp_path}/revoke-{n}.json --key {key} --yes")
    assert (tmp_path / "rotate-0.json").stat().st_mode & 0o077 == 0
    one, two = f"{tmp_path}/rotate-0.json", f"{tmp_path}/rotate-1.json"
    twice = desk.assent(f"{carry} {one} {one} --key carrier.key")
    assert (twice.code, "not one twice" in twice.words) == (2, True), twice
    mixed = desk.assent(f"{carry} {one} {tmp_path}/revoke-1.json --key carrier.key")
    assert (mixed.code, "signed different things" in mixed.words) == (2, True), mixed
    desk.must(f"{carry} {one} {two} --key carrier.key")
    assert minor.account.acting_key() == signer_of_account(new)
    assert minor.account.rotations() == 1
    again = desk.assent(f"{carry} {one} {two} --key carrier.key")
    assert (again.code, "replaced since" in again.words) == (2, True), again
    same = desk.assent(rotate)
    assert (same.code, "has that acting key already" in same.words) == (2, True), same

    # What guardians sign of the token outlives the rotation; the lost key's no longer counts.
    answer = desk.must(
        f"{carry} {tmp_path}/revoke-1.json {tmp_path}/revoke-0.json --key carrier.key --json"
    )
    assert answer.json == {"account": minor.address, "token": token, "revoked": True}
    assert desk.must(f"patient status {token} --json").json["revoked_at"] is not None


def test_a_guardian_with_a_passkey_signs_what_is_shown(desk: Desk, tmp_path: Path) -> None:
    with BrowserPasskey() as phone:
        der = tmp_path / "key.der"
        der.write_bytes(phone.public_key)
        shown = desk.must(f"patient passkey {der} --json").json
        passkey = bytes.fromhex(shown["signer"][2:])
        minor = Guarded(desk.world, desk.approved(), third=passkey)
        new = Account.create().address
        sign = f"patient guardian-sign {minor.address} --new-key {new}"
        domain, rotation = read_typed_data(desk.must(sign).json, Rotation)
        answer = tmp_path / "answer.json"
        answer.write_text(as_json(phone.assert_challenge(rotation.digest(domain))))
    one, two = f"{tmp_path}/one.json", f"{tmp_path}/two.json"
    desk.must(f"{sign} --out {one} --public-key {der} --assertion {answer}")
    key = desk.write_key("guardian-of-phone", minor.guardians[0])
    desk.must(f"{sign} --out {two} --key {key} --yes")
    desk.must(f"patient guardian-carry {minor.address} {one} {two} --key carrier.key")
    assert minor.account.acting_key() == signer_of_account(new)
