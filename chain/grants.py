"""Drafting a grant from what the chain says, so that a holder signs the terms in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.messages import Enrolment, Grant, language_tag

if TYPE_CHECKING:
    from chain.chain import Chain

#: The largest uint40: a data period without an end.
NO_END = 2**40 - 1


def draft_grant(
    chain: Chain,
    enrolment: Enrolment,
    *,
    purposes: int,
    disease: int = 0,
    use_start: int,
    use_end: int,
    deadline: int,
    data_start: int = 0,
    data_end: int = NO_END,
    language: str = "en",
) -> Grant:
    """The grant that the enrolled holder may sign now.

    Args:
        enrolment: what the site signed: study, site, holder and record commitment.
        purposes: bitmap (docs/purposes.md).
        disease: number of a MONDO term, exactly when `purposes` has DS.
        use_start, use_end, data_start, data_end: seconds since 1970, half open.
        deadline: last second at which the grant may be submitted.
        language: BCP 47 tag of the consent text that was shown.

    Raises:
        chain.errors.ChainError, ValueError
    """
    rules = chain.registry.grant_rules(enrolment.study_id, enrolment.site)
    return Grant(
        study_id=enrolment.study_id,
        terms_hash=rules.terms_hash,
        site=enrolment.site,
        holder=enrolment.holder,
        purposes=purposes,
        disease=disease,
        use_start=use_start,
        use_end=use_end,
        data_start=data_start,
        data_end=data_end,
        record_commitment=enrolment.record_commitment,
        consent_text_hash=rules.consent_text_hash,
        language=language_tag(language),
        revocation_counter=chain.consent.revocation_counter(enrolment.holder),
        deadline=deadline,
    )
