"""What the demo's patients do: grant, grant for something else, let it expire, or say nothing.

Each acts with a fresh address, used for this study alone. Who does what follows from a hash of the
record's id, so that two runs of the demo have the same cohorts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.chain import Chain
from chain.events import Granted
from chain.grants import draft_grant
from chain.messages import Domain, Purpose, Revocation, consent_domain
from chain.signed_act import SignedAct
from federation.app.chain_facts import issue_time
from federation.gate.keys import SiteKeys
from scripts.local.federation import LocalFederation

_DAY = 86_400

#: Research on the patient's own disease, by organisations that are not for profit.
_RESEARCH = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.NOT_FOR_PROFIT
#: What held-out patients grant: their records are compared with forecasts, never trained on.
EVALUATION = _RESEARCH | Purpose.EVALUATION
TRAINING = _RESEARCH | Purpose.TRAINING


class Choice(StrEnum):
    """What one patient consents to, as it is told after "grants"."""

    TRAINING = "for training"
    EVALUATION = "for evaluation only (held out)"
    OTHER_PURPOSE = "for another purpose only"
    EXPIRED = "for too short a time"
    NEVER = "not at all"


_SHARES = (
    (0.24, Choice.EVALUATION),
    (0.30, Choice.NEVER),
    (0.34, Choice.OTHER_PURPOSE),
    (0.38, Choice.EXPIRED),
    (1.00, Choice.TRAINING),
)


def choice_of(record_id: str) -> Choice:
    """What the patient behind a record does: SHA-256 of the id, cut at fixed shares."""
    digest = hashlib.sha256(f"assent demo choice {record_id}".encode()).digest()
    uniform = int.from_bytes(digest[:8]) / 2**64
    return next(choice for share, choice in _SHARES if uniform < share)


@dataclass(frozen=True)
class Patient:
    """A patient who granted: which record, which token, and the key that only they hold."""

    site_name: str
    record_id: str
    choice: Choice
    holder: LocalAccount
    token_id: int


class PatientActs:
    """Signs for the demo's patients and has the relayer carry what they signed.

    Args:
        federation: running, its study in force.
        study_id: the study.
    """

    def __init__(self, federation: LocalFederation, study_id: int) -> None:
        self._federation, self._study = federation, study_id
        self._chain = federation.connect(federation.people.relayer, "relayer")
        self._disease = self._chain.registry.study(study_id).disease
        deployment = self._chain.deployment
        self._domain: Domain = consent_domain(deployment.chain_id, deployment.consent_token)
        self.gas: dict[str, list[int]] = {"grant": [], "revocation": []}

    def grant_all(self, sites: Iterable[tuple[str, list[str]]]) -> list[Patient]:
        """Everybody who grants does so; sites' patients act side by side.

        Args:
            sites: (name, record ids) of each site.
        """
        with ThreadPoolExecutor() as pool:
            return [
                patient
                for granted in pool.map(lambda site: self._grant_site(*site), sites)
                for patient in granted
            ]

    def revoke(self, patient: Patient) -> None:
        """The holder signs Revocation(tokenId); the relayer carries it."""
        act = SignedAct.sign(Revocation(patient.token_id), self._domain, patient.holder)
        self.gas["revocation"].append(act.carry(self._chain).gas_used)

    def _grant_site(self, name: str, record_ids: list[str]) -> list[Patient]:
        # Opened here: a key folder's database belongs to the thread that opened it.
        keys = SiteKeys.open(self._federation.layout.site(name) / "keys")
        carrier = self._federation.connect(self._federation.carrier(name), f"carrier-{name}")
        granted = []
        for record_id in record_ids:
            choice = choice_of(record_id)
            if choice is not Choice.NEVER:
                granted.append(self._grant(carrier, name, keys, record_id, choice))
        return granted

    def _grant(
        self, carrier: Chain, name: str, keys: SiteKeys, record_id: str, choice: Choice
    ) -> Patient:
        holder: LocalAccount = Account.create()
        now = carrier.head().timestamp
        deadline = now + 7 * _DAY
        enrolment, enrolment_signature = keys.enrol(
            record_id, holder.address, self._study, issue_time(carrier), deadline, self._domain
        )
        purposes = {
            Choice.EVALUATION: EVALUATION,
            Choice.OTHER_PURPOSE: Purpose.CLINICAL_CARE,
        }.get(choice, TRAINING)
        use_end = now + 120 if choice is Choice.EXPIRED else now + 365 * _DAY
        grant = draft_grant(
            carrier,
            enrolment,
            purposes=int(purposes),
            disease=self._disease if purposes & Purpose.DISEASE_SPECIFIC_RESEARCH else 0,
            use_start=now,
            use_end=use_end,
            deadline=deadline,
        )
        act = SignedAct.sign(grant, self._domain, holder, enrolment, enrolment_signature)
        receipt = act.carry(carrier)
        self.gas["grant"].append(receipt.gas_used)
        token_id = receipt.event(Granted).token_id
        return Patient(name, record_id, choice, holder, token_id)
