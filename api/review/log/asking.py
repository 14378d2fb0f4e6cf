"""What of the audit log is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime

from api.review.parameters import Account
from chain.events import (
    EVENTS,
    Aborted,
    Answered,
    Barred,
    Challenged,
    Closed,
    Committed,
    DeliveryRecorded,
    Event,
    Faulted,
    Granted,
    Opened,
    Readmitted,
    Revoked,
    Sealed,
)
from chain.messages import split_token_id

#: Every kind of event that a study can have.
KINDS = tuple(one.__name__ for one in EVENTS)
OF_ROUNDS = (Opened, Committed, Sealed, Closed, Aborted, DeliveryRecorded)
OF_DUTIES = (Barred, Readmitted, Challenged, Answered, Faulted)
OF_CONSENTS = (Granted, Revoked)


def _kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"a kind is one of {', '.join(KINDS)}")
    return name


def _token(text: str) -> str:
    if int(text) >= 1 << 256:
        raise ValueError("a token's number has at most 256 bits")
    return text


_Kinds = Annotated[
    list[Annotated[str, AfterValidator(_kind)]],
    Query(alias="kind", max_length=len(KINDS), description="Only events of these names."),
]
_Token = Annotated[
    str | None,
    AfterValidator(lambda text: None if text is None else _token(text)),
    Query(pattern=r"^[0-9]{1,78}$", description="Only what names this token (decimal)."),
]
_Round = Annotated[int | None, Query(alias="round", ge=1, lt=2**32, description="Of this round.")]
_Time = AwareDatetime | None
_Block = Annotated[int | None, Query(ge=0, lt=2**63)]


@dataclass(frozen=True)
class Asked:
    """What events have to be; None and () ask for nothing. Times are chain seconds."""

    kinds: tuple[str, ...] = ()
    site: str | None = None
    token_id: int | None = None
    round: int | None = None
    from_time: int | None = None
    to_time: int | None = None
    from_block: int | None = None
    to_block: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds that can be what is asked for; empty when no event can."""
        possible = set(self.kinds or KINDS)
        if self.round is not None:
            possible &= {one.__name__ for one in (*OF_ROUNDS, *OF_DUTIES)}
        if self.token_id is not None:
            possible &= {one.__name__ for one in (*OF_CONSENTS, Challenged, Answered, Faulted)}
        return tuple(sorted(possible))

    @property
    def matches_nothing(self) -> bool:
        """No event can be all of this."""
        return not self.names

    def fits(self, event: Event) -> bool:
        """Whether an event names the site, token and round that are asked for."""
        return (
            (self.site is None or self.site in sites_of(event))
            and (self.token_id is None or getattr(event, "token_id", None) == self.token_id)
            and (self.round is None or getattr(event, "round", None) == self.round)
        )


def sites_of(event: Event) -> tuple[str, ...]:
    """The sites that an event is about."""
    if isinstance(event, Granted):
        return (event.grant.site,)
    if isinstance(event, Revoked):
        return (split_token_id(event.token_id)[1],)
    if isinstance(event, Sealed):
        return event.members
    site = getattr(event, "site", None)
    return () if site is None else (site,)


def _asked(
    kinds: _Kinds = [],  # noqa: B006, FastAPI's own default for a list
    site: Account | None = None,
    token: _Token = None,
    round_: _Round = None,
    from_time: Annotated[_Time, Query(description="Chain time, from (included).")] = None,
    to_time: Annotated[_Time, Query(description="Chain time, to (included).")] = None,
    from_block: _Block = None,
    to_block: _Block = None,
) -> Asked:
    return Asked(
        tuple(kinds),
        site,
        None if token is None else int(token),
        round_,
        None if from_time is None else int(from_time.timestamp()),
        None if to_time is None else int(to_time.timestamp()),
        from_block,
        to_block,
    )


AskedOf = Annotated[Asked, Depends(_asked)]
