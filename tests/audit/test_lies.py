"""Were a contract to emit a lie, its running hash aside, the verifier would still find it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from audit.bundle import Bundle, read_bundle
from audit.verify import verify
from chain import events as ev
from chain.messages import AbortReason
from tests.audit.conftest import Written
from tests.audit.tampering import (
    change_event,
    failures,
    flipped,
    history_failures,
    names,
    records_of,
    replaced,
    with_records,
)

pytestmark = pytest.mark.usefixtures("remembered")


def committed(**changes: Any) -> Callable[[Any], Any]:
    return lambda event: dataclasses.replace(
        event, commitment=replaced(**changes)(event.commitment)
    )


def granted(**changes: Any) -> Callable[[Any], Any]:
    return lambda event: dataclasses.replace(event, grant=replaced(**changes)(event.grant))


def first_flipped(items: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (flipped(items[0], 0), *items[1:])


def more(value: int) -> int:
    return value + 1


def other(value: bytes) -> bytes:
    return flipped(value, 0)


STRANGER, NOBODY = "0x" + "11" * 20, "0x" + "00" * 20
DELIVERY_RECORD = "round.delivery-record"

LIES: list[tuple[str, type[ev.Event], Callable[[Any], Any], str]] = [
    ("approval signature", ev.Approved, replaced(signature=other), "approval"),
    ("approval signer", ev.Approved, replaced(signer=other), "approval"),
    ("approval's expiry", ev.Approved, replaced(expires_at=more), "approval"),
    ("approval's version", ev.Approved, replaced(version=1), "events.replay"),
    ("approval by a stranger", ev.Approved, replaced(reviewer=STRANGER), "events.replay"),
    ("consent version", ev.VersionActivated, replaced(consent_version=2), "events.replay"),
    ("approved until", ev.VersionActivated, replaced(approved_until=more), "events.replay"),
    ("extended until", ev.ApprovalExtended, replaced(approved_until=more), "events.replay"),
    ("extended version", ev.ApprovalExtended, replaced(version=more), "events.replay"),
    ("outgoing reviewer", ev.ReviewerReplaced, replaced(outgoing=STRANGER), "events.replay"),
    ("incoming reviewer", ev.ReviewerReplaced, replaced(incoming=STRANGER), "events.replay"),
    ("nobody comes in", ev.ReviewerReplaced, replaced(incoming=NOBODY), "events.replay"),
    ("replacements", ev.ReviewerReplaced, replaced(replacements=more), "events.replay"),
    ("suspended by", ev.Suspended, replaced(reviewer=STRANGER), "events.replay"),
    ("suspensions", ev.Suspended, replaced(suspensions=more), "events.replay"),
    ("resumed suspension", ev.Resumed, replaced(suspensions=more), "events.replay"),
    ("committee of one", ev.StudyProposed, replaced(threshold=1), "events.replay"),
    ("committee twice", ev.StudyProposed, replaced(reviewers=lambda r: r + r), "events.replay"),
    ("no committee", ev.StudyProposed, replaced(reviewers=()), "events.replay"),
    ("site without a key", ev.SiteRegistered, replaced(enrolment_key=NOBODY), "events.replay"),
    ("site's number", ev.SiteRegistered, replaced(site=STRANGER), "sites"),
    ("key of a stranger", ev.EnrolmentKeyRotated, replaced(site=STRANGER), "events.replay"),
    ("no successor", ev.SuccessorRecorded, replaced(successor=NOBODY), "events.replay"),
    ("granted disease", ev.Granted, granted(disease=0), "events.replay"),
    ("granted purposes", ev.Granted, granted(purposes=1 << 63), "events.replay"),
    ("granted holder", ev.Granted, granted(holder=STRANGER), "events.replay"),
    ("granted terms", ev.Granted, granted(terms_hash=other), "events.replay"),
    ("granted text", ev.Granted, granted(consent_text_hash=other), "events.replay"),
    ("granted site", ev.Granted, granted(site=STRANGER), "events.replay"),
    ("granted study", ev.Granted, granted(study_id=more), "events.replay"),
    ("granted use period", ev.Granted, granted(use_end=1), "events.replay"),
    ("granted data period", ev.Granted, granted(data_end=0), "events.replay"),
    ("granted counter", ev.Granted, granted(revocation_counter=more), "events.replay"),
    ("granted deadline", ev.Granted, granted(deadline=1), "events.replay"),
    ("revoked holder", ev.Revoked, replaced(holder=STRANGER), "events.replay"),
    ("revoked counter", ev.Revoked, replaced(revocation_counter=more), "events.replay"),
    ("delivery on record", ev.DeliveryRecorded, replaced(masked_hash=other), DELIVERY_RECORD),
    ("empty delivery", ev.DeliveryRecorded, replaced(masked_hash=bytes(32)), "events.replay"),
    ("delivering site", ev.DeliveryRecorded, replaced(site=STRANGER), "events.replay"),
    ("delivered round", ev.DeliveryRecorded, replaced(round=more), "events.replay"),
    ("barred site", ev.Barred, replaced(site=STRANGER), "events.replay"),
    ("barred round", ev.Barred, replaced(round=1), "events.replay"),
    ("times barred", ev.Barred, replaced(times=more), "events.replay"),
    ("never barred", ev.Barred, replaced(times=0), "events.replay"),
    ("readmitted site", ev.Readmitted, replaced(site=STRANGER), "events.replay"),
    ("readmitted round", ev.Readmitted, replaced(round=more), "events.replay"),
    ("readmitting reviewer", ev.Readmitted, replaced(reviewer=STRANGER), "events.replay"),
    ("back to which round", ev.RolledBack, replaced(to_round=0), "rollback.signature"),
    ("back to an aborted round", ev.RolledBack, replaced(to_round=2), "events.replay"),
    ("back from which round", ev.RolledBack, replaced(from_round=1), "events.replay"),
    ("rollbacks", ev.RolledBack, replaced(rollbacks=more), "events.replay"),
    (
        "a rollback's signature",
        ev.RolledBack,
        replaced(signatures=first_flipped),
        "rollback.approved",
    ),
    ("a rollback's signers", ev.RolledBack, replaced(signers=first_flipped), "events.replay"),
    ("a rollback by one", ev.RolledBack, replaced(signers=lambda s: s[:1] * 2), "events.replay"),
    ("a rollback by nobody", ev.RolledBack, replaced(signers=(), signatures=()), "events.replay"),
    ("challenged round", ev.Challenged, replaced(round=1), "events.replay"),
    ("challenged site", ev.Challenged, replaced(site=STRANGER), "events.replay"),
    ("challenged token", ev.Challenged, replaced(token_id=more), "events.replay"),
    ("answer's deadline", ev.Challenged, replaced(answer_by=more), "events.replay"),
    ("answered round", ev.Answered, replaced(round=1), "events.replay"),
    ("answering site", ev.Answered, replaced(site=STRANGER), "events.replay"),
    ("answered token", ev.Answered, replaced(token_id=more), "events.replay"),
    ("empty answer", ev.Answered, replaced(answer_hash=bytes(32)), "events.replay"),
    ("approval outlasted", ev.Opened, replaced(close_deadline=lambda t: t * 2), "round.approval"),
    ("terms hash", ev.VersionProposed, replaced(terms_hash=other), "events.replay"),
    ("granted token", ev.Granted, replaced(token_id=more), "events.replay"),
    ("grant's version", ev.Granted, replaced(version=more), "events.replay"),
    ("revoked token", ev.Revoked, replaced(token_id=more), "events.replay"),
    ("revoked epoch", ev.Revoked, replaced(epoch=more), "events.replay"),
    ("round number", ev.Opened, replaced(round=more), "events.replay"),
    ("base", ev.Opened, replaced(base=other), "round.base"),
    ("previous sealed", ev.Opened, replaced(previous_sealed=0), "round.previous"),
    ("previous closed", ev.Opened, replaced(previous_closed=0), "round.previous"),
    ("commit deadline", ev.Opened, replaced(commit_deadline=more), "round.deadlines"),
    ("seal deadline", ev.Opened, replaced(seal_deadline=more), "round.deadlines"),
    ("delivery deadline", ev.Opened, replaced(delivery_deadline=more), "round.deadlines"),
    ("close deadline", ev.Opened, replaced(close_deadline=more), "round.deadlines"),
    ("pinned block", ev.Opened, replaced(pinned_block=more), "round.pinned-block"),
    (
        "pinned block's hash",
        ev.Opened,
        replaced(pinned_block_hash=other),
        "outcome.manifest-fields",
    ),
    ("cohort size", ev.Committed, committed(cohort_size=lambda n: n + 100), "round.cohort"),
    ("cohort too small", ev.Committed, committed(cohort_size=1), "round.cohort"),
    ("cohort root", ev.Committed, committed(cohort_root=other), "round.seal-digest"),
    ("vector hash", ev.Committed, committed(vector_hash=other), "round.seal-digest"),
    ("mask key", ev.Committed, committed(mask_key=other), "round.seal-digest"),
    ("environment", ev.Committed, committed(environment_hash=other), "round.seal-digest"),
    ("epoch", ev.Committed, committed(epoch=more), "round.epoch"),
    ("block", ev.Committed, committed(block_number=lambda n: n + 100), "round.commitment-block"),
    ("block hash", ev.Committed, committed(block_hash=other), "round.seal-digest"),
    ("attempt", ev.Committed, committed(attempt=more), "events.replay"),
    ("members", ev.Sealed, replaced(members=lambda m: m[1:]), "round.members"),
    ("members' order", ev.Sealed, replaced(members=lambda m: m[::-1]), "round.members"),
    ("parent hash", ev.Sealed, replaced(parent_hash=other), "round.seal-digest"),
    ("seal digest", ev.Sealed, replaced(seal_digest=other), "round.seal-digest"),
    ("charge", ev.Sealed, replaced(rho=1), "events.replay"),
    ("charge and sum", ev.Sealed, replaced(rho=more, rho_spent=more), "round.charge"),
    ("charge against storage", ev.Sealed, replaced(rho=more, rho_spent=more), "budget.storage"),
    ("checkpoint", ev.Closed, replaced(checkpoint_hash=other), "outcome.checkpoint"),
    ("manifest", ev.Closed, replaced(manifest_hash=other), "outcome.manifest"),
    ("masked vector", ev.Closed, replaced(masked_hashes=first_flipped), "outcome.masked"),
    (
        "masked vector's signature",
        ev.Closed,
        replaced(masked_hashes=first_flipped),
        "round.delivery",
    ),
    ("delivery", ev.Closed, replaced(delivery_signatures=first_flipped), "round.delivery"),
    ("deliveries", ev.Closed, replaced(masked_hashes=lambda m: m[1:]), "round.deliveries"),
    ("closure", ev.Closed, replaced(coordinator_signature=other), "round.closure"),
    ("abort reason", ev.Aborted, replaced(reason=AbortReason.CONSENT_CHANGED), "round.abort"),
]


@pytest.mark.parametrize(
    ("kind", "change", "check"), [lie[1:] for lie in LIES], ids=[x[0] for x in LIES]
)
def test_a_lie_in_an_event_fails_its_own_check_too(
    written: Written,
    bundle: Bundle,
    kind: type[ev.Event],
    change: Callable[[Any], Any],
    check: str,
) -> None:
    """Were a contract to say it, its running hash aside, the verifier still finds the lie."""
    found = names(verify(change_event(bundle, kind, change), written.trust_block))
    assert check in found
    assert "events.running-hash" in found


def without(bundle: Bundle, *kinds: type[ev.Event]) -> Bundle:
    records = records_of(bundle)
    return with_records(bundle, [r for r in records if not isinstance(ev.decode(r), kinds)])


def failing(bundle: Bundle, trust_block: bytes) -> set[tuple[str, str]]:
    return {(check.name, check.object) for check in failures(verify(bundle, trust_block))}


def test_what_a_contract_emits_in_the_same_call_cannot_be_missing(
    written: Written, bundle: Bundle, contested: Written
) -> None:
    for kind in (ev.VersionActivated, ev.ApprovalExtended):
        assert "events.replay" in names(verify(without(bundle, kind), written.trust_block))
    records = records_of(bundle)
    replacing = [r for r in records if isinstance(ev.decode(r), ev.Revoked)][-1]
    shortened = with_records(bundle, [r for r in records if r != replacing])
    assert "events.replay" in names(verify(shortened, written.trust_block))
    other_bundle = read_bundle(contested.folder)
    forgiven = without(other_bundle, ev.Barred)
    assert "events.replay" in names(verify(forgiven, contested.trust_block))


def test_a_fault_that_nothing_calls_for_is_found(contested: Written) -> None:
    bundle = read_bundle(contested.folder)
    for change in (
        replaced(round=more),
        replaced(site=STRANGER),
        replaced(token_id=more),
    ):
        lied = change_event(bundle, ev.Faulted, change)
        assert "events.replay" in names(verify(lied, contested.trust_block))
    for kind in (ev.Faulted, ev.Challenged):
        lied = without(bundle, kind)
        assert "events.replay" in names(verify(lied, contested.trust_block))


def test_when_an_answer_was_due_is_told_as_a_date(contested: Written) -> None:
    lied = change_event(read_bundle(contested.folder), ev.Challenged, replaced(answer_by=more))
    assert re.search(r"due by \d{4}-\d\d-\d\d .* UTC", replay_error(lied, contested.trust_block))


def test_a_fault_that_bars_another_number_of_times_is_found(contested: Written) -> None:
    bundle = read_bundle(contested.folder)
    for times in (0, 2):
        lied = change_event(bundle, ev.Barred, replaced(times=times))
        assert "events.replay" in names(verify(lied, contested.trust_block))


def position_of(bundle: Bundle, kind: type[ev.Event], nth: int = 0) -> int:
    """Where the nth event of a kind stands."""
    events = [ev.decode(record) for record in records_of(bundle)]
    return [p for p, event in enumerate(events) if isinstance(event, kind)][nth]


def barred_after(bundle: Bundle, position: int, *without_: type[ev.Event]) -> Bundle:
    """The coordinator bars as late as after another event; some kinds in between never were."""
    records, barred = records_of(bundle), position_of(bundle, ev.Barred)
    there, between = records[position], records[barred + 1 : position + 1]
    late = ev.encode(ev.decode(records[barred]), there.block_number, there.block_timestamp)
    left = [r for r in between if not isinstance(ev.decode(r), without_)]
    return with_records(bundle, [*records[:barred], *left, late, *records[position + 1 :]])


def replay_error(bundle: Bundle, trust_block: bytes) -> str:
    """What the replay has against the events; empty when nothing."""
    found = failures(verify(bundle, trust_block))
    return "; ".join(check.detail for check in found if check.name == "events.replay")


def test_a_bar_although_the_study_was_suspended_since_the_seal_is_found(
    written: Written, bundle: Bundle
) -> None:
    suspended, resumed = (position_of(bundle, kind) for kind in (ev.Suspended, ev.Resumed))
    just_in_time = barred_after(bundle, suspended - 1)
    assert replay_error(just_in_time, written.trust_block) == ""
    for position in (suspended, resumed):
        lied = barred_after(bundle, position)
        assert "a suspension since the seal" in replay_error(lied, written.trust_block)


def test_a_bar_although_the_study_was_amended_since_the_seal_is_found(
    written: Written, bundle: Bundle
) -> None:
    rounds = (ev.Opened, ev.Committed, ev.Sealed, ev.DeliveryRecorded, ev.Closed, ev.Aborted)
    bars = (ev.Readmitted, ev.Challenged, ev.Answered, ev.RolledBack)
    stops = (ev.Suspended, ev.Resumed)
    amended = position_of(bundle, ev.VersionActivated, 1)
    lied = barred_after(bundle, amended, *rounds, *bars, *stops)
    assert "a new version since the seal" in replay_error(lied, written.trust_block)
    earlier = barred_after(bundle, amended - 3, *rounds, *bars, *stops)
    assert "excuses" not in replay_error(earlier, written.trust_block)


def test_a_barred_site_that_takes_part_is_found(written: Written, bundle: Bundle) -> None:
    found = failing(without(bundle, ev.Readmitted), written.trust_block)
    assert {("round.bars", "round 5"), ("round.members", "round 5")} <= found


def test_a_round_of_a_study_that_aborts_paused_is_found(written: Written, bundle: Bundle) -> None:
    found = failing(without(bundle, ev.Suspended, ev.Resumed), written.trust_block)
    assert ("round.aborts", "round 3") in found


def granted_events(bundle: Bundle) -> list[tuple[int, ev.Granted]]:
    """Every grant with its position."""
    events = [ev.decode(record) for record in records_of(bundle)]
    return [(p, event) for p, event in enumerate(events) if isinstance(event, ev.Granted)]


def test_a_record_that_comes_back_without_waiting_is_found(
    written: Written, bundle: Bundle
) -> None:
    """Its grant is moved to before the round that it really sat out."""
    grants = granted_events(bundle)
    tags = [event.record_tag for _, event in grants]
    position, event = next(
        grants[nth] for nth in range(len(grants)) if tags[nth] in set(tags[:nth])
    )
    records = records_of(bundle)
    opened = [p for p, record in enumerate(records) if isinstance(ev.decode(record), ev.Opened)][1]
    before = records[opened - 1]
    early = ev.encode(event, before.block_number, before.block_timestamp)
    moved = [*records[:opened], early, *records[opened:position], *records[position + 1 :]]
    found = failing(with_records(bundle, moved), written.trust_block)
    assert ("consents.waiting", f"token {event.token_id}") in found


def test_a_record_with_two_live_tokens_is_found(written: Written, bundle: Bundle) -> None:
    revoked = {e.token_id for r in records_of(bundle) if isinstance(e := ev.decode(r), ev.Revoked)}
    *others, (_, last) = granted_events(bundle)
    live = [e for _, e in others if e.grant.site == last.grant.site and e.token_id not in revoked]
    lied = change_event(bundle, ev.Granted, replaced(record_tag=live[0].record_tag))
    assert "events.replay" in names(verify(lied, written.trust_block))


def test_naming_itself_as_successor_is_found(written: Written, bundle: Bundle) -> None:
    itself = replaced(successor=bundle.contracts.registry)
    lied = change_event(bundle, ev.SuccessorRecorded, itself)
    assert ("successor", "StudyRegistry") in failing(lied, written.trust_block)


def test_one_block_with_two_hashes_is_found(written: Written, bundle: Bundle) -> None:
    events = [ev.decode(record) for record in records_of(bundle)]
    pinned = [event for event in events if isinstance(event, ev.Opened)][-1].pinned_block
    lied = change_event(bundle, ev.Committed, committed(block_number=pinned))
    assert ("blocks.names", "round 5") in history_failures(lied, written.trust_block)
