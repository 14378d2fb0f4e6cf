"""Drafts: what is to be signed, what it says in words, and the text that was approved."""

from __future__ import annotations

from typing import Any

from api.consents.models import Draft, EnrolmentBody, GrantChoices, GrantDraft, Sentence
from api.consents.problems import (
    ChoiceUnusable,
    ConsentTextMissing,
    EnrolmentNotAccepted,
    EnrolmentUnusable,
    LanguageUnknown,
)
from api.consents.tokens import chain_now
from api.service import Service
from audit import canonical_json
from audit.cid import cid_of_sha256
from chain.chain import Chain
from chain.messages import Challenge, Domain, Grant, Revocation, SignedMessage
from chain.signed_act import SCHEMA
from ipfs.objects import ObjectStoreError, ObjectStoreUnreachable
from study.consent_texts import consent_texts
from study.consenting import (
    EnrolmentRefused,
    describe_grant,
    grant_of_enrolment,
    language_of,
    terms_in_force,
)
from study.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from study.other_signers import within_guardianship


def draft_of(message: SignedMessage, domain: Domain, summary: list[tuple[str, str]]) -> Draft:
    """Anything that is signed, but for a grant."""
    act = _act_of(message, domain) if isinstance(message, Revocation | Challenge) else None
    return Draft(**_members(message, domain, summary), act=act)


def enrolment_of(body: EnrolmentBody) -> EnrolmentFile:
    """Raises EnrolmentUnusable."""
    try:
        return EnrolmentFile.parse(canonical_json.dumps(body.model_dump(by_alias=True)))
    except EnrolmentFileInvalid as error:
        raise EnrolmentUnusable(str(error)) from None


def draft_grant_of(service: Service, chain: Chain, choices: GrantChoices) -> GrantDraft:
    """What a patient would sign; what a guardian account grants ends with the guardianship.

    Raises:
        EnrolmentUnusable, EnrolmentNotAccepted, ChoiceUnusable, LanguageUnknown,
        ConsentTextMissing, ObjectStoreUnreachable, chain.errors.ChainError
    """
    file = enrolment_of(choices.enrolment)
    try:
        grant = grant_of_enrolment(
            chain,
            file,
            purposes=choices.purposes,
            conditions=choices.conditions,
            days=choices.days,
            language=choices.language,
            now=chain_now(service, chain),
        )
    except EnrolmentFileInvalid as error:
        raise EnrolmentUnusable(str(error)) from None
    except EnrolmentRefused as error:
        raise EnrolmentNotAccepted(str(error)) from None
    except ValueError as error:
        raise ChoiceUnusable(str(error)) from None
    if chain.guardian_accounts.is_guardian_account(grant.holder):
        grant = within_guardianship(chain, grant, grant.holder)
    terms = terms_in_force(chain, grant.study_id)
    cid = cid_of_sha256(grant.consent_text_hash)
    return GrantDraft(
        **_members(grant, chain.consent.domain, describe_grant(grant, terms)),
        act=_act_of(grant, chain.consent.domain, file),
        language=language_of(grant),
        consent_text=_text(service, grant, cid),
        consent_text_cid=cid,
    )


def _act_of(
    message: SignedMessage, domain: Domain, enrolment: EnrolmentFile | None = None
) -> dict[str, Any]:
    act: dict[str, Any] = {"schema": SCHEMA, "typed_data": message.typed_data(domain)}
    if enrolment is not None:
        act["enrolment"] = {
            "typed_data": enrolment.enrolment.typed_data(domain),
            "signature": "0x" + enrolment.signature.hex(),
        }
    return act


def _text(service: Service, grant: Grant, cid: str) -> str | None:
    store = service.documents()
    if store is None:
        return None
    try:
        with store:
            texts = consent_texts(store.get(cid))
    except ObjectStoreUnreachable:
        raise
    except (ObjectStoreError, ValueError):
        raise ConsentTextMissing(f"it is object {cid}") from None
    language = language_of(grant)
    if language not in texts:
        raise LanguageUnknown(f"there are {', '.join(sorted(texts))}")
    return texts[language]


def _members(
    message: SignedMessage, domain: Domain, summary: list[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "typed_data": message.typed_data(domain),
        "digest": "0x" + message.digest(domain).hex(),
        "summary": [Sentence(subject=subject, says=says) for subject, says in summary],
    }
