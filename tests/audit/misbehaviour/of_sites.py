"""Lies of a site, which commits to a cohort and a vector, and signs what it delivers."""

from __future__ import annotations

from dataclasses import replace

from audit import codec
from audit.cid import sha256
from bench.verification.closing import Closing
from chain import events as ev
from chain.messages import Delivery, ledger_domain
from tests.audit.misbehaviour.forgery import Forgery, doubled
from tests.audit.misbehaviour.kinds import Collection, Reach, Who
from tests.audit.misbehaviour.of_coordinator import LAST, late

of_sites = Collection()
forged = of_sites.forged
SITE = Who.SITE


def recommitted(f: Forgery, nth: int = 0, **changes: object) -> None:
    """A site's sealed commitment to the last round is another, and all that follows from it."""
    f.change_commitment(LAST, nth, **changes)
    f.reseal(LAST)
    f.close(LAST)


@forged(SITE, "counts a token whose purposes do not allow the study", "round.cohort", "round 5")
def cohort_padded_with_inactive_tokens(f: Forgery) -> None:
    committing = [
        entry.event.site
        for entry in f.entries
        if isinstance(entry.event, ev.Committed) and entry.event.round == LAST
    ]
    inactive = next(
        entry.event.grant.site
        for entry in f.entries
        if isinstance(entry.event, ev.Granted) and entry.event.grant.disease == 0
    )
    recommitted(f, committing.index(inactive), cohort_size=lambda size: size + 1)


@forged(SITE, "states a cohort larger than its tokens", "round.cohort", "round 5")
def cohort_larger_than_tokens(f: Forgery) -> None:
    recommitted(f, cohort_size=lambda size: size + 100)


@forged(SITE, "commits a cohort below the minimum", "round.cohort", "round 5")
def cohort_too_small(f: Forgery) -> None:
    recommitted(f, cohort_size=1)


@forged(
    SITE,
    "recommits after a withdrawal with the view of consent from before",
    "round.epoch",
    "round 3",
)
def stale_consent_view(f: Forgery) -> None:
    site = f.event(ev.Committed, round=3).site
    stale = f.event(ev.Committed, 0, round=3, site=site).commitment
    f.change_commitment(
        3, block_number=stale.block_number, block_hash=stale.block_hash, epoch=stale.epoch
    )
    f.reseal(3)
    f.close(3)


@forged(
    SITE, "reads its cohort at a block from before the round", "round.commitment-block", "round 5"
)
def cohort_of_an_old_block(f: Forgery) -> None:
    recommitted(f, block_number=f.event(ev.Opened).pinned_block - 1)


@forged(SITE, "commits after the deadline", "round.commitment-time", "round 5")
def committed_too_late(f: Forgery) -> None:
    late(f, f.place(ev.Committed), f.event(ev.Opened).commit_deadline)


@forged(SITE, "commits to a study that it is not part of", "round.commitment", "round 4")
def commitment_of_a_stranger(f: Forgery) -> None:
    place = f.place(ev.Committed, round=4)
    stranger = f.event(ev.VersionProposed, 0).terms.coordinator
    f.insert(place + 1, replace(f.entries[place].event, site=stranger))


@forged(SITE, "uses a mask key again, so that two rounds share masks", "round.mask-key", "round 5")
def mask_key_used_again(f: Forgery) -> None:
    recommitted(f, mask_key=f.event(ev.Committed, 0).commitment.mask_key)


@forged(
    SITE,
    "commits a mask key of low order, so that every honest member has to withhold",
    "round.commitment-fields",
    "round 5",
)
def mask_key_that_gives_no_secret(f: Forgery) -> None:
    recommitted(f, mask_key=b"\1" + bytes(31))


@forged(SITE, "commits to no cohort root", "round.commitment-fields", "round 5")
def empty_commitment(f: Forgery) -> None:
    recommitted(f, cohort_root=bytes(32))


@forged(SITE, "signs another site's delivery in its place", "round.delivery", "round 5")
def delivery_signed_by_another_site(f: Forgery) -> None:
    one, two = f.event(ev.Sealed).members[:2]
    f.close(LAST, Closing(signers={one: f.keys[two]}))


def _signed_instead(f: Forgery, seal_digest: bytes, masked: bytes) -> None:
    """The first member's signature is over something else."""
    contracts = f.honest.contracts
    domain = ledger_domain(contracts.chain_id, contracts.ledger)
    first = f.keys[f.event(ev.Sealed).members[0]]
    other = Delivery(seal_digest, sha256(masked)).sign(first, domain)
    f.change(ev.Closed, delivery_signatures=lambda signatures: (other, *signatures[1:]))


@forged(SITE, "signs another vector than it delivers", "round.delivery", "round 5")
def delivery_signature_over_another_vector(f: Forgery) -> None:
    _signed_instead(f, f.event(ev.Sealed).seal_digest, doubled(f.masked(LAST)[0]))


@forged(SITE, "delivers with its signature for another round", "round.delivery", "round 5")
def delivery_signature_of_another_round(f: Forgery) -> None:
    _signed_instead(f, f.event(ev.Sealed, round=3).seal_digest, f.masked(LAST)[0])


@forged(SITE, "delivers a huge vector, and the coordinator closes with it", "outcome", "round 5")
def huge_vector_that_was_closed_with(f: Forgery) -> None:
    first, *others = f.masked(LAST)
    words = codec.from_bytes(first).copy()
    words[0] += 1 << 40
    f.close(LAST, masked=[codec.to_bytes(words), *others])


@forged(SITE, "delivers a vector of another length", "outcome", "round 5")
def vector_of_another_length(f: Forgery) -> None:
    total = f.sealed_round(LAST).total()
    first, *others = f.masked(LAST)
    f.close(LAST, Closing(total=total), masked=[first + bytes(8), *others])


@forged(
    SITE,
    "shows one reader the commitment that it made and another reader another",
    "events.running-hash",
    "RoundLedger",
    Reach.FILES,
)
def two_commitments_shown_to_two_parties(f: Forgery) -> None:
    recommitted(f, cohort_root=sha256(b"another cohort"))


@forged(SITE, "never answers a question that it was asked on chain", "challenge", "round 3")
def unanswered_challenge(f: Forgery) -> None:
    f.drop(f.place(ev.Answered))
    later = f.state.block.timestamp + 10**6
    f.state.block = replace(f.state.block, timestamp=later)


@forged(
    SITE,
    "has a patient's grant make a second token, by a second enrolment under another tag",
    "consents.once",
    "token",
)
def grant_that_serves_twice(f: Forgery) -> None:
    newest = {
        entry.event.grant.site: place
        for place, entry in enumerate(f.entries)
        if isinstance(entry.event, ev.Granted)
    }
    place = min(newest.values())
    granted = f.entries[place].event
    tag = sha256(granted.record_tag)
    f.insert(place + 1, replace(granted, token_id=granted.token_id + 1, record_tag=tag))
