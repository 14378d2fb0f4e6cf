"""`assent patient`: consent by a browser's passkey, and by a minor's guardian account."""

from __future__ import annotations

import base64
import json
from datetime import date
from pathlib import Path

from eth_account import Account

from chain.guardians import last_quarter_before_majority
from chain.messages import Grant, Revocation, signer_of_account
from chain.signed_act import read_typed_data
from tests.browser_passkey import Assertion, BrowserPasskey
from tests.desk import Desk


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
    wrong = desk.assent(line.replace(str(key), "sponsor.key") + f" --guardian-account {account}")
    assert wrong.code == 1, wrong
    token = desk.must(f"{line} --guardian-account {account}").json["token"]
    found = desk.must(f"patient status {token} --json").json
    assert (found["active"], found["holder"]) == (True, account)
    assert found["use_end"] == end.start

    asked = desk.assent(f"patient challenge {token} 1 --key {key} --yes")
    assert asked.code == 2, asked
    desk.must(
        f"patient sign-revocation {token} {tmp_path}/r.json --key {key}"
        f" --guardian-account {account}"
    )
    desk.must(
        f"patient revoke {token} --key {key} --guardian-account {account}"
        " --carrier-key carrier.key --yes"
    )
    assert desk.must(f"patient status {token} --json").json["revoked_at"] is not None
