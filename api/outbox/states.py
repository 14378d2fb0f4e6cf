"""The states of a signed act, in plain words."""

from __future__ import annotations

from typing import Final, Literal

State = Literal["accepted", "waiting", "sent", "confirmed", "failed"]

#: Nothing more happens to it, unless the chain goes back.
OVER: Final[tuple[State, ...]] = ("confirmed", "failed")

STATES: dict[State, str] = {
    "accepted": "Kept here and next in line to be sent to the chain.",
    "waiting": "Kept here until as many reviewers have signed the same as the study asks for.",
    "sent": "Sent to the chain, not yet in a block that stays.",
    "confirmed": "In a block of the chain that stays.",
    "failed": "The chain has refused it, or it can no longer be sent; `reason` says why.",
}
