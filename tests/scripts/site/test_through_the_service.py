"""A site and its patients through the service: codes, receipts, erasures, and lies of a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlalchemy import delete, update

from api.enrolments.tables import EnrolmentOffer
from api.receipts.tables import ReceiptKeyRow
from audit.cohort import Status, vector_hash
from chain.messages import (
    Commitment,
    ErasureRequest,
    ReceiptKey,
    Revocation,
    signer_of_account,
    split_token_id,
    token_id,
)
from federation.app.admit import admit, cohort_root
from federation.gate.journal import Journal
from federation.gate.kept_cohort import KeptCohort
from federation.gate.keys import SiteKeys
from federation.gate.private_files import write_private_file
from federation.gate.site import Site
from federation.gate.snapshots import KeptSnapshot, Snapshots
from scripts.keys import read_x25519
from study.disclosure_envelope import open_disclosure
from study.service_client import ServiceClient
from study.statements import Statement
from tests.api.serving import Served, serving
from tests.hospital import Answer, Hospital, Services, assent
from tests.world import World, fresh_mask_key, sha256


@dataclass
class Place:
    """A hospital in a study, a service, and a folder with patients' keys."""

    hospital: Hospital
    served: Served
    folder: Path

    def site(self, command: str, *arguments: object) -> Answer:
        return assent("site", command, self.hospital.folder, *arguments, "--api", self.served.url)

    def patient(self, command: str, *arguments: object, service: bool = True) -> Answer:
        """A patient's command, with the chain that it needs."""
        chain: list[object] = ["--rpc", self.hospital.world.rpc_url]
        chain += ["--deployment", self.hospital.deployment_file]
        api: list[object] = ["--api", self.served.url] if service else []
        options = api if command == "receipts" else [*chain, *api]
        return assent("patient", command, *arguments, *options)

    def write_key(self, name: str, account: LocalAccount) -> Path:
        path = self.folder / f"{name}.key"
        write_private_file(path, b"0x" + bytes(account.key).hex().encode() + b"\n")
        return path

    def consenting(self, record: str) -> tuple[LocalAccount, int]:
        """A patient of the hospital who has consented."""
        token = self.hospital.consent(record)
        self.served.index()
        return self.hospital.holders[-1], token

    def asks(self, holder: LocalAccount, path: str, body: Any = None) -> Any:
        """A request of a patient's app."""
        with ServiceClient(self.served.url) as service:
            service.sign_in(holder)
            return service.post(path, body) if body is not None else service.get(path)

    def round(self) -> int:
        """A round in which the site admits and commits as it does, and which is then broken off."""
        world, study = self.hospital.world, self.hospital.study_id
        number = world.open_round(study)
        site = Site(self.hospital.folder)
        with closing(site.keys), closing(site.journal), site.records, site.store:
            _commit(site, study, number)
        world.chain(world.coordinator).ledger.abort(study, number)
        return number


def _commit(site: Site, study: int, number: int) -> None:
    """What `federation.app.site_round` does, with zeros instead of what it would train."""
    chain = site.chain
    opened = chain.ledger.round(study, number)
    terms = chain.registry.terms(study, opened.version)
    cohort = admit(chain, terms, study, opened, site.address)
    place = chain.deployment

    def salt_of(index: int) -> bytes:
        return site.keys.leaf_salt(place.chain_id, place.ledger, study, number, 1, index)

    root = cohort_root(chain, study, number, site.address, cohort.statuses, salt_of)
    kept = KeptCohort(1, cohort.block.number, root, cohort.statuses).to_bytes()
    reserved = site.journal.reserve(study, number, 1, b"", kept)
    stored = site.journal.store(reserved, b"\0" * 8, vector_hash(reserved.salt, b"\0" * 8))
    assert stored.vector_hash is not None
    chain.ledger.commit(
        study,
        number,
        Commitment(
            attempt=1,
            cohort_root=root,
            cohort_size=cohort.size,
            block_number=cohort.block.number,
            block_hash=cohort.block.hash,
            epoch=cohort.epoch,
            vector_hash=stored.vector_hash,
            mask_key=fresh_mask_key(),
            environment_hash=sha256("environment"),
        ),
    )


@pytest.fixture(scope="module")
def place(
    site_world: World, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("through")
    hospital = Hospital.ready(site_world, services, folder)
    assert hospital.load(8).code == 0
    with serving(site_world.rpc_url, hospital.deployment_file, folder) as served:
        served.index()
        yield Place(hospital, served, folder)


def test_a_patient_is_enrolled_by_a_code(place: Place, tmp_path: Path) -> None:
    holder: LocalAccount = Account.create()
    key, out = place.write_key("by-code", holder), tmp_path / "enrolment.json"
    made = place.site("enrol", "p3", "--code", "--qr", tmp_path / "code.png")
    assert made.code == 0, made
    code = made.out.split()[0]
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG")
    assert "offered" in place.site("enrolments").words

    link = f"{place.served.url}/enrol#{code}"
    waiting = place.patient("claim", link, out, "--key", key)
    assert (waiting.code, "has not answered yet" in waiting.words) == (0, True), waiting
    other = place.write_key("other", Account.create())
    late = place.patient("claim", code, out, "--key", other)
    assert (late.code, "was used before" in late.words) == (1, True), late
    collected = place.site("enrolments", "--collect")
    assert (collected.code, f"p3: enrolled {holder.address}" in collected.words) == (0, True)
    again = place.site("enrolments", "--collect", "--json")
    assert (again.code, again.json) == (0, {"enrolled": []})

    taken = place.patient("claim", code, out, "--key", key)
    assert taken.code == 0, taken
    read = place.patient("read", out, service=False)
    assert (read.code, holder.address in read.words) == (0, True), read
    gone = place.patient("claim", code, out, "--key", key)
    assert (gone.code, "There is no such thing" in gone.words) == (1, True), gone
    assert '"p3"' not in out.read_text()


def test_a_service_cannot_take_a_patients_place(place: Place, tmp_path: Path) -> None:
    holder: LocalAccount = Account.create()
    key, out = place.write_key("robbed", holder), tmp_path / "enrolment.json"
    code = place.site("enrol", "p4", "--code", "--qr", tmp_path / "code.png").out.split()[0]
    assert place.patient("claim", code, out, "--key", key).code == 0
    with place.served.service.sessions.begin() as database:
        swapped = update(EnrolmentOffer).where(EnrolmentOffer.holder == holder.address)
        database.execute(swapped.values(holder=Account.create().address))
    collected = place.site("enrolments", "--collect")
    assert (collected.code, "NOT made with the code and is void" in collected.words) == (1, True)
    assert place.patient("claim", code, out, "--key", key).code == 1
    with closing(SiteKeys.open(place.hospital.folder / "keys")) as keys:
        assert keys.register.enrolments("p4") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["p1"], "--holder, or make a --code"),
        (["p1", "--code", "--holder", "0x1"], "--holder, or make a --code"),
        (["nobody", "--code"], "no usable patient"),
        (["p1", "--code", "--out", "x.json"], "--out is for --holder"),
    ],
)
def test_what_makes_no_code_is_named(place: Place, arguments: list[str], told: str) -> None:
    refused = place.site("enrol", *arguments)
    assert (refused.code, told in refused.words) == (2, True), refused


def test_a_program_signs_in_only_to_the_service_that_it_was_told_of(place: Place) -> None:
    """Somebody in between could pass a sign-in on to the real service."""
    folder = place.hospital.folder
    elsewhere = place.served.url.replace("127.0.0.1", "localhost")
    refused = assent("site", "erasures", folder, "--api", elsewhere)
    assert (refused.code, "wants a sign-in to 127.0.0.1" in refused.words) == (1, True), refused
    nobody = assent("site", "erasures", folder, "--api", "http://127.0.0.1:1")
    assert (nobody.code, "does not answer" in nobody.words) == (3, True), nobody
    unusable = assent("site", "erasures", folder, "--api", "ftp://example.org")
    assert (unusable.code, "--api" in unusable.words) == (2, True), unusable


def test_receipts_reach_the_patient_alone_and_say_what_they_prove(place: Place) -> None:
    holder, token = place.consenting("p5")
    key, receipt_key = place.write_key("receipts", holder), place.folder / "x25519.key"
    number = place.round()
    assert place.site("send-receipts", "--json").json["sent"] == 0
    named = place.patient("receipt-key", receipt_key, "--key", key)
    assert named.code == 0, named
    first = place.site("send-receipts", "--json")
    assert (first.code, first.json["sent"], first.json["refused"]) == (0, 1, {}), first
    again = place.site("send-receipts", "--json").json
    assert (again["sent"], again["held"]) == (0, 1)

    folder = place.folder / "receipts"
    folder.mkdir()
    fetched = place.patient("receipts", token, folder, "--key", key, "--json").json["files"]
    (sealed,) = (Path(file) for file in fetched)
    options = ["--receipt-key", receipt_key, "--out", place.folder / "open.json"]
    opened = place.patient("open-receipt", sealed, *options, service=False)
    assert opened.code == 0, opened
    assert f"round {number}; by that commitment, your record was counted in it" in opened.words
    assert "broken off: it changed no model" in opened.words
    assert "what the hospital committed to, not what it computed with" in opened.words

    # What the site writes by hand, as an answer to a question, is the same receipt.
    by_hand = place.folder / "by-hand.json"
    folder_ = place.hospital.folder
    assert assent("site", "receipt", folder_, number, token, by_hand).code == 0
    assert by_hand.read_bytes() == (place.folder / "open.json").read_bytes()
    assert (
        place.patient("open-receipt", by_hand, service=False).words
        == opened.words.replace(f"Wrote {place.folder / 'open.json'}.", "").strip()
    )

    online = ["--rpc", place.hospital.world.rpc_url, "--deployment", place.hospital.deployment_file]
    checked = assent("receipt", "verify", sealed, "--receipt-key", receipt_key, *online)
    assert (checked.code, checked.words in opened.words) == (0, True), checked

    other = place.folder / "other-x25519.key"
    write_private_file(other, b"0x" + b"11" * 32)
    closed = place.patient("open-receipt", sealed, "--receipt-key", other, service=False)
    assert (closed.code, "not encrypted to this key" in closed.words) == (2, True), closed
    raw = json.loads(by_hand.read_bytes())
    lie = place.folder / "lie.json"
    lie.write_text(json.dumps(raw | {"attempt": 2}, separators=(",", ":"), sort_keys=True))
    refused = place.patient("open-receipt", lie, service=False)
    assert (refused.code, "has committed to another cohort" in refused.words) == (1, True), refused


def test_receipts_leave_as_soon_as_no_other_commitment_can_follow(place: Place) -> None:
    """At the seal, so that what a hospital says later of the round changes nothing."""
    world, study, folder = place.hospital.world, place.hospital.study_id, place.hospital.folder
    holder, others = place.hospital.holders[0], world.sites[:2]
    token = token_id(study, place.hospital.account, 0)
    key = place.write_key("first", holder)
    assert place.patient("receipt-key", place.folder / "first-x25519.key", "--key", key).code == 0
    for other in (*others, *others):
        world.give_consent(study, other, Account.create())
    number = world.open_round(study)
    site = Site(folder)
    with closing(site.keys), closing(site.journal), site.records, site.store:
        _commit(site, study, number)
    for other in others:
        world.commit(study, number, other)

    def sent() -> set[int]:
        assert place.site("send-receipts").code == 0
        held = place.asks(holder, f"/v1/consents/{token}/receipts")
        return {int(one["round"]) for one in held}

    assert number not in sent()
    ledger = world.chain(world.coordinator).ledger
    ledger.seal(study, number)
    assert number in sent()
    ledger.abort(study, number)


def test_a_cohort_is_disclosed_to_a_reviewer_of_the_study_alone(place: Place) -> None:
    _, token = place.consenting("p8")
    number, world = place.round(), place.hospital.world
    chain = ["--rpc", world.rpc_url, "--deployment", place.hospital.deployment_file]

    def key_of(name: str, account: LocalAccount) -> tuple[Path, Path]:
        private, public = place.folder / f"{name}-cohorts.key", place.folder / f"{name}.json"
        signing = place.write_key(f"{name}-signs", account)
        made = assent("irb", "disclosure-key", private, public, "--key", signing, *chain)
        assert made.code == 0, made
        return private, public

    private, public = key_of("reviewer", world.reviewers[0])
    out, folder = place.folder / "cohort.json", place.hospital.folder
    done = assent("site", "disclose", folder, number, out, "--to", public)
    assert done.code == 0, done
    shown = open_disclosure(out.read_bytes(), read_x25519(private))
    ledger = place.hospital.chain.ledger
    committed = ledger.commitment_of(shown.study, number, shown.site)
    assert shown.root == committed.cohort_root
    assert shown.leaves[split_token_id(token)[2]][0] is Status.ADMITTED
    again = assent("site", "disclose", folder, number, out, "--to", public)
    assert (again.code, "exists" in again.words) == (2, True)

    _, stranger = key_of("stranger", Account.create())
    elsewhere = place.folder / "not-written.json"
    refused = assent("site", "disclose", folder, number, elsewhere, "--to", stranger)
    assert (refused.code, "is no reviewer of study" in refused.words) == (1, True), refused
    (place.folder / "junk.json").write_text("[]")
    junk = assent("site", "disclose", folder, number, elsewhere, "--to", place.folder / "junk.json")
    assert junk.code == 2, junk
    nothing = assent("site", "disclose", folder, 99, elsewhere, "--to", public)
    assert nothing.code == 1, nothing
    assert not elsewhere.exists()


def test_a_service_cannot_put_a_key_of_its_own(place: Place) -> None:
    holder, token = place.consenting("p6")
    place.round()
    liar: LocalAccount = Account.create()
    chain = place.hospital.chain
    forged = [
        # Its own key in the holder's name, and its own key in its own name.
        ReceiptKey(holder.address, sha256("liar"), 1),
        ReceiptKey(liar.address, sha256("liar"), 1),
    ]
    for said in forged:
        row = ReceiptKeyRow(
            holder=holder.address,
            x25519=said.x25519,
            issued_at=1,
            statement=Statement.sign(said, chain.consent.domain, liar).to_json(),
            stored_at=place.served.service.clock(),
        )
        with place.served.service.sessions.begin() as database:
            database.merge(row)
        sent = place.site("send-receipts", "--json")
        assert (sent.code, list(sent.json["refused"])) == (1, [str(token)]), sent
    assert place.asks(holder, f"/v1/consents/{token}/receipts") == []

    # Nor bring back one of the holder's own that was replaced.
    for issued, told in ((100, 0), (200, 0), (100, 1)):
        said = ReceiptKey(holder.address, sha256(f"key of {issued}"), issued)
        statement = Statement.sign(said, chain.consent.domain, holder).to_json()
        with place.served.service.sessions.begin() as database:
            named = {"x25519": said.x25519, "issued_at": issued, "statement": statement}
            own = ReceiptKeyRow.holder == holder.address
            database.execute(update(ReceiptKeyRow).where(own).values(**named))
        sent = place.site("send-receipts", "--json")
        assert (sent.code, len(sent.json["refused"])) == (told, told), sent
    assert "replaced this ReceiptKey by a later one" in sent.json["refused"][str(token)]
    with place.served.service.sessions.begin() as database:
        database.execute(delete(ReceiptKeyRow).where(ReceiptKeyRow.holder == holder.address))


def test_an_erasure_waits_for_the_patient_and_is_confirmed_to_them(place: Place) -> None:
    holder, token = place.consenting("p7")
    hospital, chain = place.hospital, place.hospital.chain
    commitment = chain.consent.consent(token).record_commitment
    asked = place.asks(holder, "/v1/me/erasure", {})
    (waiting,) = place.site("erasures", "--json").json["waiting"]
    assert waiting["id"] == asked["sites"][0]["id"]

    def erase(*options: str) -> Answer:
        return place.site("erase-record", waiting["id"], "--yes", *options)

    unsigned = erase()
    assert (unsigned.code, "not signed" in unsigned.words) == (1, True), unsigned
    liar: LocalAccount = Account.create()
    domain, request = chain.consent.domain, ErasureRequest(holder.address, 1)
    with pytest.raises(Exception, match="not signed by"):
        place.asks(
            holder,
            "/v1/me/erasure",
            {"request": Statement.sign(request, domain, liar).to_json()},
        )
    signed = Statement.sign(request, domain, holder).to_json()
    place.asks(holder, "/v1/me/erasure", {"request": signed})
    live = erase()
    assert (live.code, "is not revoked" in live.words) == (1, True), live
    number = hospital.world.open_round(hospital.study_id)
    with closing(Journal.open(hospital.folder / "state.db")) as journal:
        kept = journal.reserve(hospital.study_id, number, 1, b"", b"")
        Snapshots(journal).save(kept, b"frame", {0: ("p7", b"what was read of p7")})

    signature = Revocation(token).sign(holder, domain)
    chain.consent.revoke_by_sig(token, signer_of_account(holder.address), signature)
    done = erase()
    assert (done.code, "Erased: p7" in done.words) == (0, True), done
    with closing(SiteKeys.open(hospital.folder / "keys")) as keys:
        assert keys.record_of(commitment) is None
    # Nor does a round that is under way keep what its replay would have needed of the record.
    with closing(Journal.open(hospital.folder / "state.db")) as journal:
        assert Snapshots(journal).load(kept) == KeptSnapshot(b"frame", {}, erased=True)
    coordinator = hospital.world.chain(hospital.world.coordinator)
    coordinator.ledger.abort(hospital.study_id, number)
    (told,) = place.asks(holder, "/v1/me/erasure")
    assert told["confirmed_at"] is not None
    assert told["confirmed_by"] == hospital.account
    confirmed = told["confirmation"]["typed_data"]["message"]
    assert (confirmed["holder"], confirmed["site"]) == (holder.address, hospital.account)
    assert place.site("erasures", "--json").json["waiting"] == []
    unlinkable = place.site("enrol", "p7", "--code")
    assert (unlinkable.code, "was destroyed" in unlinkable.words) == (1, True), unlinkable
