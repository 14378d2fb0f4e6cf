"""What the endpoints of signed acts take and give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.blocks import BlockShown
from api.outbox.states import State


@dataclass(frozen=True)
class AcceptedAct:
    """An act that is kept: `path` tells its state, `is_new` is False when it was here before.

    `shown` is what `path` would tell right now.
    """

    id: str
    kind: str
    state: State
    is_new: bool
    shown: ActShown

    @property
    def path(self) -> str:
        """Where its state can be asked, from the service's root."""
        return f"/v1/acts/{self.id}"


class SignedEnrolmentBody(BaseModel):
    """A site's signed statement that it holds the record, beside a Grant."""

    model_config = ConfigDict(extra="forbid")

    typed_data: dict[str, Any]
    signature: str


class SignedActBody(BaseModel):
    """A signed act, schema assent-signed-act-1."""

    model_config = ConfigDict(extra="forbid")

    schema_: str = Field(alias="schema")
    typed_data: dict[str, Any]
    signer: str
    signature: str
    enrolment: SignedEnrolmentBody | None = None


class Reason(BaseModel):
    """Why an act failed: a stable code and a sentence."""

    code: str
    detail: str


class ActShown(BaseModel):
    """A signed act and how far it has come.

    `transactions` are all hashes under which it was ever sent, of which one at most is mined; a
    dearer one replaces what no block took. `token_id` is the token of a Grant that is in a block.
    """

    id: str
    kind: str
    study_id: int
    account: str
    state: State
    says: str
    accepted_at: datetime
    transactions: list[str]
    transaction: str | None = None
    block: BlockShown | None = None
    token_id: str | None = None
    reason: Reason | None = None
    settled_at: datetime | None = None
