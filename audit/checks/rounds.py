"""Each round as the ledger must have run it: base, deadlines, commitments, seal, charge, end."""

from __future__ import annotations

from audit.checks.commitments import check_commitment
from audit.checks.context import Context
from audit.checks.endings import check_abort, check_close
from audit.consent_state import StudyState
from audit.fields import hex_of
from audit.round_state import RoundFacts
from audit.rules import contributors, is_same_version
from audit.times import utc
from chain.messages import Terms, rho_of_round, seal_digest


def check_rounds(context: Context) -> None:
    """Adds `round.*` for every round."""
    state = context.state
    if state is None:
        return
    context.record.add(
        "rounds",
        f"study {context.study}",
        True,
        f"{len(state.history.rounds)} rounds, numbered without a gap",
    )
    keys: dict[bytes, str] = {}
    last_sealed = spent = 0
    for facts in state.history.rounds.values():
        where = f"round {facts.number}"
        terms = state.history.versions[facts.opened.version].terms
        with context.record.group("round.open", where):
            _check_open(context, state, facts, terms, last_sealed, spent)
        for committing in facts.commitments:
            place = f"{where}, site {committing.site}, attempt {committing.commitment.attempt}"
            with context.record.group("round.commitment", place):
                check_commitment(context, state, facts, terms, committing, place)
                used = keys.setdefault(committing.commitment.mask_key, place)
                if used != place:
                    context.record.fail("round.mask-key", place, f"used before, in {used}")
        if facts.sealed:
            with context.record.group("round.seal", where):
                _check_seal(context, state, facts, terms)
            last_sealed, spent = facts.number, spent + facts.sealed.rho
        if facts.closed:
            with context.record.group("round.close", where):
                check_close(context, state, facts, terms)
        if facts.aborted:
            with context.record.group("round.abort", where):
                check_abort(context, state, facts, terms)


def _check_open(
    context: Context,
    state: StudyState,
    facts: RoundFacts,
    terms: Terms,
    sealed: int,
    spent: int,
) -> None:
    """``sealed``: the last round sealed before; ``spent``: rho of all of those (1e-18)."""
    record, where, opened = context.record, f"round {facts.number}", facts.opened
    closed = facts.follows
    record.add(
        "round.previous",
        where,
        (opened.previous_sealed, opened.previous_closed) == (sealed, closed),
        f"last sealed round {sealed}, continues closed round {closed}",
    )
    last = state.history.rounds[closed].closed if closed else None
    base = last.checkpoint_hash if last else terms.initial_checkpoint
    source = f"the checkpoint of round {closed}" if closed else "the initial checkpoint"
    record.add("round.base", where, opened.base == base, f"starts from {source}, {hex_of(base)}")
    commit = facts.opened_at.time + terms.commit_seconds
    seal = commit + terms.seal_seconds
    delivery = seal + terms.delivery_seconds
    deadlines = (commit, seal, delivery, delivery + terms.close_seconds)
    found = (
        opened.commit_deadline,
        opened.seal_deadline,
        opened.delivery_deadline,
        opened.close_deadline,
    )
    record.add("round.deadlines", where, found == deadlines, "as the terms say, from the opening")
    pinned = opened.pinned_block == facts.opened_at.block - 1
    record.add("round.pinned-block", where, pinned, f"block {opened.pinned_block}, just before")
    room = spent + rho_of_round(terms.noise_multiplier) <= terms.rho_ceiling
    record.add("round.room", where, room, f"{spent} of {terms.rho_ceiling} spent (rho in 1e-18)")
    _check_may_open(context, state, facts, terms)


def _check_may_open(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    """A round opens only if its approval outlasts it, and not while aborts pause the study."""
    record, where = context.record, f"round {facts.number}"
    now = state.state_before(facts.opened_at)
    until = now.standing.approved_until if now.standing else 0
    record.add(
        "round.approval",
        where,
        is_same_version(now, facts) and facts.opened.close_deadline < until,
        f"version {facts.opened.version} is approved until {utc(until)}, the round may last until"
        f" {utc(facts.opened.close_deadline)}",
    )
    aborts = now.charged_aborts()
    record.add(
        "round.aborts",
        where,
        aborts < terms.max_charged_aborts,
        f"{aborts} sealed rounds aborted since the last suspension, {terms.max_charged_aborts}"
        " pause the study",
    )


def _check_seal(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    record, where = context.record, f"round {facts.number}"
    sealed, moment = facts.sealed, facts.sealed_at
    if sealed is None or moment is None:
        return
    now = state.state_before(moment)
    usable = is_same_version(now, facts) and moment.time < facts.opened.seal_deadline
    record.add("round.seal", where, usable, "in force, not suspended, before the seal deadline")
    wanted = contributors(now, facts, terms, moment)
    early = moment.time < facts.opened.commit_deadline
    admitted = [site for site in terms.sites if not now.barred_for(site)]
    complete = list(sealed.members) == wanted and (not early or wanted == admitted)
    record.add(
        "round.members",
        where,
        complete and len(wanted) >= terms.min_sites,
        f"{len(sealed.members)} members, {len(wanted)} current of {len(admitted)} sites not barred,"
        f" at least {terms.min_sites} needed" + (", sealed early" if early else ""),
    )
    commitments = [entry.commitment for entry in facts.sealed_commitments()]
    contracts = context.bundle.contracts
    digest = seal_digest(
        contracts.chain_id,
        contracts.ledger,
        context.study,
        facts.number,
        sealed.parent_hash,
        sealed.members,
        commitments,
    )
    record.add("round.seal-digest", where, digest == sealed.seal_digest, hex_of(digest))
    rho = rho_of_round(terms.noise_multiplier)
    charged = sealed.rho == rho and sealed.rho_spent <= terms.rho_ceiling
    record.add(
        "round.charge",
        where,
        charged,
        f"rho {sealed.rho} charged, {rho} by the formula; {sealed.rho_spent} of"
        f" {terms.rho_ceiling} spent (1e-18)",
    )
