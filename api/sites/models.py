"""What a site and a coordinator are told of themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.blocks import BlockShown
from api.review.parameters import Account

_AS_OF: dict[str, Any] = {"number": 1210, "hash": "0x" + "5c" * 32, "timestamp": 1790000100}
_SITE = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"


class SiteInStudy(BaseModel):
    """A study whose terms name the site. `barred_for`: a round, 0 when it is not barred."""

    study_id: int
    in_force: bool
    newest_version: bool
    barred_for: int
    times_barred: int
    words: str


class SiteTold(BaseModel):
    """A site as the registry has it, and the studies that name it. Times are chain seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "address": _SITE,
                "registered": True,
                "registered_at": 1789000000,
                "enrolment_key": "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
                "noise_secret_hash": "0x" + "3d" * 32,
                "words": "Registered since 2026-09-10 00:26 UTC.",
                "studies": [
                    {
                        "study_id": 1,
                        "in_force": True,
                        "newest_version": True,
                        "barred_for": 0,
                        "times_barred": 0,
                        "words": "The version in force names it; it takes part.",
                    }
                ],
                "as_of": _AS_OF,
            }
        }
    )

    address: str
    registered: bool
    registered_at: int | None
    enrolment_key: str | None
    noise_secret_hash: str | None
    words: str
    studies: list[SiteInStudy]
    as_of: BlockShown


class WantedRegistration(BaseModel):
    """The public halves of what the site's folder holds; `assent site keys FOLDER` prints both."""

    model_config = ConfigDict(extra="forbid")

    act: Literal["register"]
    enrolment_key: Account
    noise_secret_hash: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]


class WantedRotation(BaseModel):
    """Another enrolment key; enrolments that were handed out and not used become void."""

    model_config = ConfigDict(extra="forbid")

    act: Literal["rotate-enrolment-key"]
    enrolment_key: Account


WantedSiteCall = Annotated[WantedRegistration | WantedRotation, Field(discriminator="act")]


class UnsignedCall(BaseModel):
    """A transaction for the site's own account to sign and send, as eth_sendTransaction takes it.

    This service cannot send it: the contract takes the sender for the site. `gas` is an estimate
    on the newest block, in which the contract would have accepted it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "from": _SITE,
                "to": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
                "data": "0x52e9b7a1…",
                "value": "0x0",
                "chain_id": 31337,
                "gas": 96000,
                "words": [f"{_SITE} registers as a site."],
                "command": "assent site keys FOLDER --register",
            }
        },
        populate_by_name=True,
    )

    from_: Annotated[str, Field(alias="from")]
    to: str
    data: str
    value: str = "0x0"
    chain_id: int
    gas: int
    words: list[str]
    command: str


class PreflightCheck(BaseModel):
    """One thing that a round will need. `ok` null: it cannot be known here; `found` says why."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


class SiteReadiness(BaseModel):
    """One site as a coordinator should see it before opening a round."""

    site: str
    ready: bool
    registered: bool
    barred_for: int
    cohort: int
    smallest_cohort: int
    words: str


class Preflight(BaseModel):
    """Whether a round could begin, as far as chain and IPFS tell, as of an indexed block.

    `role` is the caller's. `sites` is for the coordinator. `ready`: no check is false.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "role": "site",
                "as_of": _AS_OF,
                "ready": False,
                "checks": [
                    {
                        "name": "cohort",
                        "ok": False,
                        "found": "3 active consents; the study needs 5 at each site",
                        "remedy": "enrol more patients; smaller cohorts take part in no round",
                    }
                ],
                "sites": [],
                "not_looked_at": "What only the site's machine knows: …",
            }
        }
    )

    study_id: int
    role: Literal["site", "coordinator"]
    as_of: BlockShown
    ready: bool
    checks: list[PreflightCheck]
    sites: list[SiteReadiness]
    not_looked_at: str


class Deadline(BaseModel):
    """A deadline in chain time: the first second at which the act comes too late."""

    act: str
    at: int
    seconds_left: int
    words: str


class SiteInRound(BaseModel):
    """One site's part in a round. `current`: its commitment may be sealed, or closed with."""

    site: str
    state: Literal[
        "missing", "committed", "out-of-date", "barred", "sealed", "left-out", "delivered"
    ]
    attempt: int
    cohort: int
    block_number: int | None
    current: bool
    words: str


class NextStep(BaseModel):
    """What can be done next, by whom; `now` false: not before `possible_at` (chain seconds)."""

    act: str
    who: str
    now: bool
    possible_at: int | None
    words: str


class RoundProgress(BaseModel):
    """Where a round stands: who has committed, who is missing, how long is left, what is next."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "number": 3,
                "state": "open",
                "version": 1,
                "as_of": _AS_OF,
                "now": 1790000100,
                "words": "Round 3 is open: 2 of 3 sites have a current commitment.",
                "deadlines": [
                    {
                        "act": "commit",
                        "at": 1790000400,
                        "seconds_left": 300,
                        "words": "sites commit before 2026-09-21 13:20 UTC, 5 minutes left",
                    }
                ],
                "committed": 2,
                "missing": [_SITE],
                "sites": [],
                "next": [
                    {
                        "act": "commit",
                        "who": "sites",
                        "now": True,
                        "possible_at": None,
                        "words": "1 site has not committed.",
                    }
                ],
            }
        }
    )

    study_id: int
    number: int
    state: Literal["open", "sealed", "closed", "aborted"]
    version: int
    as_of: BlockShown
    now: int
    words: str
    deadlines: list[Deadline]
    committed: int
    missing: list[str]
    sites: list[SiteInRound]
    next: list[NextStep]
