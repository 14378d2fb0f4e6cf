"""What a patient is asked to sign, checked against the chain and said in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.data_use import ACTIVITIES, KNOWN, USES, permits
from audit.times import moment
from chain.errors import RegistryStudyUnknown
from chain.grants import NO_END, draft_grant
from chain.messages import Grant, Purpose, Terms
from study.data_use_text import (
    describe_conditions,
    describe_disease,
    describe_purposes,
    purposes_named,
    uses_named,
)
from study.enrolment_file import EnrolmentFile, EnrolmentFileInvalid

if TYPE_CHECKING:
    from chain.chain import Chain

DAY = 86_400
_CONDITIONS = KNOWN & ~(USES | ACTIVITIES)


class EnrolmentRefused(Exception):
    """The enrolment is not one that the chain would accept. The message says why."""


def grant_purposes(terms: Terms, names: Sequence[str], conditions: Sequence[str] = ()) -> int:
    """The bitmap for purposes and conditions by name.

    A round asks for every purpose of its study's terms, so "training" or "evaluation" alone means:
    that act, for the study's own research purposes. Research purposes that are named replace those.

    Raises:
        ValueError: an unknown name, nothing is named, or a condition among the purposes.
    """
    chosen = uses_named(list(names))
    if not chosen:
        raise ValueError("name at least one purpose")
    if not chosen & ~ACTIVITIES:
        chosen |= Purpose(terms.purposes) & USES
    for name in conditions:
        if not purposes_named([name]) & _CONDITIONS:
            raise ValueError(f"{name!r} is a purpose, not a condition")
    return int(chosen | purposes_named(list(conditions)))


def grant_of_enrolment(
    chain: Chain,
    file: EnrolmentFile,
    *,
    purposes: Sequence[str],
    days: int,
    language: str,
    now: int,
    conditions: Sequence[str] = (),
) -> Grant:
    """The grant that the enrolled holder may sign, once the enrolment is one that will be accepted.

    A grant for disease specific research is for the study's disease.

    Args:
        purposes, conditions: names, see `grant_purposes`.
        days: how long the record may be used, from now.
        now: seconds since 1970, chain time.

    Raises:
        EnrolmentRefused, ValueError, chain.errors.ChainError
    """
    require_usable(chain, file, now)
    enrolment = file.enrolment
    terms = terms_in_force(chain, enrolment.study_id)
    granted = grant_purposes(terms, purposes, conditions)
    specific = granted & Purpose.DISEASE_SPECIFIC_RESEARCH
    if specific and not terms.disease:
        raise ValueError("the study is about no one disease: name another purpose")
    return draft_grant(
        chain,
        enrolment,
        purposes=granted,
        disease=terms.disease if specific else 0,
        use_start=now,
        use_end=now + days * DAY,
        deadline=min(enrolment.deadline, now + 7 * DAY),
        language=language,
    )


def terms_in_force(chain: Chain, study_id: int) -> Terms:
    """The terms that a grant would be signed for. Raises RegistryStudyUnknown, ChainError."""
    version = chain.registry.study(study_id).current_version
    if version == 0:
        raise RegistryStudyUnknown(study_id)
    return chain.registry.terms(study_id, version)


def require_usable(chain: Chain, file: EnrolmentFile, now: int) -> None:
    """Raises EnrolmentRefused, or EnrolmentFileInvalid, unless a grant with it can succeed."""
    enrolment, deployment = file.enrolment, chain.deployment
    if (file.chain_id, file.consent_token) != (deployment.chain_id, deployment.consent_token):
        raise EnrolmentFileInvalid(
            f"the enrolment is for contract {file.consent_token} on chain {file.chain_id}, not for"
            " the deployment's"
        )
    study = chain.registry.study(enrolment.study_id)
    if study.current_version == 0 or study.suspended:
        raise EnrolmentRefused(
            f"study {enrolment.study_id} is {'suspended' if study.suspended else 'not approved'}"
        )
    if study.approved_until <= now:
        raise EnrolmentRefused(
            f"the approval of study {enrolment.study_id} has expired on"
            f" {moment(study.approved_until)}; its reviewers have to renew it first"
        )
    if enrolment.issued_at > now:
        raise EnrolmentRefused(
            f"the enrolment was issued on {moment(enrolment.issued_at)}, which has not come on this"
            " chain: wait, or ask the hospital for another"
        )
    if enrolment.deadline < now:
        raise EnrolmentRefused("the enrolment's deadline has passed; ask the hospital for another")
    if file.signer != chain.registry.site(enrolment.site).enrolment_key:
        raise EnrolmentRefused(
            f"the enrolment is not signed by the key that site {enrolment.site} has registered; ask"
            " the hospital for another"
        )
    live = chain.consent.live_token_of(enrolment.study_id, enrolment.site, enrolment.record_tag)
    if live:
        held = chain.consent.consent(live)
        # Of the same holder and a version that no longer counts: the new grant replaces it.
        if held.version >= study.consent_version or held.holder != enrolment.holder:
            raise EnrolmentRefused(
                f"this record has a consent already, token {live}; revoke it first"
            )
        if held.granted_at >= enrolment.issued_at:
            raise EnrolmentRefused(
                "the enrolment is older than the consent that it would replace; ask the hospital"
                " for another"
            )


def describe_grant(grant: Grant, terms: Terms) -> list[tuple[str, str]]:
    """(subject, sentence) pairs: everything that the holder signs, and what it means here.

    Args:
        terms: of the study, in force.
    """
    data = "the whole record"
    if grant.data_start or grant.data_end != NO_END:
        data = f"what was recorded from {moment(grant.data_start)} until {moment(grant.data_end)}"
    return [
        ("study", str(grant.study_id)),
        ("hospital", grant.site),
        ("may be used for", ", ".join(describe_purposes(grant.purposes))),
        ("disease", describe_disease(grant.disease)),
        ("conditions", "\n".join(describe_conditions(grant.purposes)) or "none of your own"),
        ("in this study", _meaning(grant, terms)),
        ("may be used", f"from {moment(grant.use_start)} until before {moment(grant.use_end)}"),
        ("which part", data),
        ("you act as", f"{grant.holder}, an address for this study alone"),
        ("terms", f"0x{grant.terms_hash.hex()}"),
        ("consent text", f"{language_of(grant)}, sha256 {grant.consent_text_hash.hex()}"),
        ("record commitment", f"0x{grant.record_commitment.hex()}"),
        ("revoking", "at any time, without a reason: `assent patient revoke`"),
        ("to be submitted by", moment(grant.deadline)),
    ]


def _meaning(grant: Grant, terms: Terms) -> str:
    if permits(grant.purposes, grant.disease, terms.purposes, terms.disease):
        return "rounds may use the record"
    return (
        "no round will use the record: it is not for all that the study does, or the study does"
        " not undertake a condition of yours"
    )


def language_of(grant: Grant) -> str:
    """The BCP 47 tag of the consent text that was shown."""
    return grant.language.rstrip(b"\0").decode("ascii")
