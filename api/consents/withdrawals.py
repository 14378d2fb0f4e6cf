"""What became of a consent that its holder withdrew, in plain words and with both clocks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.consents.models import Sentence, example
from api.consents.problems import WithdrawalNotThere
from api.index.state import study_state
from audit.remedies import Clock, Withdrawal
from audit.withdrawals import withdrawal
from chain.messages import Consent, split_token_id
from study.withdrawal_text import PatientReport, patient_report

_CLOCK: dict[str, Any] = {
    "started_at": 1767225912,
    "deadline": 1769817912,
    "ended_at": None,
    "in_time": None,
}


class ClockShown(BaseModel):
    """A duty that began with the withdrawal, in chain time. `ended_at` null: not done yet; then
    `in_time` is null too.
    """

    model_config = example(_CLOCK)

    started_at: int
    deadline: int
    ended_at: int | None
    in_time: bool | None


class RoundOfRecord(BaseModel):
    """A round that may have used the record: how it ended, and what the chain says of it."""

    model_config = example(
        {"round": 3, "ended": "closed: a model was made", "says": "may have used it"}
    )

    round: int
    ended: str
    says: str


class ModelOfRecord(BaseModel):
    """A round's model, and what it has of the record."""

    model_config = example({"after_round": 3, "says": "may have something of it"})

    after_round: int
    says: str


class WithdrawalShown(BaseModel):
    """The withdrawal ledger's entry, for the patient to read: by the chain's facts alone, so never
    more than may be.

    `remedy` can only become better once it is `final`. `halting`: until no round can use the record
    any more; `finishing`: until `remedy` is final.
    """

    token_id: str
    headline: str
    facts: list[Sentence]
    rounds: list[RoundOfRecord]
    models: list[ModelOfRecord]
    remarks: list[str]
    remedy: Literal[
        "not used", "bounded by the DP guarantee", "retired", "retrained without the record"
    ]
    final: bool
    halting: ClockShown
    finishing: ClockShown
    judged_at: int

    model_config = example(
        {
            "token_id": "6277101735386680764856636523970481806547819498980467802112",
            "headline": "No round can have used your record under this consent.",
            "facts": [{"subject": "you withdrew", "says": "2026-01-01 00:05 UTC (block 57)"}],
            "rounds": [],
            "models": [],
            "remarks": ["The chain shows when your consent was active and which hospitals …"],
            "remedy": "not used",
            "final": False,
            "halting": _CLOCK | {"deadline": 1767225912, "ended_at": 1767225912, "in_time": True},
            "finishing": _CLOCK,
            "judged_at": 1767226000,
        }
    )


def withdrawal_shown(database: Session, number: int, consent: Consent, now: int) -> WithdrawalShown:
    """The entry of a token of the caller, judged at chain time ``now`` (s).

    Raises:
        WithdrawalNotThere: the consent is not withdrawn, or the index has not read that it is.
    """
    if not consent.revoked_at:
        raise WithdrawalNotThere("this consent is not withdrawn")
    found = withdrawal(study_state(database, split_token_id(number)[0]), number, now)
    if found is None:
        raise WithdrawalNotThere(
            "this consent was renewed, or the service has not read yet that it is withdrawn: try"
            " again in a moment"
        )
    return _shown(found, patient_report(found))


def _shown(found: Withdrawal, report: PatientReport) -> WithdrawalShown:
    return WithdrawalShown(
        token_id=str(found.token_id),
        headline=report.headline,
        facts=[Sentence(subject=subject, says=words) for subject, words in report.facts],
        rounds=[
            RoundOfRecord(round=number, ended=ended, says=says)
            for number, ended, says in report.rounds
        ],
        models=[ModelOfRecord(after_round=number, says=says) for number, says in report.models],
        remarks=list(report.remarks),
        remedy=found.remedy.value,
        final=found.is_final,
        halting=_clock(found.halting),
        finishing=_clock(found.finishing),
        judged_at=found.judged,
    )


def _clock(clock: Clock) -> ClockShown:
    return ClockShown(
        started_at=clock.started,
        deadline=clock.deadline,
        ended_at=clock.ended,
        in_time=clock.in_time,
    )
