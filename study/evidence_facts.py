"""What a bundle says of its study, verified and counted: for exports and for an ethics board.

It holds no token, no patient's address and no salt: of patients there are counts alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from audit.bundle import Bundle, read_bundle
from audit.cid import cid_of_large, cid_of_sha256, is_cid_of_large, sha256_of_cid
from audit.consent_state import StudyState
from audit.history import RollbackFacts, VersionFacts
from audit.manifest import Contracts
from audit.privacy import RHO_UNIT, log_slack_of_round
from audit.replays import SignedReplay
from audit.report import Report
from audit.round_state import Moment, RoundFacts
from audit.spending import Charge, Spending, charges, newest_terms, spending
from audit.verify import prove_history, verify
from audit.withdrawal_study import predecessor
from chain.messages import Terms, account_of_signer

_LONG_NUMBER = re.compile(r"\b\d{30,}\b")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")


@dataclass(frozen=True)
class ConsentCounts:
    """Tokens by what they are at the block; each is counted once, in the order of the fields.

    Attributes:
        granted: all of them together.
        withdrawn: revoked by their holder.
        renewed: ended because their holder granted anew.
        expired: their use period is over.
        active: they count for the purposes of the terms in force.
        other: of an older version, not yet begun, for other purposes, or the study stands still.
    """

    granted: int
    withdrawn: int
    renewed: int
    expired: int
    active: int
    other: int


@dataclass(frozen=True)
class Act:
    """Something that happened ``at`` a moment.

    ``until``: when it was over, for what lasts; None: a point in time, or a round that still runs.
    """

    lane: str
    kind: str
    at: Moment
    words: str
    until: Moment | None = None


@dataclass(frozen=True)
class StudyFacts:
    """The proven history and what is counted in it."""

    state: StudyState
    terms: Terms
    version: VersionFacts
    consents: dict[str, ConsentCounts]
    rounds: tuple[RoundFacts, ...]
    privacy: Spending
    charges: tuple[Charge, ...]
    acts: tuple[Act, ...]
    large: frozenset[bytes] = frozenset()
    """What names the bundle's objects over 1 MiB, 32 bytes each: their CIDs have another codec."""

    def cid(self, digest: bytes) -> str:
        """The CID of an object or document, by the 32 bytes that name it."""
        return cid_of_large(digest) if digest in self.large else cid_of_sha256(digest)

    @property
    def all_consents(self) -> ConsentCounts:
        """Of all sites together."""
        columns = zip(*(vars(one).values() for one in self.consents.values()), strict=True)
        return ConsentCounts(*map(sum, columns)) if self.consents else ConsentCounts(*[0] * 6)

    @property
    def labels(self) -> dict[str, str]:
        """Short names of sites for tables and figures, by address."""
        return labels_of(self.state)

    @property
    def bounded_ceiling(self) -> float:
        """zCDP that all rounds together may cost, slack included, as a number."""
        slack = self.charges[-1].bounded - self.privacy.rho_spent / RHO_UNIT if self.charges else 0
        left = self.privacy.rounds_left * math.exp(log_slack_of_round(self.terms))
        return self.terms.rho_ceiling / RHO_UNIT + slack + left

    @property
    def reviewers(self) -> dict[str, str]:
        """Short names of everybody who ever sat on the committee, by address."""
        seats = (seat for one in self.state.history.committees for seat in one.reviewers)
        now = set(self.state.reviewers)
        return {
            address: f"reviewer {number}{'' if address in now else ' (no longer)'}"
            for number, address in enumerate(dict.fromkeys(seats), start=1)
        }

    def by_name(self, words: str) -> str:
        """Words with sites and reviewers by their short names."""
        for address, label in (self.labels | self.reviewers).items():
            words = words.replace(f"site {address}", label).replace(address, label)
        return words

    def terms_of(self, facts: RoundFacts) -> Terms:
        """The terms under which a round was opened."""
        return self.state.history.versions[facts.opened.version].terms

    def state_of(self, facts: RoundFacts) -> str:
        """How a round ended, in a word: a retired one closed, and reviewers went back behind it."""
        return "retired" if self.state.is_retired(facts.number) else facts.state.name.lower()


@dataclass(frozen=True)
class EvidenceFacts:
    """A bundle's verdict and what it says; ``study`` is None when its events give no history, or
    terms whose privacy cannot be reckoned.
    """

    bundle: Bundle
    report: Report
    study: StudyFacts | None

    @property
    def contracts(self) -> Contracts:
        return self.bundle.contracts

    def without_patients(self, text: str) -> str:
        """Words of a check, with tokens and addresses of anybody who is no party blotted out."""
        known = {self.contracts.registry, self.contracts.consent_token, self.contracts.ledger}
        if self.study is not None:
            known |= parties(self.study.state)
        text = _LONG_NUMBER.sub("(withheld)", text)
        return _ADDRESS.sub(lambda m: m[0] if m[0] in known else "(address withheld)", text)

    def in_words(self, text: str) -> str:
        """Words of a check as a board reads them: no patient, and sites by name."""
        text = self.without_patients(text)
        return text if self.study is None else self.study.by_name(text)


def read_facts(
    path: Path,
    trust_block: bytes | None,
    contracts: Contracts,
    replays: Sequence[SignedReplay] = (),
    study: int | None = None,
) -> EvidenceFacts:
    """Read and verify a bundle. Raises BundleUnusable.

    ``trust_block``, ``contracts``, ``replays``, ``study``: as `audit.verify.verify` takes them; the
    report fails without the first.
    """
    bundle = read_bundle(path)
    report = verify(bundle, trust_block, replays=replays, contracts=contracts, study=study)
    state, _ = prove_history(bundle, trust_block)
    # No privacy: there are no terms, or forged ones whose cost cannot be reckoned.
    if state is None or report.privacy is None or report.block_time is None:
        return EvidenceFacts(bundle, report, None)
    large = frozenset(sha256_of_cid(cid) for cid in bundle.objects if is_cid_of_large(cid))
    facts = study_facts(state.state_at(report.block_number, report.block_time))
    return EvidenceFacts(bundle, report, replace(facts, large=large))


def study_facts(state: StudyState) -> StudyFacts:
    """Everything counted, as the study stood in ``state``."""
    history, terms = state.history, newest_terms(state)
    version = next(one for one in reversed(history.versions.values()) if one.terms is terms)
    rounds = tuple(history.rounds.values())
    return StudyFacts(
        state=state,
        terms=terms,
        version=version,
        consents={site: _consents(state, site, terms) for site in sites_of(state)},
        rounds=rounds,
        privacy=spending(state),
        charges=tuple(charges(state)),
        acts=tuple(sorted(_acts(state), key=lambda act: act.at.position)),
    )


def sites_of(state: StudyState) -> list[str]:
    """Every site that any version of the terms names, in their order."""
    named = (site for one in state.history.versions.values() for site in one.terms.sites)
    return list(dict.fromkeys(named))


def labels_of(state: StudyState) -> dict[str, str]:
    """Short names of sites for tables and figures, by address."""
    return {site: f"site {number}" for number, site in enumerate(sites_of(state), start=1)}


def parties(state: StudyState) -> set[str]:
    """Addresses of institutions and of the committee, which a report may name."""
    history = state.history
    known = {*sites_of(state), *([history.sponsor] if history.sponsor else [])}
    known |= {one.terms.coordinator for one in history.versions.values()}
    return known | {seat for one in history.committees for seat in one.reviewers}


def _consents(state: StudyState, site: str, terms: Terms) -> ConsentCounts:
    tokens = state.tokens(site)
    active = set(state.active_indices(site, terms.purposes, state.time))
    renewed = {before.index for token in tokens if (before := predecessor(token)) is not None}
    found: Counter[str] = Counter()
    for token in tokens:
        if token.index in renewed:
            found["renewed"] += 1
        elif token.revoked is not None:
            found["withdrawn"] += 1
        elif token.grant.use_end <= state.time:
            found["expired"] += 1
        else:
            found["active" if token.index in active else "other"] += 1
    return ConsentCounts(
        granted=len(tokens),
        withdrawn=found["withdrawn"],
        renewed=found["renewed"],
        expired=found["expired"],
        active=found["active"],
        other=found["other"],
    )


def _acts(state: StudyState) -> list[Act]:
    history = state.history
    acts = [*_of_the_committee(state), *map(_rollback, history.rollbacks)]
    for facts in history.rounds.values():
        word = "retired" if state.is_retired(facts.number) else facts.state.name.lower()
        why = f" ({facts.aborted.reason.name.lower().replace('_', ' ')})" if facts.aborted else ""
        words = f"round {facts.number}: {word}{why}"
        acts.append(Act("rounds", word, facts.opened_at, words, facts.over_at))
    ended = [one for of_site in history.revocations.values() for one in of_site]
    acts += [Act("withdrawals", "consent ended", one, "a consent ended") for one in ended]
    names = labels_of(state)
    for site, changes in history.bars.items():
        for change in changes:
            barred = f"{names.get(site, site)} barred for round {change.round}"
            readmitted = f"{names.get(site, site)} readmitted by {change.readmitted_by}"
            words = barred if change.round else readmitted
            kind = "site barred" if change.round else "site readmitted"
            acts.append(Act("faults", kind, change.moment, words))
    for asked in history.challenges.values():
        if asked.faulted:
            site = names.get(asked.site, asked.site)
            words = f"{site} did not answer about round {asked.round}"
            acts.append(Act("faults", "no answer", asked.faulted, words))
    return acts


def _of_the_committee(state: StudyState) -> list[Act]:
    history, acts = state.history, []
    for one in history.versions.values():
        words = f"version {one.version} of the terms proposed"
        acts.append(Act("approvals", "version proposed", one.proposed, words))
        for approval in one.approvals:
            words = f"version {one.version} approved by {approval.reviewer}"
            acts.append(Act("approvals", "approval", approval.moment, words))
        if one.activated:
            words = f"version {one.version} in force"
            acts.append(Act("approvals", "version in force", one.activated, words))
    suspended = False
    for standing in history.standings:
        if standing.suspended != suspended:
            suspended = standing.suspended
            kind = "study suspended" if suspended else "study resumed"
            by = standing.suspended_by if suspended else f"{history.threshold} reviewers"
            acts.append(Act("approvals", kind, standing.moment, f"{kind} by {by}"))
    for before, after in pairwise(history.committees):
        (out,), (into,) = (
            set(one.reviewers) - set(other.reviewers)
            for one, other in ((before, after), (after, before))
        )
        words = f"{out} left the committee, {into} came"
        acts.append(Act("approvals", "reviewer replaced", after.moment, words))
    return acts


def _rollback(rollback: RollbackFacts) -> Act:
    event = rollback.event
    to = f"round {event.to_round}" if event.to_round else "the first checkpoint"
    by = " and ".join(dict.fromkeys(map(account_of_signer, event.signers)))
    words = f"study taken back from round {event.from_round} to {to} by {by}"
    return Act("approvals", "rollback", rollback.moment, words)
