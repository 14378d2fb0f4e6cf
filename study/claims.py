"""What verification claims, in a reviewer's words, and the named checks that each claim rests on.

The table of docs/reviewer.md is the same; a test keeps the two equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from audit.report import Check, Kind


@dataclass(frozen=True)
class Claim:
    """One thing that must be so. ``checks``: names; each also stands for NAME.anything."""

    words: str
    checks: tuple[str, ...]


CLAIMS: Final = (
    Claim(
        "the study was approved by as many of you as its threshold, with exactly these terms",
        ("approval", "approval.quorum", "terms", "study", "version", "committee"),
    ),
    Claim("the training code is the approved one", ("app.hash", "app.content")),
    Claim(
        "the other documents, recipe and first checkpoint are the approved ones",
        ("document", "recipe", "initial-checkpoint", "consent-text"),
    ),
    Claim(
        "consents were counted for the terms that they were given to, and sites were registered",
        ("consents", "consent-version", "sites"),
    ),
    Claim(
        "every admitted cohort is within the active tokens at the block that the site pinned",
        ("round.cohort", "cohort"),
    ),
    Claim(
        "every commitment came before the seal, of the epoch that held then",
        (
            "round.commitment",
            "round.commitment-time",
            "round.commitment-block",
            "round.commitment-fields",
            "round.epoch",
            "round.mask-key",
        ),
    ),
    Claim(
        "the contributors are exactly the sealed set, and every one delivered",
        ("round.members", "round.seal-digest", "round.deliveries", "outcome.contributors"),
    ),
    Claim(
        "each member signed its delivery, over the masked vector that is there",
        (
            "round.delivery",
            "round.delivery-record",
            "outcome.masked",
            "outcome.vector-link",
            "replay",
        ),
    ),
    Claim(
        "sum and count are those of the masked vectors and sealed cohorts",
        ("outcome.sum", "outcome.count"),
    ),
    Claim(
        "the update rule gives the same checkpoint, by its CID",
        (
            "outcome",
            "outcome.base",
            "outcome.checkpoint",
            "outcome.manifest",
            "outcome.manifest-fields",
        ),
    ),
    Claim(
        "rho of each round, and in total against the chain's own storage and the ceiling",
        ("round.charge", "round.room", "budget.storage"),
    ),
    Claim(
        "no consent was withdrawn that the close had to respect, a record that came back had"
        " sat out its rounds, and no grant served twice",
        ("round.close-epoch", "withdrawal", "consents.waiting", "consents.once"),
    ),
    Claim(
        "the running hashes come out of all events, aborted rounds included: nothing is omitted",
        ("events", "events.running-hash", "events.replay", "history", "round.abort"),
    ),
    Claim(
        "no gap and no fork: rounds are numbered through, each names the one before, no block has"
        " two hashes",
        ("rounds", "round.open", "round.previous", "round.base", "blocks.names"),
    ),
    Claim(
        "the study went back to an earlier checkpoint only with enough of your signatures",
        ("rollback",),
    ),
    Claim(
        "times are plausible: never back, within the deadlines, none after the block",
        (
            "events.times",
            "events.blocks",
            "round.pinned-block",
            "round.deadlines",
            "round.approval",
            "round.seal",
            "round.close",
            "round.closure",
        ),
    ),
    Claim(
        "who broke a duty was barred, and questions to sites were answered in time",
        ("round.bars", "round.aborts", "challenge"),
    ),
    Claim(
        "every object and file is there and bound, and none that nothing refers to",
        ("files", "objects", "documents.referenced", "references"),
    ),
    Claim(
        "the contracts are those of the deployment that you know, and the study is the one that you"
        " ask about",
        ("deployment", "study.number"),
    ),
    Claim(
        "the contracts began empty: their addresses follow from this release's creation code",
        ("contract.origin",),
    ),
    Claim(
        "the block is the one that you trust, and proves contracts, code, ABI and storage",
        ("anchor", "header", "evidence", "contract", "contracts", "successor"),
    ),
)


@dataclass(frozen=True)
class Standing:
    """How a claim stands. ``kinds``: how many of its checks are of each kind."""

    claim: Claim
    holding: int
    every: int
    kinds: tuple[tuple[Kind, int], ...]


@lru_cache(maxsize=1024)
def claim_of(name: str) -> Claim | None:
    """The claim that a check belongs to: the one that names most of its name."""
    found = [
        (len(known), claim)
        for claim in CLAIMS
        for known in claim.checks
        if name == known or name.startswith(f"{known}.")
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def standings(checks: Iterable[Check]) -> list[Standing]:
    """Every claim with its checks; those of no claim come last, under one of their own."""
    other = Claim("further checks", ())
    by_claim: dict[Claim, list[Check]] = {claim: [] for claim in (*CLAIMS, other)}
    for check in checks:
        by_claim[claim_of(check.name) or other].append(check)
    return [
        Standing(
            claim,
            sum(one.ok for one in own),
            len(own),
            tuple(Counter(one.kind for one in own).items()),
        )
        for claim, own in by_claim.items()
        if own or claim.checks
    ]
