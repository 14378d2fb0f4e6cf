"""How each round ended: closed with every delivery, or aborted for the reason that applied."""

from __future__ import annotations

from audit.checks.context import Context
from audit.checks.signatures import check_signature
from audit.consent_state import StudyState
from audit.round_state import RoundFacts
from audit.rules import abort_reason, is_current, is_same_version
from chain.messages import Closure, Delivery, RoundState, Terms


def check_close(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    """Adds `round.close`, `round.close-epoch`, `round.deliveries`, `round.delivery`,
    `round.delivery-record` and `round.closure`.
    """
    record, where = context.record, f"round {facts.number}"
    closed, moment, sealed = facts.closed, facts.closed_at, facts.sealed
    if closed is None or moment is None or sealed is None:
        return
    now = state.state_before(moment)
    usable = is_same_version(now, facts) and moment.time < facts.opened.close_deadline
    record.add("round.close", where, usable, "in force, not suspended, before the close deadline")
    for entry in facts.sealed_commitments():
        record.add(
            "round.close-epoch",
            f"{where}, site {entry.site}",
            is_current(now, facts, terms, entry),
            f"epoch {entry.commitment.epoch} sealed, {now.epoch(entry.site)} at the close; the"
            f" policy is {terms.late_revocation.name.lower()}",
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
        if site in facts.deliveries:
            same = facts.deliveries[site] == masked
            record.add("round.delivery-record", place, same, "as the site put on record itself")
    closure = Closure(sealed.seal_digest, closed.checkpoint_hash, closed.manifest_hash)
    check_signature(
        context,
        "round.closure",
        where,
        terms.coordinator,
        closure.digest(domain),
        closed.coordinator_signature,
    )


def check_abort(context: Context, state: StudyState, facts: RoundFacts, terms: Terms) -> None:
    """Adds `round.abort`."""
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
