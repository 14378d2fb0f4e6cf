"""`/me`: who is signed in, and what they are to which study."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from api.dependencies import ChainOf, Database
from api.roles.roles import RoleName, roles_of
from api.signin.caller import SignInOf

router = APIRouter(tags=["sign-in"])


class RoleEntry(BaseModel):
    """A role in a study; a holder's has the token's number, as text."""

    role: RoleName
    study_id: int
    token_id: str | None = None


class Me(BaseModel):
    """Whoever asks: one address, until when they are signed in, what they may do, and as whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                    "signer": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
                    "expires_at": "2030-01-01T12:30:00Z",
                    "scopes": ["consent:read", "study:read"],
                    "roles": [{"role": "reviewer", "study_id": 3, "token_id": None}],
                }
            ]
        }
    )

    address: str
    signer: str
    expires_at: datetime
    scopes: list[str]
    roles: list[RoleEntry]


@router.get("/me", summary="Who you are here, and your roles in the contracts")
def me(own: SignInOf, chain: ChainOf, database: Database) -> Me:
    caller = own.caller
    return Me(
        address=caller.address,
        signer="0x" + caller.signer.hex(),
        expires_at=own.expires_at,
        scopes=sorted(caller.scopes),
        roles=[
            RoleEntry(
                role=one.role,
                study_id=one.study_id,
                token_id=None if one.token_id is None else str(one.token_id),
            )
            for one in roles_of(chain, database, caller.address)
        ],
    )
