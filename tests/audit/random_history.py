"""Random histories of one study on a real chain: acts by name, each refused ones passed over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import strategies as st

from chain.errors import ContractRefused
from chain.messages import LateRevocation, Purpose, RoundState, Terms
from tests.audit.acts import (
    approve,
    challenge,
    readmit,
    replace_reviewer,
    resume,
    roll_back,
)
from tests.world import DISEASE, World

OTHER_DISEASE = 5148
"""MONDO:0005148, type 2 diabetes mellitus."""

TRAINED = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING
CONSENTS: dict[str, tuple[Purpose, int]] = {
    "disease": (TRAINED, DISEASE),
    "other disease": (TRAINED, OTHER_DISEASE),
    "evaluation": (Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.EVALUATION, DISEASE),
    "health": (Purpose.HEALTH_RESEARCH | Purpose.TRAINING | Purpose.NO_METHOD_DEVELOPMENT, 0),
    "everything": (Purpose.NO_RESTRICTION | Purpose.TRAINING | Purpose.EVALUATION, 0),
    "not for profit": (TRAINED | Purpose.NOT_FOR_PROFIT, DISEASE),
    "no ancestry": (Purpose.GENERAL_RESEARCH | Purpose.TRAINING | Purpose.NO_ANCESTRY_RESEARCH, 0),
}
"""What a holder may grant, by a name for it."""

ASKED: tuple[int, ...] = tuple(
    int(asked)
    for asked in (
        0,
        Purpose.TRAINING,
        TRAINED,
        TRAINED | Purpose.NOT_FOR_PROFIT | Purpose.NON_COMMERCIAL,
        TRAINED | Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL,
        TRAINED | Purpose.METHOD_DEVELOPMENT,
        Purpose.ANCESTRY_RESEARCH | Purpose.TRAINING,
        1 << 63,
    )
)
STARTS, LENGTHS = (0, 50, 5000), (60, 5000, 10**6)
APPROVAL = 4000
"""How long the first approvals last, seconds: waiting outlasts them."""

Act = tuple[object, ...]

grants = st.tuples(
    st.just("grant"),
    st.integers(0, 1),
    st.sampled_from(STARTS),
    st.sampled_from(LENGTHS),
    st.sampled_from(sorted(CONSENTS)),
)
acts: st.SearchStrategy[Act] = st.one_of(
    grants,
    grants,
    st.tuples(st.just("revoke"), st.integers(0, 30)),
    st.tuples(st.just("return"), st.integers(0, 30)),
    st.tuples(st.just("renew_consent"), st.integers(0, 30)),
    st.just(("suspend",)),
    st.just(("resume",)),
    st.tuples(st.just("version"), st.sampled_from(["tighter", "looser", "disease", "non-profit"])),
    st.tuples(st.just("approve"), st.integers(0, 2), st.sampled_from([50, 3000, 9000])),
    st.tuples(st.just("replace"), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([30, 700, 4000])),
    st.tuples(st.just("round"), st.sampled_from(["open", "committed", "sealed", "closed"])),
    st.just(("abort",)),
    st.tuples(st.just("rollback"), st.integers(0, 2)),
    st.tuples(st.just("bar"), st.integers(0, 1)),
    st.tuples(st.just("fault"), st.integers(0, 1)),
    st.tuples(st.just("readmit"), st.integers(0, 1)),
)


@dataclass
class Patient:
    """A record at a site, its holder, and its newest token."""

    site: LocalAccount
    holder: LocalAccount
    token: int
    live: bool = True


@dataclass
class RandomHistory:
    """Runs acts on a study of its own; what makes no sense at its place is refused, or passed over.

    ``refused``: how many acts the contracts refused, by the name of the refusal.
    """

    world: World
    changes: dict[str, object] = field(default_factory=dict)
    patients: list[Patient] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sites = self.world.sites[:2]
        if not self.world.enrolment_keys:
            self.world.register_sites()
        self.study = self.world.propose(
            sites=tuple(site.address for site in self.sites),
            waiting_rounds=1,
            max_charged_aborts=2,
            answer_seconds=60,
            delivery_seconds=60,
            **self.changes,
        )
        self.start = self.world.now
        self.seated = list(self.world.reviewers)
        self.spare = list(self.world.accounts[20:24])
        for reviewer in self.seated[:2]:
            approve(self.world, self.study, 1, reviewer, self.start + APPROVAL)

    def run(self, acts: Sequence[Act]) -> None:
        for kind, *arguments in acts:
            try:
                getattr(self, f"_{kind}")(*arguments)
            except ContractRefused as refusal:
                self.refused.append(type(refusal).__name__)

    @property
    def _newest(self) -> tuple[int, RoundState]:
        ledger = self.world.chain().ledger
        number = ledger.round_count(self.study)
        return number, ledger.round(self.study, number).state

    def _consent(
        self, site: LocalAccount, holder: LocalAccount, consent: str, period: range
    ) -> int:
        purposes, disease = CONSENTS[consent]
        self.world.pass_time(1)  # an enrolment is issued later than the revocation that it follows
        return self.world.give_consent(
            self.study,
            site,
            holder,
            purposes=purposes,
            disease=disease,
            use_start=period.start,
            use_end=period.stop,
        )

    def _grant(self, site: int, start: int, length: int, consent: str) -> None:
        first = self.start + start
        holder, where = Account.create(), self.sites[site]
        token = self._consent(where, holder, consent, range(first, first + length))
        self.patients.append(Patient(where, holder, token))

    def _chosen(self, which: int, live: bool) -> Patient | None:
        found = [patient for patient in self.patients if patient.live == live]
        return found[which % len(found)] if found else None

    def _revoke(self, which: int) -> None:
        if patient := self._chosen(which, live=True):
            self.world.revoke(patient.token, patient.holder)
            patient.live = False

    def _return(self, which: int) -> None:
        """A record whose token was revoked comes back; the same holder grants again."""
        if patient := self._chosen(which, live=False):
            self._grant_again(patient)
            patient.live = True

    def _renew_consent(self, which: int) -> None:
        """Refused while the token's version still counts; otherwise it is replaced."""
        if patient := self._chosen(which, live=True):
            self._grant_again(patient)

    def _grant_again(self, patient: Patient) -> None:
        period = range(self.start, self.start + 10**6)
        patient.token = self._consent(patient.site, patient.holder, "disease", period)

    def _suspend(self) -> None:
        self.world.chain(self.seated[0]).registry.suspend(self.study)

    def _resume(self) -> None:
        resume(self.world, self.study, self.seated[1:])

    def _version(self, kind: str) -> None:
        registry = self.world.chain(self.world.sponsor).registry
        study = registry.study(self.study)
        terms = registry.terms(self.study, study.proposed_version)
        registry.propose_version(self.study, _changed(terms, kind))
        for reviewer in self.seated[1:]:
            expires_at = self.world.now + APPROVAL
            approve(self.world, self.study, study.proposed_version + 1, reviewer, expires_at)

    def _approve(self, reviewer: int, seconds: int) -> None:
        version = self.world.chain().registry.study(self.study).current_version
        expires_at = self.world.now + seconds
        approve(self.world, self.study, version, self.seated[reviewer], expires_at)

    def _replace(self, seat: int) -> None:
        outgoing, incoming = self.seated[seat], self.spare[0]
        signing = [reviewer for reviewer in self.seated if reviewer != outgoing]
        replace_reviewer(self.world, self.study, outgoing.address, incoming.address, signing)
        self.seated[seat] = self.spare.pop(0)
        self.spare.append(outgoing)

    def _wait(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    def _round(self, until: str) -> None:
        """Takes the newest round on, or opens one, until it is in a state."""
        number, state = self._newest
        if state not in (RoundState.OPEN, RoundState.SEALED):
            number, state = self.world.open_round(self.study), RoundState.OPEN
        if until != "open" and state == RoundState.OPEN:
            for site in self.sites:
                self.world.commit(self.study, number, site)
        ledger = self.world.chain(self.world.coordinator).ledger
        if until in ("sealed", "closed") and state == RoundState.OPEN:
            ledger.seal(self.study, number)
        if until == "closed":
            self.world.close(self.study, number)

    def _abort(self) -> None:
        self.world.chain(self.world.coordinator).ledger.abort(self.study, self._newest[0])

    def _rollback(self, to_round: int) -> None:
        roll_back(self.world, self.study, to_round, self.seated[:2])

    def _bar(self, site: int) -> None:
        ledger = self.world.chain(self.world.coordinator).ledger
        ledger.bar(self.study, ledger.last_sealed(self.study), self.sites[site].address)

    def _fault(self, site: int) -> None:
        name, number = self.sites[site].address, self._newest[0]
        challenge(self.world, self.study, number, name, 0, self.seated[0])
        self.world.pass_time(60)
        self.world.chain().ledger.fault(self.study, number, name, 0)

    def _readmit(self, site: int) -> None:
        readmit(self.world, self.study, self.sites[site].address, self.seated[2])


def _changed(terms: Terms, kind: str) -> Terms:
    if kind == "tighter":
        return dataclasses.replace(terms, min_cohort=terms.min_cohort + 1)
    if kind == "looser":
        delta = terms.delta + 1
        return dataclasses.replace(terms, delta=delta, late_revocation=LateRevocation.PROCEED)
    if kind == "disease":
        other = OTHER_DISEASE if terms.disease == DISEASE else DISEASE
        return dataclasses.replace(terms, disease=other)
    purposes = terms.purposes | Purpose.NOT_FOR_PROFIT | Purpose.NON_COMMERCIAL
    return dataclasses.replace(terms, purposes=purposes)
