"""Lies of a coordinator, who opens, seals and closes rounds and signs each close.

The ledger refuses many of them before (see `refused.py`); here it is taken to have been deceived,
or to be no ledger of this release, and the verifier alone stands in the way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit import canonical_json, checkpoint, codec
from audit.cid import sha256
from audit.manifest import Manifest
from audit.recipe import Recipe
from audit.update import unmask_sum
from bench.verification.closing import Closing
from chain import events as ev
from chain.messages import AbortReason, Closure, ledger_domain
from tests.audit.misbehaviour.forgery import Forgery, doubled
from tests.audit.misbehaviour.kinds import Collection, Reach, Who
from tests.audit.tampering import flipped

LAST = 5
"""The last closed round of the study; nothing builds on it."""

of_coordinator = Collection()
forged = of_coordinator.forged
COORDINATOR = Who.COORDINATOR


@forged(COORDINATOR, "leaves one member's vector out of the sum it closes with", "outcome.sum")
def dropped_contribution(f: Forgery) -> None:
    rest = [codec.from_bytes(data) for data in f.masked(LAST)[1:]]
    f.close(LAST, Closing(total=unmask_sum(rest)))


@forged(COORDINATOR, "closes with fewer deliveries than the seal has members", "round.deliveries")
def missing_delivery(f: Forgery) -> None:
    f.change(
        ev.Closed,
        masked_hashes=lambda hashes: hashes[1:],
        delivery_signatures=lambda signatures: signatures[1:],
    )


@forged(COORDINATOR, "puts a vector of its own in a member's place and signs it", "round.delivery")
def substituted_vector(f: Forgery) -> None:
    first, *others = f.masked(LAST)
    member = f.event(ev.Sealed, round=LAST).members[0]
    own = {member: f.keys[f.sealed_round(LAST).terms.coordinator]}
    f.close(LAST, Closing(signers=own), masked=[doubled(first), *others])


@forged(COORDINATOR, "counts one member's vector twice", "round.delivery")
def duplicated_contribution(f: Forgery) -> None:
    first, _, *others = f.masked(LAST)
    coordinator = f.keys[f.sealed_round(LAST).terms.coordinator]
    second = f.event(ev.Sealed, round=LAST).members[1]
    f.close(LAST, Closing(signers={second: coordinator}), masked=[first, first, *others])


def nudged(made: checkpoint.Checkpoint) -> checkpoint.Checkpoint:
    return replace(made, prior=made.prior + 1e-12)


def shaken(made: checkpoint.Checkpoint) -> checkpoint.Checkpoint:
    return replace(made, second_moment=np.nextafter(made.second_moment, np.inf))


def faster(recipe: Recipe) -> Recipe:
    return replace(recipe, learning_rate=tuple(2 * rate for rate in recipe.learning_rate))


@forged(COORDINATOR, "adds 1e-12 to each weight of the new checkpoint", "outcome.checkpoint")
def changed_weights(f: Forgery) -> None:
    f.close(LAST, Closing(after=nudged))


@forged(
    COORDINATOR, "changes the optimiser's state in the checkpoint by one ulp", "outcome.checkpoint"
)
def changed_optimiser_state(f: Forgery) -> None:
    f.close(LAST, Closing(after=shaken))


@forged(COORDINATOR, "applies the sum with twice the learning rate", "outcome.checkpoint")
def changed_update_rule(f: Forgery) -> None:
    f.close(LAST, Closing(recipe=faster(f.sealed_round(LAST).recipe)))


@forged(
    COORDINATOR,
    "gives out another recipe, by which its update is right",
    "document",
    "documents/2/recipe.json",
)
def swapped_recipe(f: Forgery) -> None:
    other = faster(f.sealed_round(LAST).recipe)
    f.close(LAST, Closing(recipe=other))
    f.put("documents/2/recipe.json", other.to_bytes())


@forged(COORDINATOR, "divides the sum by another count of patients", "outcome.checkpoint")
def changed_mean(f: Forgery) -> None:
    f.close(LAST, Closing(count=f.sealed_round(LAST).count() - 1))


def saying(**changes: object) -> Closing:
    """An honest close with a lying manifest."""

    def manifest(honest: Manifest) -> bytes:
        return replace(honest, **changes).to_bytes()  # type: ignore[arg-type]

    return Closing(manifest=manifest)


@forged(COORDINATOR, "writes another base into the manifest", "outcome.manifest-fields", "round 5")
def manifest_naming_another_base(f: Forgery) -> None:
    f.close(LAST, saying(base=f.event(ev.Opened, 0).base))


@forged(COORDINATOR, "writes another count of patients into the manifest", "outcome.count")
def manifest_with_another_count(f: Forgery) -> None:
    f.close(LAST, saying(count=f.sealed_round(LAST).count() + 1))


@forged(
    COORDINATOR,
    "under-reports in the manifest what privacy is spent",
    "outcome.manifest-fields",
    "round 5",
)
def budget_under_reported_in_the_manifest(f: Forgery) -> None:
    f.close(LAST, saying(rho_spent=f.event(ev.Sealed).rho))


@forged(COORDINATOR, "adds a member of its own to the manifest", "outcome", "round 5")
def manifest_with_more_in_it(f: Forgery) -> None:
    def more(honest: Manifest) -> bytes:
        return canonical_json.dumps({**honest.to_json(), "approved": True})

    f.close(LAST, Closing(manifest=more))


@forged(
    COORDINATOR,
    "closes with the manifest of an earlier round",
    "outcome.manifest-fields",
    "round 5",
)
def manifest_of_another_round(f: Forgery) -> None:
    earlier = f.object(f.event(ev.Closed, round=3).manifest_hash)
    f.close(LAST, Closing(manifest=lambda _: earlier))
    f.store(earlier)


@forged(COORDINATOR, "has a round charged less than its noise costs", "round.charge", "round 5")
def budget_under_reported(f: Forgery) -> None:
    f.change(ev.Sealed, rho=lambda rho: rho - 1, rho_spent=lambda spent: spent - 1)
    f.close(LAST)


@forged(COORDINATOR, "starts to count the budget again from nothing", "events.replay")
def budget_reset(f: Forgery) -> None:
    f.change(ev.Sealed, rho_spent=f.event(ev.Sealed).rho)
    f.close(LAST)


@forged(COORDINATOR, "leaves a member out of the seal", "round.members", "round 5")
def omitted_member(f: Forgery) -> None:
    f.change(ev.Sealed, members=lambda members: members[:-1])
    f.reseal(LAST)
    f.close(LAST, masked=f.masked(LAST)[:-1])


@forged(COORDINATOR, "seals a member twice, which doubles its weight", "round.members", "round 5")
def member_sealed_twice(f: Forgery) -> None:
    f.change(ev.Sealed, members=lambda members: (members[0], *members))
    f.reseal(LAST)
    first, *others = f.masked(LAST)
    f.close(LAST, masked=[first, first, *others])


@forged(
    COORDINATOR,
    "seals early, on a commitment from before a withdrawal of consent",
    "round.members",
    "round 3",
)
def sealed_on_an_outdated_commitment(f: Forgery) -> None:
    f.drop(f.place(ev.Committed, round=3))  # what the site committed to after the withdrawal
    f.reseal(3)
    f.close(3)


@forged(
    COORDINATOR, "has a seal made over other members than it lists", "round.seal-digest", "round 5"
)
def seal_over_other_members(f: Forgery) -> None:
    honest = f.event(ev.Sealed, round=LAST)
    f.change(ev.Sealed, members=lambda members: members[:-1])
    f.reseal(LAST)
    f.change(ev.Sealed, members=honest.members)
    f.close(LAST)


@forged(COORDINATOR, "starts a round from a base of its own making", "round.base", "round 5")
def base_of_its_own(f: Forgery) -> None:
    made = checkpoint.write(nudged(f.sealed_round(LAST).base))
    f.store(made)
    f.change(ev.Opened, base=sha256(made))
    f.close(LAST)


@forged(
    COORDINATOR,
    "forks the history: starts a round from the initial checkpoint, as if none had come after",
    "round.previous",
    "round 5",
)
def forked_history(f: Forgery) -> None:
    oldest = f.event(ev.VersionProposed, version=2).terms.initial_checkpoint
    f.change(ev.Opened, base=oldest, previous_closed=0, previous_sealed=0)
    f.close(LAST)


@forged(
    COORDINATOR,
    "goes on from a checkpoint that reviewers have retired by a rollback",
    "round.base",
    "round 5",
)
def retired_checkpoint_as_base(f: Forgery) -> None:
    retired = f.event(ev.Closed, round=3).checkpoint_hash
    f.change(ev.Opened, base=retired, previous_closed=3)
    f.close(LAST)


@forged(COORDINATOR, "reopens a closed round and closes it otherwise", "events.replay")
def round_reopened(f: Forgery) -> None:
    again = f.event(ev.Closed, round=3)
    f.insert(f.place(ev.Closed, round=3) + 1, f.event(ev.Sealed, round=3))
    f.insert(f.place(ev.Sealed, round=3) + 1, again)


@forged(COORDINATOR, "closes a round under another number", "events.replay")
def round_renumbered(f: Forgery) -> None:
    f.change(ev.Closed, round=LAST + 1)


@forged(COORDINATOR, "leaves an aborted round out of the history", "events.replay")
def omitted_aborted_round(f: Forgery) -> None:
    f.drop(*(p for p, e in enumerate(f.entries) if getattr(e.event, "round", 0) == 4))


@forged(COORDINATOR, "gives a false reason for an abort", "round.abort", "round 2")
def false_reason_for_an_abort(f: Forgery) -> None:
    f.change(ev.Aborted, 0, reason=AbortReason.COORDINATOR)


@forged(COORDINATOR, "gives sites less time than the terms", "round.deadlines", "round 5")
def shortened_deadline(f: Forgery) -> None:
    f.change(ev.Opened, commit_deadline=lambda second: second - 300)


@forged(COORDINATOR, "pins a block of its choice", "round.pinned-block", "round 5")
def pinned_block_of_its_choice(f: Forgery) -> None:
    f.change(ev.Opened, pinned_block=lambda block: block - 1)
    f.close(LAST)


@forged(COORDINATOR, "opens a round that outlasts the approval", "round.approval", "round 5")
def round_beyond_its_approval(f: Forgery) -> None:
    f.change(ev.Opened, close_deadline=lambda second: 2 * second)
    f.close(LAST)


@forged(COORDINATOR, "closes a round after its time", "round.close", "round 5")
def closed_toolate(f: Forgery) -> None:
    deadline = f.event(ev.Opened).close_deadline
    late(f, f.place(ev.Closed), deadline)


@forged(COORDINATOR, "seals a round after its time", "round.seal", "round 5")
def sealed_toolate(f: Forgery) -> None:
    deadline = f.event(ev.Opened).seal_deadline
    late(f, f.place(ev.Sealed), deadline)


def late(f: Forgery, place: int, second: int) -> None:
    """An event and all after it come that much later."""
    shift = second - f.entries[place].time
    for entry in f.entries[place:]:
        entry.time += shift
    f.state.block = replace(f.state.block, timestamp=f.state.block.timestamp + shift)


@forged(COORDINATOR, "seals a barred site", "round.bars", "round 5")
def barred_site_let_in(f: Forgery) -> None:
    f.drop(f.place(ev.Readmitted))


@forged(
    COORDINATOR,
    "bars a site for a round that it ended before deliveries were due",
    "events.replay",
)
def barred_for_a_round_ended_early(f: Forgery) -> None:
    aborted = f.entries.pop(f.place(ev.Aborted, round=2))
    f.insert(f.place(ev.Barred), aborted.event)


@forged(
    COORDINATOR, "opens a round although aborted rounds paused the study", "round.aborts", "round 3"
)
def round_of_a_paused_study(f: Forgery) -> None:
    f.drop(f.place(ev.Suspended), f.place(ev.Resumed))


@forged(COORDINATOR, "takes back a version: opens a round under the one before", "events.replay")
def version_downgrade(f: Forgery) -> None:
    f.change(ev.Opened, version=1)


@forged(
    COORDINATOR,
    "and a member agree on another vector than the member put on record",
    "round.delivery-record",
    "round 1",
)
def delivery_on_record_replaced(f: Forgery) -> None:
    recorded = f.event(ev.DeliveryRecorded, round=1)
    place = f.event(ev.Sealed, round=1).members.index(recorded.site)
    vectors = f.masked(1)
    vectors[place] = doubled(vectors[place])
    f.close(1, masked=vectors)


@forged(
    COORDINATOR,
    "lets somebody else sign a close in its name",
    "round.closure",
    "round 5",
)
def close_signed_by_another(f: Forgery) -> None:
    closed, sealed = f.event(ev.Closed), f.event(ev.Sealed)
    contracts = f.honest.contracts
    closure = Closure(sealed.seal_digest, closed.checkpoint_hash, closed.manifest_hash)
    domain = ledger_domain(contracts.chain_id, contracts.ledger)
    f.change(ev.Closed, coordinator_signature=closure.sign(f.keys[sealed.members[0]], domain))


@forged(
    COORDINATOR,
    "leaves the aborted round out of the bundle it hands on",
    "events.running-hash",
    "RoundLedger",
    Reach.FILES,
)
def aborted_round_left_out_of_a_bundle(f: Forgery) -> None:
    omitted_aborted_round(f)


@forged(
    COORDINATOR,
    "hands on a bundle whose last vector is another, with its sum and checkpoint",
    "events.running-hash",
    "RoundLedger",
    Reach.FILES,
)
def rewritten_round_in_a_bundle(f: Forgery) -> None:
    first, *others = f.masked(LAST)
    f.close(LAST, masked=[flipped(first, 0), *others])
