"""Who may do what, as the contracts have it now.

A study's coordinator and sites are those of the version in force; while none was ever in force,
those of the proposed one. Every function raises ChainError when the node does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from sqlalchemy.orm import Session

from api.problems import NotFound
from api.roles import repository
from api.signin.caller import Caller
from chain.blocks import Block
from chain.chain import Chain
from chain.messages import Study, Terms


class RoleName(StrEnum):
    """What an address can be to a study."""

    REVIEWER = "reviewer"
    SPONSOR = "sponsor"
    COORDINATOR = "coordinator"
    SITE = "site"
    HOLDER = "holder"


@dataclass(frozen=True, order=True)
class Role:
    """One role in one study; a holder's names the token."""

    study_id: int
    role: RoleName
    token_id: int | None = None


@dataclass(frozen=True)
class _People:
    reviewers: frozenset[str]
    sponsor: str
    coordinator: str
    sites: frozenset[str]


def is_reviewer(chain: Chain, study_id: int, address: str) -> bool:
    """Whether an address is of a study's committee."""
    return _is_number(study_id) and chain.registry.is_reviewer(study_id, address)


def is_sponsor(chain: Chain, study_id: int, address: str) -> bool:
    """Whether an address has proposed a study."""
    return _is_number(study_id) and chain.registry.study(study_id).sponsor == address


def is_coordinator(chain: Chain, study_id: int, address: str) -> bool:
    """Whether a study's terms name an address as coordinator."""
    if not _is_number(study_id):
        return False
    study = chain.registry.study(study_id)
    return _terms(chain, study_id, study, None).coordinator == address


def is_site(chain: Chain, study_id: int, address: str) -> bool:
    """Whether a study's terms name an address as a site."""
    if not _is_number(study_id):
        return False
    version = _version(chain.registry.study(study_id))
    return chain.registry.is_site(study_id, version, address)


def is_holder(chain: Chain, token_id: int, address: str) -> bool:
    """Whether an address holds a consent token, or held it until it was revoked."""
    return 0 < token_id < 1 << 256 and chain.consent.consent(token_id).holder == address


def require_reviewer(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound."""
    _require(is_reviewer(chain, study_id, caller.address))


def require_sponsor(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound."""
    _require(is_sponsor(chain, study_id, caller.address))


def require_coordinator(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound."""
    _require(is_coordinator(chain, study_id, caller.address))


def require_site(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound."""
    _require(is_site(chain, study_id, caller.address))


def require_holder(chain: Chain, token_id: int, caller: Caller) -> None:
    """Raises NotFound."""
    _require(is_holder(chain, token_id, caller.address))


def roles_of(chain: Chain, database: Session, address: str) -> list[Role]:
    """All roles of an address at the newest block, by study.

    Which tokens to ask the contract about is taken from the index; a token that was revoked gives
    no role.
    """
    block = chain.head()
    found = [
        Role(study_id, role)
        for study_id, people in _studies(chain, block)
        for role in _roles_among(people, address)
    ]
    for token_id, study_id in repository.tokens_of(database, address):
        consent = chain.consent.consent(token_id, block=block.number)
        if consent.holder == address and consent.revoked_at == 0:
            found.append(Role(study_id, RoleName.HOLDER, token_id))
    return sorted(found, key=lambda one: (one.study_id, one.role, one.token_id or 0))


def _roles_among(people: _People, address: str) -> Iterator[RoleName]:
    if address in people.reviewers:
        yield RoleName.REVIEWER
    if address == people.sponsor:
        yield RoleName.SPONSOR
    if address == people.coordinator:
        yield RoleName.COORDINATOR
    if address in people.sites:
        yield RoleName.SITE


@lru_cache(maxsize=4)
def _studies(chain: Chain, block: Block) -> tuple[tuple[int, _People], ...]:
    # For one block, whoever asks; of a study where nothing happened since, from what was read then.
    registry = chain.registry
    numbers = range(1, registry.study_count(block=block.number) + 1)
    hashes = [registry.running_hash(number, block=block.number) for number in numbers]
    return tuple(
        (number, _people(_At(chain, number, history, block.number)))
        for number, history in zip(numbers, hashes, strict=True)
    )


@dataclass(frozen=True)
class _At:
    """A study after all that `history`, its running hash, stands for; `block` is one such block."""

    chain: Chain
    study_id: int
    history: bytes
    block: int = field(compare=False)


@lru_cache(maxsize=4096)
def _people(at: _At) -> _People:
    registry, study_id, block = at.chain.registry, at.study_id, at.block
    study = registry.study(study_id, block=block)
    return _People(
        reviewers=frozenset(registry.reviewers(study_id, block=block)),
        sponsor=study.sponsor,
        coordinator=_terms(at.chain, study_id, study, block).coordinator,
        sites=frozenset(registry.sites(study_id, _version(study), block=block)),
    )


def _terms(chain: Chain, study_id: int, study: Study, block: int | None) -> Terms:
    return chain.registry.terms(study_id, _version(study), block=block)


def _version(study: Study) -> int:
    return study.current_version or study.proposed_version


def _is_number(study_id: int) -> bool:
    # What no study can have, and the contract's uint64 could not take.
    return 0 < study_id < 1 << 64


def _require(allowed: bool) -> None:
    if not allowed:
        raise NotFound
