"""A study's design: the numbers in its terms, with defaults for tens of patients a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from audit.privacy import noise_multiplier_for
from chain.messages import LateRevocation, Purpose, Terms, rho_of_round
from study.documents import StudyDocuments

_FRACTION_BITS = 24
_DAY = 86_400
#: MONDO:0005388, the disease that the model in this release is about.
PRIMARY_BILIARY_CHOLANGITIS = 5388
NO_UNDERTAKINGS = Purpose(0)


@dataclass(frozen=True)
class StudyDesign:
    """What a sponsor decides.

    Attributes:
        purposes: what a round uses data for; TRAINING is among them.
        disease: number of the MONDO term that the study is about; 0 unless `purposes` has DS.
        undertakings: conditions of DUO that the study meets, such as NOT_FOR_PROFIT: a patient who
            demands one of them can then take part.
        epsilon, delta: the (epsilon, delta) guarantee over all `rounds`.
        rounds: how many rounds the ceiling has room for, abandoned ones included.
        clipping_norm: L2 bound of one patient's scaled meta-gradient.
        min_cohort, min_sites, tolerated_colluders: see `Terms`.
        commit_seconds, seal_seconds, delivery_seconds, close_seconds: see `Terms`.
        challenge_seconds, answer_seconds: how long after a round reviewers and patients may ask a
            site about it, and how long the site has to answer.
        waiting_rounds: rounds that a record sits out after a revocation, so that revoking and
            granting again cannot be used to disturb round after round.
        max_charged_aborts: abandoned sealed rounds, each of which costs privacy, after which the
            study pauses for its reviewers.
        late_revocation: see `Terms`.
    """

    purposes: Purpose = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING
    disease: int = PRIMARY_BILIARY_CHOLANGITIS
    undertakings: Purpose = NO_UNDERTAKINGS
    epsilon: float = 8.0
    delta: Decimal = Decimal("1e-5")
    rounds: int = 10
    clipping_norm: float = 1.0
    min_cohort: int = 5
    min_sites: int = 4
    tolerated_colluders: int = 1
    commit_seconds: int = 600
    seal_seconds: int = 300
    delivery_seconds: int = 600
    close_seconds: int = 600
    challenge_seconds: int = 30 * _DAY
    answer_seconds: int = 7 * _DAY
    waiting_rounds: int = 1
    max_charged_aborts: int = 3
    late_revocation: LateRevocation = LateRevocation.ABANDON

    def terms(
        self, documents: StudyDocuments, coordinator: str, sites: Sequence[str], vector_length: int
    ) -> Terms:
        """The terms to propose.

        Args:
            coordinator, sites: accounts; the sites in any order.
            vector_length: D.
        """
        delta = int(self.delta * 10**18)
        noise_multiplier = noise_multiplier_for(self.epsilon, delta, self.rounds)
        return Terms(
            **documents.hashes(),
            purposes=int(self.purposes | self.undertakings),
            disease=self.disease,
            coordinator=coordinator,
            sites=tuple(sorted(sites, key=lambda site: int(site, 16))),
            min_cohort=self.min_cohort,
            min_sites=self.min_sites,
            tolerated_colluders=self.tolerated_colluders,
            vector_length=vector_length,
            fraction_bits=_FRACTION_BITS,
            clipping_norm=round(self.clipping_norm * 2**_FRACTION_BITS),
            noise_multiplier=noise_multiplier,
            delta=delta,
            rho_ceiling=self.rounds * rho_of_round(noise_multiplier),
            commit_seconds=self.commit_seconds,
            seal_seconds=self.seal_seconds,
            delivery_seconds=self.delivery_seconds,
            close_seconds=self.close_seconds,
            challenge_seconds=self.challenge_seconds,
            answer_seconds=self.answer_seconds,
            waiting_rounds=self.waiting_rounds,
            max_charged_aborts=self.max_charged_aborts,
            late_revocation=self.late_revocation,
        )
