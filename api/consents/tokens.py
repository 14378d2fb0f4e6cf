"""A token as the chain has it, for its holder alone."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from api.blocks import BlockShown
from api.consents import repository
from api.consents.models import ConsentShown, Happened
from api.index.repository import block_at
from api.problems import NotFound
from api.service import Service
from chain.blocks import Block
from chain.chain import Chain
from chain.messages import Consent, split_token_id
from study.consenting import terms_in_force
from study.data_use_text import describe_conditions, describe_disease, describe_purposes

_TOKEN = re.compile(r"[0-9]{1,78}")


def token_number(text: str) -> int:
    """A token's number from a path. Raises NotFound."""
    if not _TOKEN.fullmatch(text) or int(text) >= 1 << 256:
        raise NotFound
    return int(text)


def require_own(chain: Chain, text: str, address: str) -> tuple[int, Consent]:
    """The caller's token, revoked or not. Raises NotFound for anybody else's."""
    number = token_number(text)
    consent = chain.consent.consent(number)
    if consent.holder != address:
        raise NotFound
    return number, consent


def chain_now(service: Service, chain: Chain) -> int:
    """What the next block would be stamped, at the least; seconds since 1970."""
    return max(chain.head().timestamp, int(service.clock().timestamp()))


def show(
    service: Service, chain: Chain, database: Session, number: int, block: Block
) -> ConsentShown | None:
    """The token at a block; None: the chain has none, or none any more (a reorganisation).

    Raises:
        chain.errors.ChainError
    """
    consent = chain.consent.consent(number, block=block.number)
    if not consent.granted_at:
        return None
    study, site, _ = split_token_id(number)
    now = max(block.timestamp, int(service.clock().timestamp()))
    asked = terms_in_force(chain, study).purposes

    def is_active(purposes: int) -> bool:
        return chain.consent.is_consent_active(number, purposes, now, block=block.number)

    known = repository.token(database, number)
    revoked = None
    if consent.revoked_at:
        revoked = Happened(
            at=consent.revoked_at,
            block=_block(database, known.revoked_block if known else None),
            transaction=_hex(known.revoked_tx) if known else None,
        )
    return ConsentShown(
        token_id=str(number),
        study_id=study,
        site=site,
        holder=consent.holder,
        active=is_active(consent.purposes),
        rounds_may_use_it=is_active(asked),
        purposes=describe_purposes(consent.purposes),
        disease=describe_disease(consent.disease) if consent.disease else None,
        conditions=describe_conditions(consent.purposes),
        use_start_at=consent.use_start,
        use_end_at=consent.use_end,
        granted=Happened(
            at=consent.granted_at,
            block=_block(database, known.granted_block if known else None),
            transaction=_hex(known.granted_tx) if known else None,
        ),
        revoked=revoked,
        as_of=BlockShown.of(block),
    )


def _block(database: Session, number: int | None) -> BlockShown | None:
    found = None if number is None else block_at(database, number)
    return None if found is None else BlockShown.of(found)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
