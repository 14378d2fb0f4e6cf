"""Grants and revocations of single patients, and what each costs."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from assurance.gas.holders import KINDS, Holder, account_sign, holder_of
from assurance.gas.study import DISEASE, PURPOSES, YEAR, Study, enrolment_key, sha256
from chain.messages import (
    Enrolment,
    EnrolmentProof,
    Grant,
    Revocation,
    enrolment_proof,
    language_tag,
    token_id,
)
from chain.solidity import to_abi


def grant_for(study: Study, site: str, holder: str, record: str) -> Grant:
    """A holder's first grant, in the terms in force."""
    now = study.contracts.node.time
    return Grant(
        study_id=study.number,
        terms_hash=study.terms.struct_hash(),
        site=site,
        holder=holder,
        purposes=PURPOSES,
        disease=DISEASE,
        use_start=now - YEAR,
        use_end=now + 5 * YEAR,
        data_start=now - 10 * YEAR,
        data_end=now + 5 * YEAR,
        record_commitment=sha256(f"commitment of {record}"),
        consent_text_hash=study.terms.consent_text_hash,
        language=language_tag("en"),
        revocation_counter=0,
        deadline=now + 3600,
    )


def enrolment_for(grant: Grant, record: str) -> Enrolment:
    """What the grant's site signs for it."""
    return Enrolment(
        study_id=grant.study_id,
        site=grant.site,
        holder=grant.holder,
        record_tag=sha256(f"tag of {record}"),
        record_commitment=grant.record_commitment,
        issued_at=grant.deadline - 3600 - 60,
        deadline=grant.deadline,
    )


def measure_consents(study: Study, site: LocalAccount, name: str) -> dict[str, int]:
    """Gas of each way to grant and revoke, by holders who are new. It leaves no token behind.

    Keys are "grant", "grantBySig/KIND", "revoke" and "revokeBySig/KIND". `name` sets these holders
    apart from those of other measurements.
    """
    node = study.contracts.node
    gas: dict[str, int] = {}
    direct = holder_of("eoa", f"{name}: direct", node, study.contracts.deployment)
    gas["grant"], token = grant_directly(study, site, direct, f"{name}: direct")
    gas["revoke"] = study.contracts.act(direct.account, "ConsentToken", "revoke", token).gas
    for kind in KINDS:
        holder = holder_of(kind, f"{name}: {kind}", node, study.contracts.deployment)
        gas[f"grantBySig/{kind}"], token = grant_by_sig(study, site, holder, f"{name}: {kind}")
        gas[f"revokeBySig/{kind}"] = revoke_by_sig(study, holder, token)
    return gas


def grant_directly(
    study: Study, site: LocalAccount, holder: Holder, record: str
) -> tuple[int, int]:
    """The holder's own transaction. Returns its gas and the token's id."""
    grant, proof = _signed(study, site, holder, record)
    arguments = to_abi(grant, Grant), to_abi(proof, EnrolmentProof)
    token = _next_token(study, site)
    return study.contracts.act(holder.account, "ConsentToken", "grant", *arguments).gas, token


def grant_by_sig(study: Study, site: LocalAccount, holder: Holder, record: str) -> tuple[int, int]:
    """As `grant_directly`, signed by the holder and carried by another."""
    grant, proof = _signed(study, site, holder, record)
    signature = holder.sign(grant.digest(study.contracts.consent_domain))
    token = _next_token(study, site)
    mined = study.contracts.act(
        study.contracts.carrier.address,
        "ConsentToken",
        "grantBySig",
        to_abi(grant, Grant),
        holder.signer,
        signature,
        to_abi(proof, EnrolmentProof),
    )
    return mined.gas, token


def revoke_by_sig(study: Study, holder: Holder, token: int) -> int:
    """Gas of a revocation that the holder signed and another carries."""
    contracts = study.contracts
    signature = holder.sign(Revocation(token).digest(contracts.consent_domain))
    arguments = token, holder.signer, signature
    return contracts.act(contracts.carrier.address, "ConsentToken", "revokeBySig", *arguments).gas


def _signed(
    study: Study, site: LocalAccount, holder: Holder, record: str
) -> tuple[Grant, EnrolmentProof]:
    grant = grant_for(study, site.address, holder.account, record)
    enrolment = enrolment_for(grant, record)
    key = enrolment_key(study.contracts.node, site)
    digest = enrolment.digest(study.contracts.consent_domain)
    return grant, enrolment_proof(enrolment, account_sign(key)(digest))


def _next_token(study: Study, site: LocalAccount) -> int:
    minted = study.contracts.view("ConsentToken", "mintedCount", study.number, site.address)
    return token_id(study.number, site.address, minted)
