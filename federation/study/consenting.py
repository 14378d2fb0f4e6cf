"""What a patient is asked to sign, checked against the chain and said in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chain.chain import Chain
from chain.grants import NO_END, draft_grant
from chain.messages import Grant, Purpose, Terms
from federation.gate.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from federation.gate.terms_text import describe_purposes

DAY = 86_400
_ACTS = Purpose.TRAINING | Purpose.EVALUATION


class EnrolmentRefused(Exception):
    """The enrolment is not one that the chain would accept. The message says why."""


def grant_purposes(terms: Terms, names: Sequence[str]) -> int:
    """The bitmap for purposes by name.

    A round asks for every purpose of its study's terms, so "training" or "evaluation" alone means:
    that act, for the study's own research purposes. Research purposes that are named replace those.

    Raises:
        ValueError: an unknown name, or nothing is named.
    """
    chosen = Purpose(0)
    for name in names:
        try:
            chosen |= Purpose[name.upper().replace("-", "_")]
        except KeyError:
            known = ", ".join(one.name.lower().replace("_", "-") for one in Purpose if one.name)
            raise ValueError(f"no purpose {name!r}; there are {known}") from None
    if not chosen:
        raise ValueError("name at least one purpose")
    if not chosen & ~_ACTS:
        chosen |= Purpose(terms.purposes) & ~_ACTS
    return int(chosen)


def grant_of_enrolment(
    chain: Chain,
    file: EnrolmentFile,
    *,
    purposes: Sequence[str],
    days: int,
    language: str,
    now: int,
) -> Grant:
    """The grant that the enrolled holder may sign, once the enrolment is one that will be accepted.

    Args:
        purposes: names, see `grant_purposes`.
        days: how long the record may be used, from now.
        now: seconds since 1970, chain time.

    Raises:
        EnrolmentRefused, ValueError, chain.errors.ChainError
    """
    require_usable(chain, file, now)
    enrolment = file.enrolment
    study = chain.registry.study(enrolment.study_id)
    terms = chain.registry.terms(enrolment.study_id, study.current_version)
    return draft_grant(
        chain,
        enrolment,
        purposes=grant_purposes(terms, purposes),
        use_start=now,
        use_end=now + days * DAY,
        deadline=min(enrolment.deadline, now + 7 * DAY),
        language=language,
    )


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
    if enrolment.deadline < now:
        raise EnrolmentRefused("the enrolment's deadline has passed; ask the hospital for another")
    if file.signer != chain.registry.site(enrolment.site).enrolment_key:
        raise EnrolmentRefused(
            f"the enrolment is not signed by the key that site {enrolment.site} has registered; ask"
            " the hospital for another"
        )
    live = chain.consent.live_token_of(enrolment.study_id, enrolment.site, enrolment.record_tag)
    if live:
        raise EnrolmentRefused(f"this record has a consent already, token {live}; revoke it first")


def describe_grant(grant: Grant) -> list[tuple[str, str]]:
    """(subject, sentence) pairs: everything that the holder signs."""
    data = "the whole record"
    if grant.data_start or grant.data_end != NO_END:
        data = f"what was recorded from {moment(grant.data_start)} until {moment(grant.data_end)}"
    return [
        ("study", str(grant.study_id)),
        ("hospital", grant.site),
        ("may be used for", ", ".join(describe_purposes(grant.purposes))),
        ("may be used", f"from {moment(grant.use_start)} until before {moment(grant.use_end)}"),
        ("which part", data),
        ("you act as", f"{grant.holder}, an address for this study alone"),
        ("terms", f"0x{grant.terms_hash.hex()}"),
        ("consent text", f"{language_of(grant)}, sha256 {grant.consent_text_hash.hex()}"),
        ("record commitment", f"0x{grant.record_commitment.hex()}"),
        ("revoking", "at any time, without a reason: `assent patient revoke`"),
        ("to be submitted by", moment(grant.deadline)),
    ]


def language_of(grant: Grant) -> str:
    """The BCP 47 tag of the consent text that was shown."""
    return grant.language.rstrip(b"\0").decode("ascii")


def moment(seconds: int) -> str:
    """A time as people read it, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
