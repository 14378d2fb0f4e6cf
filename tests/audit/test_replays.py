"""What a site says of a replay: believed as its word, about its own contribution, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical_json
from audit.bundle import Bundle
from audit.checks.context import Context
from audit.checks.replays import check_replays
from audit.consent_state import StudyState
from audit.errors import ReplayInvalid
from audit.replay_draw import (
    Contribution,
    draw_replays,
    in_order,
    place_among,
    sealed_contributions,
)
from audit.replays import MAX_BYTES, Difference, Part, ReplayReport, SignedReplay, Verdict
from audit.report import Check, Kind
from audit.verify import prove_history, verify
from chain.messages import Domain, consent_domain
from tests.audit.conftest import Written
from tests.audit.reported import replayed

pytestmark = pytest.mark.usefixtures("remembered")


@dataclasses.dataclass(frozen=True)
class Told:
    """A study whose first round closed, and what its first member could report of it."""

    bundle: Bundle
    state: StudyState
    report: ReplayReport
    keys: dict[str, LocalAccount]

    @property
    def domain(self) -> Domain:
        contracts = self.bundle.contracts
        return consent_domain(contracts.chain_id, contracts.consent_token)

    def signed(self, report: ReplayReport | None = None, **changes: Any) -> SignedReplay:
        said = dataclasses.replace(report or self.report, **changes)
        return SignedReplay.sign(said, self.domain, self.keys[self.report.site])

    def check(self, signed: SignedReplay) -> Check:
        context = Context(self.bundle, state=self.state)
        check_replays(context, [signed])
        (found,) = context.record.checks
        assert (found.name, found.kind) == ("replay", Kind.ATTESTED) or not found.ok
        return found


@pytest.fixture(scope="module")
def told(written: Written, bundle: Bundle) -> Told:
    state, checks = prove_history(bundle, written.trust_block)
    assert state is not None and all(check.ok for check in checks)
    sealed = state.history.rounds[1].sealed
    assert sealed is not None
    report = replayed(bundle, state, 1, sealed.members[0])
    return Told(bundle, state, report, {key.address: key for key in written.accounts})


def test_a_replay_holds_as_the_word_of_the_site_and_no_more(
    told: Told, written: Written, bundle: Bundle
) -> None:
    report = verify(bundle, written.trust_block, (), [told.signed()])
    assert report.ok
    (found,) = [check for check in report.checks if check.name == "replay"]
    assert found.kind is Kind.ATTESTED
    assert found.object == f"round 1, site {told.report.site}"
    assert "nobody else has computed them" in found.detail
    silent = verify(bundle, written.trust_block)
    assert "replay" not in {check.name for check in silent.checks}


def test_a_report_is_what_its_bytes_say(told: Told) -> None:
    signed = told.signed(
        recomputed=b"\1" * 32, differences=(Difference(Part.SUM, 4, 2**70),), now={"a": [1, "b"]}
    )
    again = SignedReplay.parse(signed.to_bytes())
    assert again == signed
    assert again.report.verdict is Verdict.DIFFERS
    assert again.report.changed == ("a", "machine", "schema", "threads")
    assert again.file_hash == hashlib.sha256(signed.to_bytes()).digest()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": "no snapshot of its records was kept"}, "not replayable: no snapshot"),
        ({"masked": None}, "not replayable: a hash is missing"),
        ({"then": None, "missing": "it is gone", "recomputed": None}, "not replayable: it is gone"),
        (
            {"recomputed": b"\1" * 32, "differences": (Difference(Part.NOISE, 4, 17),)},
            "differs: noise (4, by at most 17 grid steps)",
        ),
        ({"masked": b"\1" * 32, "now": {}}, "no part named; changed since the round: machine"),
        ({"round_number": 99}, "not sealed with this site"),
        ({"chain_id": 5}, "not about this study"),
        ({"study": 5}, "not about this study"),
        ({"attempt": 9}, "another commitment"),
        ({"committed": b"\1" * 32, "recomputed": b"\1" * 32}, "another commitment"),
        ({"delivered": b"\1" * 32, "masked": b"\1" * 32}, "not the one that was delivered"),
        ({"then": {"machine": "another"}}, "environment that it states"),
    ],
)
def test_what_is_missing_differs_or_is_of_something_else_never_passes(
    told: Told, changes: dict[str, Any], said: str
) -> None:
    found = told.check(told.signed(**changes))
    assert not found.ok
    assert said in found.detail


def test_only_the_site_itself_can_report_its_replay(told: Told) -> None:
    signature = told.report.message.sign(Account.create(), told.domain)
    for forged in (signature, signature[:-1], bytes(65)):
        found = told.check(SignedReplay(told.report, forged))
        assert not found.ok
        assert "not signed by" in found.detail
    other = next(
        one for one in told.state.history.rounds[1].sealed.members if one != told.report.site
    )
    pretended = dataclasses.replace(told.report, site=other)
    assert "not signed by" in told.check(told.signed(pretended)).detail


def test_an_answer_on_chain_binds_the_site_to_one_file(told: Told) -> None:
    asked = next(one for one in told.state.history.challenges.values() if not one.token_id)
    report = replayed(told.bundle, told.state, asked.round, asked.site)
    signed = SignedReplay.sign(report, told.domain, told.keys[asked.site])
    assert "with another file" in told.check(signed).detail
    asked_then, asked.answer_hash = asked.answer_hash, signed.file_hash
    try:
        assert told.check(signed).ok
    finally:
        asked.answer_hash = asked_then


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw["report"].update(verdict="differs"),
        lambda raw: raw["report"].update(schema="assent-replay-2"),
        lambda raw: raw["report"].update(missing="\x1b[2J"),
        lambda raw: raw["report"].update(extra=1),
        lambda raw: raw["report"].pop("masked"),
        lambda raw: raw["report"]["masked"].update(now="0x12"),
        lambda raw: raw["report"]["environment"].update(now=[]),
        lambda raw: raw["report"].update(differences=[{"part": "all", "count": 1, "largest": "1"}]),
        lambda raw: raw.pop("signature"),
        lambda raw: raw.update(signature="signed"),
    ],
)
def test_a_file_that_is_no_report_is_refused(told: Told, spoil: Any) -> None:
    raw = canonical_json.loads(told.signed().to_bytes())
    spoil(raw)
    with pytest.raises(ReplayInvalid):
        SignedReplay.parse(canonical_json.dumps(raw))


@given(st.binary(max_size=60))
def test_whatever_the_bytes_they_are_refused_by_name(data: bytes) -> None:
    for one in (data, b"[" * 100_000, b" " * (MAX_BYTES + 1)):
        with pytest.raises(ReplayInvalid):
            SignedReplay.parse(one)


# -- the draw ------------------------------------------------------------------------------------

A, B, C = ("0x" + digit * 40 for digit in "123")
AMONG: tuple[Contribution, ...] = ((1, A), (1, B), (2, A), (2, C), (10, B))
LEDGER = "0x" + "ab" * 20


def drawn(block_hash: bytes, count: int = 1, **changes: Any) -> list[int]:
    """Places in AMONG."""
    given = {"chain_id": 31337, "ledger": LEDGER, "study_id": 7, "block_number": 1000} | changes
    found = draw_replays(AMONG, block_hash=block_hash, count=count, **given)
    return [AMONG.index(one) for one in found]


@pytest.mark.parametrize(
    ("block_hash", "places"),
    [
        (bytes(32), [4, 2, 1, 0, 3]),
        (hashlib.sha256(b"a block").digest(), [4, 3, 0, 1, 2]),
    ],
)
def test_the_rule_is_written_down_in_vectors(block_hash: bytes, places: list[int]) -> None:
    """Made with sha256sum and a calculator: the first number modulo 5, the next modulo 4, ..."""
    assert drawn(block_hash, 5) == places
    assert [drawn(block_hash, count) for count in (1, 3, 9)] == [places[:1], places[:3], places]


def test_whatever_the_order_in_which_they_are_listed_the_same_is_drawn() -> None:
    place = (31337, LEDGER, 7, 1000, bytes(32), 3)
    assert draw_replays(reversed(AMONG), *place) == draw_replays(AMONG, *place)
    assert in_order(reversed(AMONG)) == AMONG
    assert draw_replays((), *place) == ()


def test_every_field_and_the_block_decide() -> None:
    """Of 64 draws each, so that one which ignored a field would be found."""
    for change in ({"chain_id": 1}, {"ledger": A}, {"study_id": 8}, {"block_number": 1001}):
        hashes = [hashlib.sha256(bytes([i])).digest() for i in range(64)]
        assert [drawn(one) for one in hashes] != [drawn(one, **change) for one in hashes]
    for wrong in ({"block_hash": bytes(31)}, {"block_hash": bytes(32), "study_id": 2**64}):
        with pytest.raises(ValueError, match=r"32 bytes|fit"):
            drawn(**wrong)


def test_each_is_drawn_as_often_as_any_other() -> None:
    """Chi-square over 20,000 blocks, 4 degrees of freedom: 18.5 has probability 0.001 (Pearson)."""
    counts = [0] * len(AMONG)
    for i in range(20_000):
        counts[drawn(i.to_bytes(32, "big"))[0]] += 1
    expected = 20_000 / len(AMONG)
    assert sum((count - expected) ** 2 / expected for count in counts) < 18.5


@given(st.integers(1, 2**20), st.integers(0, 2**256 - 1))
def test_a_number_that_would_favour_the_first_is_rejected(size: int, number: int) -> None:
    whole = 2**256 // size * size
    assert place_among(number, size) == (number % size if number < whole else None)
    assert place_among(whole - 1, size) == size - 1
    if whole < 2**256:
        assert place_among(whole, size) is None


def test_what_was_sealed_before_the_block_is_drawn_from_and_nothing_else(told: Told) -> None:
    rounds = told.state.history.rounds.values()
    sealed = [one for one in rounds if one.sealed and one.sealed_at]
    first, last = sealed[0].sealed_at.block, sealed[-1].sealed_at.block
    assert sealed_contributions(told.state, first) == ()
    assert {number for number, _ in sealed_contributions(told.state, first + 1)} == {1}
    every = sealed_contributions(told.state, last + 1)
    assert len(every) == len(set(every)) == sum(len(one.sealed.members) for one in sealed)
    # One that was abandoned after its seal was paid for: it is drawn from as well.
    assert any(one.aborted and one.number in dict(every) for one in sealed)
