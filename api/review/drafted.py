"""A message to be signed, with what it means."""

from __future__ import annotations

from dataclasses import dataclass

from chain.messages import SignedMessage


@dataclass(frozen=True)
class Drafted:
    """The message, (subject, sentence) pairs, and how many reviewers have to sign the same."""

    message: SignedMessage
    summary: list[tuple[str, str]]
    signatures_needed: int = 1
