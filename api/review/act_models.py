"""A reviewer's signed act as it was accepted."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from api.outbox.models import AcceptedAct
from api.outbox.states import STATES, State

#: A Suspension, signed by a key that is for examples only.
EXAMPLE: dict[str, Any] = {
    "schema": "assent-signed-act-1",
    "typed_data": {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Suspension": [
                {"name": "studyId", "type": "uint64"},
                {"name": "suspensions", "type": "uint32"},
            ],
        },
        "primaryType": "Suspension",
        "domain": {
            "name": "Assent StudyRegistry",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        },
        "message": {"studyId": "1", "suspensions": "0"},
    },
    "signer": "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    "signature": "0x" + "00" * 65,
}


class ReviewActAccepted(BaseModel):
    """The act is kept; `path` tells its state from now on, `new` that it was not here before."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "5f0c6d1e2b7a49f08d3c1b2a69708f4e",
                "kind": "Suspension",
                "state": "accepted",
                "words": "Kept here and next in line to be sent to the chain.",
                "new": True,
                "path": "/v1/acts/5f0c6d1e2b7a49f08d3c1b2a69708f4e",
            }
        }
    )

    id: str
    kind: str
    state: State
    words: str
    new: bool
    path: str

    @classmethod
    def of(cls, accepted: AcceptedAct) -> ReviewActAccepted:
        """As it is told."""
        return cls(
            id=accepted.id,
            kind=accepted.kind,
            state=accepted.state,
            words=STATES[accepted.state],
            new=accepted.is_new,
            path=accepted.path,
        )
