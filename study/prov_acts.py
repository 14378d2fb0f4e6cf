"""What the provenance of a study says besides rounds and terms: who stopped, moved or asked it.

Of patients there are counts alone, and of a question about a receipt no token.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from audit.fields import hex_of
from audit.history import BarChange, ChallengeFacts
from audit.round_state import Moment, RoundFacts
from audit.times import date_time
from chain.messages import account_of_signer

if TYPE_CHECKING:
    from study.prov_json import ProvWriter


def when(moment: Moment) -> datetime:
    return date_time(moment.time)


def round_name(number: int) -> str:
    return f"study:{number}"


def write_standing(out: ProvWriter) -> None:
    """Versions in force, suspensions, resumptions, and who left and joined the committee."""
    history, document = out.history, out.document
    for version in history.versions.values():
        if version.activated is not None:
            name = f"terms:{version.version}/activation"
            out.act(name, "activation", version.activated)
            document.used(name, f"terms:{version.version}", when(version.activated))
    suspended = False
    for standing in history.standings:
        if standing.suspended == suspended:
            continue
        suspended = standing.suspended
        stop = f"study:suspension/{standing.suspensions}"
        if suspended:
            out.act(stop, "suspension", standing.moment)
            out.part(stop, standing.suspended_by, "reviewer")
        else:
            name = f"study:resumption/{standing.suspensions}"
            out.act(name, "resumption", standing.moment, reviewers=history.threshold)
            document.wasInformedBy(name, stop)
    for number, (before, after) in enumerate(pairwise(history.committees), start=1):
        name = f"study:replacement/{number}"
        out.act(name, "replacement", after.moment)
        for address in sorted({*before.reviewers} ^ {*after.reviewers}):
            role = "reviewer-who-left" if address in before.reviewers else "reviewer-who-joined"
            out.part(name, address, role)


def write_consents(out: ProvWriter) -> None:
    """How many consents each site's patients gave, and what they are at the block."""
    for site, counts in out.facts.consents.items():
        said = [(f"assent:{name}", value) for name, value in vars(counts).items()]
        name = f"study:consents/{site}"
        kind = ("prov:type", out.kind("consents"))
        out.document.entity(name, [kind, ("prov:label", "consents, counted"), *said])
        out.document.wasAttributedTo(name, f"account:{site}")


def write_rollbacks(out: ProvWriter) -> None:
    """Each return to an earlier checkpoint, who signed it, and what it retired."""
    history = out.history
    for rollback in history.rollbacks:
        event = rollback.event
        name = f"study:rollback/{event.rollbacks}"
        out.act(name, "rollback", rollback.moment, to_round=event.to_round)
        for reviewer in dict.fromkeys(map(account_of_signer, event.signers)):
            out.part(name, reviewer, "reviewer")
        for number in history.lineage(event.from_round):
            closed = history.rounds[number].closed if number > event.to_round else None
            if closed is not None:
                made = out.name_of(closed.checkpoint_hash)
                out.document.wasInvalidatedBy(made, name, when(rollback.moment))


def write_bars(out: ProvWriter) -> None:
    """Sites barred for a broken duty, and readmitted by a reviewer."""
    for site, changes in out.history.bars.items():
        for change in changes:
            _bar(out, site, change)


def _bar(out: ProvWriter, site: str, change: BarChange) -> None:
    name = f"study:bar/{site}/{change.times}"
    if change.round:
        out.act(name, "bar", change.moment)
        out.document.wasInformedBy(name, round_name(change.round))
        out.document.wasInfluencedBy(f"account:{site}", name)
        return
    readmission = f"study:readmission/{site}/{change.times}"
    out.act(readmission, "readmission", change.moment)
    out.part(readmission, change.readmitted_by, "reviewer")
    out.document.wasInformedBy(readmission, name)
    out.document.wasInfluencedBy(f"account:{site}", readmission)


def write_questions(out: ProvWriter) -> None:
    """What sites were asked about rounds, with the hash of each answer, and that none came."""
    for number, asked in enumerate(out.history.challenges.values(), start=1):
        _question(out, f"study:question/{number}", asked)


def _question(out: ProvWriter, name: str, asked: ChallengeFacts) -> None:
    document, settled = out.document, asked.answered or asked.faulted
    due = date_time(asked.answer_by).isoformat()
    said = {
        "prov:type": out.kind("question"),
        "assent:asked_for": "a receipt" if asked.token_id else "a replay",
        "assent:due": due,
        "assent:state": "answered"
        if asked.answered
        else "no answer, on record"
        if asked.faulted
        else "no answer yet",
    }
    document.activity(name, when(asked.asked), when(settled) if settled else None, said)
    document.wasInformedBy(name, round_name(asked.round))
    out.part(name, asked.site, "answerer")
    if asked.answered and asked.answer_hash:
        answer = f"{name}/answer"
        document.entity(
            answer,
            {"prov:type": out.kind("answer"), "assent:sha256": asked.answer_hash.hex()},
        )
        document.wasGeneratedBy(answer, name, when(asked.answered))
        document.wasAttributedTo(answer, f"account:{asked.site}")


def write_commitments(out: ProvWriter, facts: RoundFacts) -> None:
    """What each site committed to in a round, each attempt, and the seal over the members'."""
    document, round_ = out.document, round_name(facts.number)
    newest: dict[str, str] = {}
    for moment, site, commitment in facts.commitments:
        name = f"{round_}/commitment/{site}/{commitment.attempt}"
        said: dict[str, Any] = {
            "prov:type": out.kind("commitment"),
            "assent:cohort_root": hex_of(commitment.cohort_root),
            "assent:cohort_size": commitment.cohort_size,
            "assent:vector_hash": hex_of(commitment.vector_hash),
            "assent:block": commitment.block_number,
        }
        document.entity(name, said)
        document.wasGeneratedBy(name, round_, when(moment))
        document.wasAttributedTo(name, f"account:{site}")
        if site in newest:
            revision = {"prov:type": document.valid_qualified_name("prov:Revision")}
            document.wasDerivedFrom(name, newest[site], round_, other_attributes=revision)
        newest[site] = name
    if facts.sealed is None or facts.sealed_at is None:
        return
    seal = f"{round_}/seal"
    out.act(seal, "seal", facts.sealed_at, digest=hex_of(facts.sealed.seal_digest))
    document.wasInformedBy(seal, round_)
    for member in facts.sealed.members:
        document.used(seal, newest[member], when(facts.sealed_at))
    for member, digest in facts.deliveries.items():
        delivered = out.object(digest, f"masked vector of round {facts.number}")
        document.wasAttributedTo(delivered, f"account:{member}")
