"""Signatures that browsers post: acts for the chain, and statements that no contract takes."""

from __future__ import annotations

from typing import Any

from api.consents.drafting import enrolment_of
from api.consents.models import AssertionBody, StatementBody, bytes_of_base64url
from api.consents.problems import SignatureUnusable
from chain.chain import Chain
from chain.messages import Domain, Revocation
from chain.signed_act import SignedAct, SignedActInvalid
from study.other_signers import SignerUnusable, act_of_assertion
from study.statements import M, Statement, StatementRefused


def act_of(body: AssertionBody, chain: Chain) -> SignedAct:
    """A passkey's Grant, Revocation or Challenge. Raises SignatureUnusable, EnrolmentUnusable."""
    _require_domain(body.typed_data, chain.consent.domain, chain.ledger.domain)
    enrolment = None if body.enrolment is None else enrolment_of(body.enrolment)
    try:
        return act_of_assertion(
            body.typed_data,
            bytes_of_base64url(body.public_key),
            body.assertion,
            chain.deployment.webauthn_verifier,
            enrolment,
        )
    except (SignedActInvalid, SignerUnusable) as error:
        raise SignatureUnusable(str(error)) from None


def statement_of(body: StatementBody, kind: type[M], chain: Chain, account: str) -> Statement[M]:
    """A statement, once it is the account's for this deployment.

    Raises:
        SignatureUnusable
        chain.errors.ChainError
    """
    _require_domain(body.typed_data, chain.consent.domain)
    try:
        found = _read(body, kind, chain)
        found.require_of(chain, account)
    except (SignedActInvalid, SignerUnusable, StatementRefused) as error:
        raise SignatureUnusable(str(error)) from None
    return found


def _read(body: StatementBody, kind: type[M], chain: Chain) -> Statement[M]:
    if body.signer is not None and body.signature is not None:
        raw = body.model_dump(include={"typed_data", "signer", "signature"})
        return Statement.parse(raw, kind)
    if body.public_key is None or body.assertion is None:
        raise SignatureUnusable("it needs signer and signature, or public_key and assertion")
    return Statement.of_assertion(
        body.typed_data,
        kind,
        bytes_of_base64url(body.public_key),
        body.assertion,
        chain.deployment.webauthn_verifier,
    )


def _require_domain(typed_data: dict[str, Any], *domains: Domain) -> None:
    # First of all: a digest can only be computed over a domain that is one.
    known = [Revocation(0).typed_data(domain)["domain"] for domain in domains]
    if typed_data.get("domain") not in known:
        raise SignatureUnusable("the typed data is for another deployment or chain")
