"""Lies of reviewers, of a sponsor, and of patients."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

from audit import checkpoint
from audit.cid import sha256
from chain import events as ev
from chain.messages import Terms, approval_for, registry_domain, signer_of_account, terms_hash
from tests.audit.misbehaviour.forgery import Entry, Forgery
from tests.audit.misbehaviour.kinds import Collection, Reach, Who
from tests.audit.real_study import app_bundle

of_people = Collection()
forged = of_people.forged
REVIEWER, SPONSOR, PATIENT = Who.REVIEWER, Who.SPONSOR, Who.PATIENT
NEWEST = 3
"""The newest version of the terms, under which no round was opened."""


def signed_approval(f: Forgery, approval: ev.Approved, terms: Terms, signer: Any) -> bytes:
    domain = registry_domain(f.honest.contracts.chain_id, f.honest.contracts.registry)
    message = approval_for(f.study, approval.version, terms, approval.expires_at)
    return message.sign(signer, domain)


def amended(f: Forgery, version: int = NEWEST, **changes: Any) -> None:
    """Other terms were proposed and approved, by the reviewers' own keys, and consented to."""
    f.change(ev.VersionProposed, terms=lambda t: replace(t, **changes), where={"version": version})
    terms = f.event(ev.VersionProposed, version=version).terms
    f.change(ev.VersionProposed, terms_hash=terms_hash(terms), where={"version": version})
    for entry in f.entries:
        event = entry.event
        if isinstance(event, ev.Approved) and event.version == version:
            signature = signed_approval(f, event, terms, f.keys[event.reviewer])
            entry.event = replace(event, signature=signature)
        elif isinstance(event, ev.Granted) and event.version == version:
            consented = {"terms_hash": terms_hash(terms)}
            consented["consent_text_hash"] = terms.consent_text_hash
            entry.event = replace(event, grant=replace(event.grant, **consented))


@forged(SPONSOR, "signs an approval in a reviewer's name", "approval", "version 3")
def forged_approval(f: Forgery) -> None:
    terms = f.event(ev.VersionProposed).terms
    sponsor = f.keys[f.event(ev.StudyProposed).sponsor]
    f.change(ev.Approved, signature=signed_approval(f, f.event(ev.Approved), terms, sponsor))


@forged(SPONSOR, "changes the terms after they were approved", "approval", "version 3")
def terms_swapped_after_approval(f: Forgery) -> None:
    f.change(ev.VersionProposed, terms=lambda t: replace(t, clipping_norm=t.clipping_norm * 2))
    changed = terms_hash(f.event(ev.VersionProposed).terms)
    f.change(ev.VersionProposed, terms_hash=changed)
    for entry in f.entries:
        if isinstance(entry.event, ev.Granted) and entry.event.version == NEWEST:
            grant = replace(entry.event.grant, terms_hash=changed)
            entry.event = replace(entry.event, grant=grant)


@forged(SPONSOR, "shows other terms than those whose hash was signed", "events.replay")
def terms_that_are_not_those_hashed(f: Forgery) -> None:
    f.change(ev.VersionProposed, terms=lambda t: replace(t, clipping_norm=t.clipping_norm * 2))


@forged(REVIEWER, "approves after it was replaced", "events.replay")
def approval_by_a_removed_reviewer(f: Forgery) -> None:
    outgoing = f.event(ev.ReviewerReplaced).outgoing
    terms, approval = f.event(ev.VersionProposed).terms, f.event(ev.Approved)
    f.change(
        ev.Approved,
        reviewer=outgoing,
        signer=signer_of_account(outgoing),
        signature=signed_approval(f, approval, terms, f.keys[outgoing]),
    )


@forged(REVIEWER, "approves alone what takes two", "events.replay")
def approval_by_one(f: Forgery) -> None:
    f.drop(f.place(ev.Approved))


@forged(REVIEWER, "signs twice, for itself and for another", "approval", "version 3")
def approval_for_another(f: Forgery) -> None:
    approvals = [p for p, e in enumerate(f.entries) if isinstance(e.event, ev.Approved)]
    one, two = (f.entries[place].event for place in approvals[-2:])
    terms = f.event(ev.VersionProposed).terms
    signature = signed_approval(f, two, terms, f.keys[one.reviewer])
    f.change(ev.Approved, signer=one.signer, signature=signature)


@forged(REVIEWER, "stretches an approval beyond what was signed", "approval", "version 1")
def approval_stretched(f: Forgery) -> None:
    # the first of two, so that it does not decide until when the version is approved
    f.change(ev.Approved, 0, expires_at=lambda second: second + 1)


@forged(REVIEWER, "takes a study back to an earlier checkpoint alone", "events.replay")
def rollback_by_one(f: Forgery) -> None:
    f.change(
        ev.RolledBack,
        signers=lambda signers: signers[:1],
        signatures=lambda signatures: signatures[:1],
    )


@forged(
    REVIEWER,
    "signs a rollback for another reviewer too",
    "rollback.approved",
    "rollback 1",
)
def rollback_signed_for_another(f: Forgery) -> None:
    f.change(ev.RolledBack, signatures=lambda signatures: (signatures[0], signatures[0]))


@forged(Who.RELAYER, "carries out a signed rollback a second time", "events.replay")
def rollback_repeated(f: Forgery) -> None:
    f.insert(f.place(ev.RolledBack) + 1, f.event(ev.RolledBack))


@forged(SPONSOR, "counts consents to stricter terms for looser ones", "events.replay")
def consents_carried_over(f: Forgery) -> None:
    f.change(ev.VersionActivated, consent_version=1)


@forged(
    SPONSOR, "and reviewers approve terms that leave a single site's noise", "terms", "version 3"
)
def terms_that_break_the_rules(f: Forgery) -> None:
    terms = f.event(ev.VersionProposed).terms
    amended(f, tolerated_colluders=terms.min_sites - 1)


@forged(SPONSOR, "and reviewers let an unregistered site take part", "sites")
def unregistered_site(f: Forgery) -> None:
    terms = f.event(ev.VersionProposed).terms
    more = (*terms.sites, terms.coordinator)
    amended(f, sites=tuple(sorted(more, key=lambda site: int(site, 16))))


@forged(
    SPONSOR,
    "has an app approved that is not what its list of files says",
    "app.content",
    "documents/3/app.fab",
)
def app_that_is_not_what_it_lists(f: Forgery) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(app_bundle())) as good, zipfile.ZipFile(out, "w") as bad:
        for entry in good.infolist():
            bad.writestr(entry, good.read(entry).replace(b"approved", b"whatever"))
    amended(f, app_hash=sha256(out.getvalue()))
    f.put("documents/3/app.fab", out.getvalue())


@forged(
    SPONSOR,
    "starts the study from a prior with an optimiser that has seen something",
    "initial-checkpoint",
    "objects.car/",
)
def initial_checkpoint_with_a_past(f: Forgery) -> None:
    first = checkpoint.read(f.object(f.event(ev.VersionProposed).terms.initial_checkpoint))
    past = checkpoint.write(replace(first, first_moment=first.first_moment + 1.0))
    amended(f, initial_checkpoint=sha256(past))
    f.store(past)


def swapped(name: str, data: bytes) -> Any:
    def swap(f: Forgery) -> None:
        f.put(f"documents/2/{name}", data)

    swap.__name__ = f"swapped_{name.split('.')[0].replace('-', '_')}"
    return swap


for _name, _data, _what, _check in (
    ("consent-text.json", b'{"texts":{"en":"I agree to more."}}', "consent text", "document"),
    ("app.fab", app_bundle("print('another')\n"), "app", "app.hash"),
    ("protocol", b"Another protocol.", "protocol", "document"),
    ("dpia", b"Another assessment.", "data protection impact assessment", "document"),
):
    _path = f"documents/2/{_name}"
    _act = f"gives out another {_what} than the approved one"
    forged(SPONSOR, _act, _check, _path, Reach.FILES)(swapped(_name, _data))


@forged(SPONSOR, "puts a stranger into the committee", "events.replay")
def committee_changed_for_nobody(f: Forgery) -> None:
    f.change(ev.ReviewerReplaced, outgoing=f.event(ev.StudyProposed).sponsor)


@forged(SPONSOR, "sits on the committee itself", "events.replay")
def sponsor_on_the_committee(f: Forgery) -> None:
    sponsor = f.event(ev.StudyProposed).sponsor
    f.change(ev.StudyProposed, reviewers=lambda seats: (sponsor, *seats[1:]))


@forged(SPONSOR, "names the deployment as its own successor", "successor")
def successor_of_itself(f: Forgery) -> None:
    f.change(ev.SuccessorRecorded, successor=f.honest.contracts.registry)


@forged(PATIENT, "comes back without sitting out the rounds", "consents.waiting", "token")
def record_back_too_early(f: Forgery) -> None:
    grants = [p for p, e in enumerate(f.entries) if isinstance(e.event, ev.Granted)]
    tags = [f.entries[place].event.record_tag for place in grants]
    again = next(nth for nth, tag in enumerate(tags) if tag in tags[:nth])
    early = f.entries.pop(grants[again])
    second = f.place(ev.Opened, 1)
    before = f.entries[second - 1]
    f.entries.insert(second, Entry(early.event, before.block, before.time))


@forged(PATIENT, "has two live tokens for one record", "events.replay")
def two_tokens_of_one_record(f: Forgery) -> None:
    last = f.event(ev.Granted)
    revoked = {e.event.token_id for e in f.entries if isinstance(e.event, ev.Revoked)}
    live = next(
        e.event
        for e in f.entries
        if isinstance(e.event, ev.Granted)
        and e.event.grant.site == last.grant.site
        and e.event.token_id not in revoked
    )
    f.change(ev.Granted, record_tag=live.record_tag)


@forged(PATIENT, "revokes a token of somebody else", "events.replay")
def revocation_of_anothers_token(f: Forgery) -> None:
    f.change(ev.Revoked, holder=f.event(ev.Granted, 1).grant.holder)


@forged(Who.RELAYER, "has a grant counted that was signed before a revocation", "events.replay")
def grant_from_before_a_revocation(f: Forgery) -> None:
    holder = f.event(ev.Revoked, 0).holder
    place = f.place(ev.Granted)
    grant = replace(f.entries[place].event.grant, holder=holder, revocation_counter=0)
    f.entries[place].event = replace(f.entries[place].event, grant=grant)
