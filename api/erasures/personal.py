"""Which tables say something about an address, which columns say it, and what erasure does.

A test walks the schema: a table with an address is in one of the two lists here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement

from api.outbox.repository import is_spent

_PUBLIC = "a copy of the public chain, from which this service cannot take anything away"


@dataclass(frozen=True)
class Personal:
    """How a table's rows about an address are found and treated.

    Attributes:
        columns: a row is about an address that stands in one of them.
        hidden: what is shown to nobody, such as the hash of a session's secret.
        kept: why erasure leaves the rows; None: it deletes them.
        only: which of the rows erasure deletes at once, as of a moment; None: all.
        left: why the others stay for now. They are marked (`is_erased`), and go by themselves.
    """

    columns: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    kept: str | None = None
    only: Callable[[datetime], ColumnElement[bool]] | None = None
    left: str | None = None


PERSONAL: Final[dict[str, Personal]] = {
    "tokens": Personal(("holder",), kept=_PUBLIC),
    "signin_sessions": Personal(("address",), hidden=("digest",)),
    "access_tokens": Personal(("address",), hidden=("digest",)),
    "passkeys": Personal(("address",)),
    # What is on its way goes on: an erasure must not lose a revocation.
    # And an erasure must not renew what somebody may have carried in an hour.
    "outbox_acts": Personal(
        ("account", "quota_address"),
        only=is_spent,
        left="what is on its way to the chain goes once it is over, and what was brought within the"
        " last hour after that: then by itself, within another hour",
    ),
    "idempotency_keys": Personal(("scope",)),
    "webhooks": Personal(("owner",), hidden=("secret", "secret_key")),
    # Before the receipts: who brings one holds the key.
    "receipt_keys": Personal(("holder",)),
    "receipts": Personal(("holder",)),
    "enrolment_offers": Personal(("holder",)),
    "erasures": Personal(("holder",), kept="so that you can see what became of your request"),
}

#: Tables with an address that is nobody's to ask for, and why.
IMPERSONAL: Final[dict[str, str]] = {
    "relay_transactions": "addresses of the service's own account and of the contracts",
    "relayer_facts": "the service's own account",
}
