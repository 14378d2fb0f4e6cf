"""Each round as the ledger must have run it: base, deadlines, commitments, seal, charge, end."""

from __future__ import annotations

from audit.checks.context import Context
from audit.checks.study import check_signature
from audit.consent_state import StudyState
from audit.fields import hex_of
from audit.round_state import Committing, RoundFacts
from audit.rules import (
    BLOCK_HASH_WINDOW,
    abort_reason,
    contributors,
    counted_epoch,
)
from chain.messages import (
    Closure,
    Delivery,
    RoundState,
    Terms,
    rho_of_round,
    seal_digest,
)


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
    for facts in state.history.rounds.values():
        where = f"round {facts.number}"
        terms = state.history.versions[facts.opened.version].terms
        with context.record.group("round.open", where):
            _check_open(context, state, facts, terms)
        for committing in facts.commitments:
            place = f"{where}, site {committing.site}, attempt {committing.commitment.attempt}"
            with context.record.group("round.commitment", place):
                _check_commitment(context, state, facts, terms, committing, place)
                used = keys.setdefault(committing.commitment.mask_key, place)
                if used != place:
                    context.record.fail("round.mask-key", place, f"used before, in {used}")
        if facts.sealed:
            with context.record.group("round.seal", where):
                _check_seal(context, state, facts, terms)
        if facts.closed:
            with context.record.group("round.close", where):
                _check_close(context, state, facts, terms)
        if facts.aborted:
            with context.record.group("round.abort", where):
                _check_abort(context, state, facts, terms)


def _check_open(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    record, where, opened = context.record, f"round {facts.number}", facts.opened
    earlier = [state.history.rounds[number] for number in range(1, facts.number)]
    sealed = max((f.number for f in earlier if f.sealed), default=0)
    closed = max((f.number for f in earlier if f.closed), default=0)
    record.add(
        "round.previous",
        where,
        (opened.previous_sealed, opened.previous_closed) == (sealed, closed),
        f"last sealed round {sealed}, last closed round {closed}",
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
    spent = sum(f.sealed.rho for f in earlier if f.sealed)
    room = spent + rho_of_round(terms.noise_multiplier) <= terms.rho_ceiling
    record.add("round.room", where, room, f"{spent} of {terms.rho_ceiling} spent (rho in 1e-18)")


def _check_same_version(state: StudyState, facts: RoundFacts) -> bool:
    standing = state.standing
    return (
        state.is_usable
        and standing is not None
        and (standing.current_version == facts.opened.version)
    )


def _check_commitment(
    context: Context,
    state: StudyState,
    facts: RoundFacts,
    terms: Terms,
    committing: Committing,
    place: str,
) -> None:
    record, moment, commitment = context.record, committing.moment, committing.commitment
    site, now = committing.site, state.state_before(moment)
    allowed = site in terms.sites and _check_same_version(now, facts)
    record.add("round.commitment", place, allowed, "by a site of the version in force")
    in_time = moment.time < facts.opened.commit_deadline
    record.add("round.commitment-time", place, in_time, "before the commit deadline")
    block = commitment.block_number
    known = facts.opened.pinned_block <= block < moment.block <= block + BLOCK_HASH_WINDOW
    record.add("round.commitment-block", place, known, f"cohort read at block {block}")
    then = state.state_at(block)
    epochs = {commitment.epoch, now.epoch(site), then.epoch(site)}
    record.add("round.epoch", place, len(epochs) == 1, f"epoch {commitment.epoch} there and here")
    # active from the moment of the commitment to the close deadline, by what that block knew
    deadline = facts.opened.close_deadline
    active = set(then.active_indices(site, terms.purposes, moment.time))
    active &= set(then.active_indices(site, terms.purposes, deadline))
    size = commitment.cohort_size
    record.add(
        "round.cohort",
        place,
        terms.min_cohort <= size <= len(active),
        f"{size} admitted, {len(active)} active to the close deadline, at least {terms.min_cohort}"
        " needed",
    )
    named = (commitment.cohort_root, commitment.vector_hash, commitment.mask_key)
    whole = all(any(value) for value in (*named, commitment.environment_hash))
    record.add("round.commitment-fields", place, whole, "cohort root, vector, key, environment")


def _check_seal(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    record, where = context.record, f"round {facts.number}"
    sealed, moment = facts.sealed, facts.sealed_at
    if sealed is None or moment is None:
        return
    now = state.state_before(moment)
    usable = _check_same_version(now, facts) and moment.time < facts.opened.seal_deadline
    record.add("round.seal", where, usable, "in force, not suspended, before the seal deadline")
    wanted = contributors(now, facts, terms, moment)
    early = moment.time < facts.opened.commit_deadline
    complete = list(sealed.members) == wanted and (not early or wanted == list(terms.sites))
    record.add(
        "round.members",
        where,
        complete and len(wanted) >= terms.min_sites,
        f"{len(sealed.members)} members, {len(wanted)} current of {len(terms.sites)} sites,"
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


def _check_close(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    record, where = context.record, f"round {facts.number}"
    closed, moment, sealed = facts.closed, facts.closed_at, facts.sealed
    if closed is None or moment is None or sealed is None:
        return
    now = state.state_before(moment)
    usable = _check_same_version(now, facts) and moment.time < facts.opened.close_deadline
    record.add("round.close", where, usable, "in force, not suspended, before the close deadline")
    for entry in facts.sealed_commitments():
        counted = counted_epoch(now, facts, terms, entry.site, moment.time)
        record.add(
            "round.close-epoch",
            f"{where}, site {entry.site}",
            entry.commitment.epoch == counted,
            f"epoch {entry.commitment.epoch} sealed, {counted} counts at the close",
        )
    counts = (len(closed.masked_hashes), len(closed.delivery_signatures))
    members = len(sealed.members)
    record.need("round.deliveries", where, counts == (members, members), "one from each member")
    domain = context.ledger_domain
    for site, masked, signature in zip(
        sealed.members, closed.masked_hashes, closed.delivery_signatures, strict=True
    ):
        digest = Delivery(sealed.seal_digest, masked).digest(domain)
        place = f"{where}, site {site}"
        check_signature(context, "round.delivery", place, site, digest, signature)
    closure = Closure(sealed.seal_digest, closed.checkpoint_hash, closed.manifest_hash)
    check_signature(
        context,
        "round.closure",
        where,
        terms.coordinator,
        closure.digest(domain),
        closed.coordinator_signature,
    )


def _check_abort(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    aborted, moment = facts.aborted, facts.aborted_at
    if aborted is None or moment is None:
        return
    wanted = abort_reason(state.state_before(moment), facts, terms, moment)
    was = RoundState.SEALED if facts.sealed else RoundState.OPEN
    context.record.add(
        "round.abort",
        f"round {facts.number}",
        aborted.reason == wanted,
        f"{was.name.lower()} and aborted, reason {aborted.reason.name.lower()}"
        + ("" if aborted.reason == wanted else f"; the ledger would say {wanted.name.lower()}"),
    )
