"""What an entry of the catalogue says, and the forms that the answer to a lie takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit.bundle import Bundle
from chain.refusals.base import ContractRefused
from tests.audit.misbehaviour.forgery import Forgery


class Who(StrEnum):
    """Who lies; where several must, the first of them."""

    COORDINATOR = "coordinator"
    SITE = "site"
    REVIEWER = "reviewer"
    SPONSOR = "sponsor"
    PATIENT = "patient"
    RELAYER = "relayer"
    SERVICE = "service"
    STORAGE = "storage"
    CHAIN = "chain"


class Reach(StrEnum):
    """How far the liar gets before anybody verifies."""

    FILES = "rewrites the bundle"
    """Files and bundle.json, nothing that the chain has proven."""
    CHAIN = "the chain says it too"
    """Every event is proven, by a block whose hash the reader has been led to trust: because the
    contracts take what is said, or because the chain is the liar's."""
    NODE = "whole evidence of its own"
    """Evidence of another block, given to a reader who knows the right hash."""


@dataclass(frozen=True)
class Forged:
    """A lie in a bundle: made for real by ``forge``, found by the verifier's check ``check`` of an
    object whose name holds ``about``.
    """

    name: str
    who: Who
    act: str
    check: str
    about: str
    reach: Reach
    forge: Callable[[Forgery], Bundle | None]


@dataclass(frozen=True)
class Refused:
    """A lie told to the contracts, which refuse it by name when ``attempt`` tries it."""

    name: str
    who: Who
    act: str
    refusal: type[ContractRefused]
    attempt: Callable[[Any], object]


@dataclass(frozen=True)
class Answered:
    """A lie about the chain, or about a commitment: whoever was lied to asks ``by``, whose answer
    ``attempt`` gets and finds to be another.
    """

    name: str
    who: Who
    act: str
    by: str
    attempt: Callable[[Any], object]


@dataclass(frozen=True)
class Elsewhere:
    """A lie that a test of another room tells; ``refusal``, a name in that test, is the answer."""

    name: str
    who: Who
    act: str
    by: str
    refusal: str
    test: str


@dataclass(frozen=True)
class NotDetectable:
    """What nobody can find out, and why; ``row`` is the beginning of a line of the threat model."""

    name: str
    who: Who
    act: str
    why: str
    row: str


Entry = Forged | Refused | Answered | Elsewhere | NotDetectable


class Collection:
    """Entries in the order of their writing; a decorator adds each."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def forged(
        self, who: Who, act: str, check: str, about: str = "", reach: Reach = Reach.CHAIN
    ) -> Callable[[Callable[[Forgery], Bundle | None]], Callable[[Forgery], Bundle | None]]:
        def add(forge: Callable[[Forgery], Bundle | None]) -> Callable[[Forgery], Bundle | None]:
            self.entries.append(Forged(_name(forge), who, act, check, about, reach, forge))
            return forge

        return add

    def refused(
        self, who: Who, act: str, refusal: type[ContractRefused]
    ) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
        def add(attempt: Callable[[Any], object]) -> Callable[[Any], object]:
            self.entries.append(Refused(_name(attempt), who, act, refusal, attempt))
            return attempt

        return add

    def answered(
        self, who: Who, act: str, by: str
    ) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
        def add(attempt: Callable[[Any], object]) -> Callable[[Any], object]:
            self.entries.append(Answered(_name(attempt), who, act, by, attempt))
            return attempt

        return add


def _name(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", "-")
