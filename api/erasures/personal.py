"""Which tables say something about an address, which columns say it, and what erasure does.

A test walks the schema: a table with an address is in one of the two lists here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, exists

from api.erasures.tables import Erasure
from api.outbox.repository import is_spent
from api.signin.tables import PasskeyRow

_PUBLIC = "a copy of the public chain, from which this service cannot take anything away"


@dataclass(frozen=True)
class Personal:
    """How a table's rows about an address are found and treated.

    Attributes:
        columns: a row is about an address that stands in one of them.
        hidden: what is shown to nobody, such as the hash of a session's secret.
        kept: why erasure leaves the rows; None: it deletes them.
        only: which of the rows erasure deletes at once, as of a moment; None: all.
        left: why the others stay.
        mark: a column that is set in those, so that they go by themselves.
    """

    columns: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    kept: str | None = None
    only: Callable[[datetime], ColumnElement[bool]] | None = None
    left: str | None = None
    mark: str | None = None


def _leads_to_no_request(_now: datetime) -> ColumnElement[bool]:
    return ~exists().where(Erasure.holder == PasskeyRow.address)


PERSONAL: Final[dict[str, Personal]] = {
    "tokens": Personal(("holder",), kept=_PUBLIC),
    "signin_sessions": Personal(("address",), hidden=("digest",)),
    "access_tokens": Personal(("address",), hidden=("digest",)),
    # One cannot be registered again: without it nobody could sign in for that address any more.
    "passkeys": Personal(
        ("address",),
        only=_leads_to_no_request,
        left="so that you can sign in and see what became of your request at the hospitals",
    ),
    # What is on its way goes on: an erasure must not lose a revocation.
    # And an erasure must not renew what somebody may have carried in an hour.
    "outbox_acts": Personal(
        ("account", "quota_address"),
        only=is_spent,
        left="what is on its way to the chain, or was brought within the last hour; it goes by"
        " itself within an hour after that",
        mark="is_erased",
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
