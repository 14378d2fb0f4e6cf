"""`assent patient vectors`: EIP-712 test vectors for those who write a patient's app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.console import BadInput, say

if TYPE_CHECKING:
    from chain.messages import SignedMessage

# Well-known test keys (the integers 1 to 4): never to be used on a chain.
_HOLDER, _ENROLMENT_KEY, _REVIEWER, _ACTING_KEY = (n.to_bytes(32) for n in (1, 2, 3, 4))
_CHAIN_ID = 31337
_CONTRACT = "0x" + "11" * 20
_GUARDIAN_ACCOUNT = "0x" + "77" * 20
_SIGN_IN = f"""localhost:8800 wants you to sign in with your Ethereum account:
{_GUARDIAN_ACCOUNT}

Sign in to Assent.

URI: http://localhost:8800
Version: 1
Chain ID: {_CHAIN_ID}
Nonce: {"0f" * 32}
Issued At: 2026-01-01T00:00:00Z"""


def vectors(
    out: Annotated[Path, typer.Argument(help="The folder, such as docs/vectors.", metavar="OUT")],
) -> None:
    """Write one file a message: typed data, digest, and its signature by a well-known test key."""
    if not out.is_dir():
        raise BadInput(f"{out} is not a folder")
    found = all_vectors() | {"guardian.json": guardian_vector()}
    for name, value in found.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    say(f"Wrote {len(found)} files to {out}.")


def all_vectors() -> dict[str, dict[str, Any]]:
    """Every vector by its file name; the same on every machine."""
    from eth_account import Account

    from chain.messages import (
        Approval,
        Challenge,
        Enrolment,
        ErasureRequest,
        Grant,
        ReceiptKey,
        Revocation,
        consent_domain,
        language_tag,
        ledger_domain,
        registry_domain,
        token_id,
    )
    from study.consenting import DAY

    site, holder = "0x" + "22" * 20, Account.from_key(_HOLDER).address
    start = 1_767_225_600
    commitment = bytes([0x33]) * 32
    grant = Grant(
        study_id=1,
        terms_hash=bytes([0x44]) * 32,
        site=site,
        holder=holder,
        purposes=1 << 7 | 1 << 45 | 1 << 48,
        disease=5388,
        use_start=start,
        use_end=start + 365 * DAY,
        data_start=0,
        data_end=2**40 - 1,
        record_commitment=commitment,
        consent_text_hash=bytes([0x55]) * 32,
        language=language_tag("de-CH"),
        revocation_counter=0,
        deadline=start + 7 * DAY,
    )
    enrolment = Enrolment(
        study_id=1,
        site=site,
        holder=holder,
        record_tag=bytes([0x66]) * 32,
        record_commitment=commitment,
        issued_at=start - 60,
        deadline=start + 30 * DAY,
    )
    consent = consent_domain(_CHAIN_ID, _CONTRACT)
    registry = registry_domain(_CHAIN_ID, _CONTRACT)
    ledger = ledger_domain(_CHAIN_ID, _CONTRACT)
    approval = Approval(
        study_id=1,
        version=1,
        terms_hash=bytes([0x44]) * 32,
        protocol_hash=bytes([0x77]) * 32,
        consent_text_hash=bytes([0x55]) * 32,
        dpia_hash=bytes([0x88]) * 32,
        expires_at=start + 364 * DAY,
    )
    signed: list[tuple[SignedMessage, Any, bytes]] = [
        (grant, consent, _HOLDER),
        (Revocation(token_id(1, site, 5)), consent, _HOLDER),
        (enrolment, consent, _ENROLMENT_KEY),
        (Challenge(1, 3, site, token_id(1, site, 5)), ledger, _HOLDER),
        (approval, registry, _REVIEWER),
        (ReceiptKey(holder, bytes([0x99]) * 32, start), consent, _HOLDER),
        (ErasureRequest(holder, start), consent, _HOLDER),
    ]
    return {
        f"{type(message).__name__.lower()}.json": {
            "private_key": "0x" + key.hex(),
            "signer": Account.from_key(key).address,
            "typed_data": message.typed_data(domain),
            "digest": "0x" + message.digest(domain).hex(),
            "signature": "0x" + message.sign(key, domain).hex(),
        }
        for message, domain, key in signed
    }


def guardian_vector() -> dict[str, Any]:
    """What a guardian account answers to by ERC-1271: each act, by a well-known acting key."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    from chain.guardians import (
        approved_revocation,
        approved_statement,
        approved_text,
        text_digest,
    )
    from chain.messages import ErasureRequest, ReceiptKey, Revocation, consent_domain, token_id

    domain, start = consent_domain(_CHAIN_ID, _CONTRACT), 1_767_225_600
    acting = Account.from_key(_ACTING_KEY)
    revocation = Revocation(token_id(1, "0x" + "22" * 20, 5))
    said: list[dict[str, Any]] = []
    for message, approved in (
        (revocation, approved_revocation(revocation, revocation.sign(_ACTING_KEY, domain))),
        *(
            (one, approved_statement(one, one.sign(_ACTING_KEY, domain)))
            for one in (
                ReceiptKey(_GUARDIAN_ACCOUNT, bytes([0x99]) * 32, start),
                ErasureRequest(_GUARDIAN_ACCOUNT, start),
            )
        ),
    ):
        said.append(
            {
                "typed_data": message.typed_data(domain),
                "digest": "0x" + message.digest(domain).hex(),
                "key_signature": "0x" + message.sign(_ACTING_KEY, domain).hex(),
                "signature": "0x" + approved.hex(),
            }
        )
    personal = bytes(acting.sign_message(encode_defunct(text=_SIGN_IN)).signature)
    said.append(
        {
            "text": _SIGN_IN,
            "digest": "0x" + text_digest(_SIGN_IN).hex(),
            "key_signature": "0x" + personal.hex(),
            "signature": "0x" + approved_text(_SIGN_IN, personal).hex(),
        }
    )
    return {
        "account": _GUARDIAN_ACCOUNT,
        "acting_key": acting.address,
        "private_key": "0x" + _ACTING_KEY.hex(),
        "acts": said,
    }
