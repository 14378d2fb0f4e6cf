"""Challenges: questions that a site has to answer in time, or is barred.

A reviewer asks for a replay of the site's part of a round (token 0), a patient for the receipt of
their token. The answer itself stays off chain; the chain keeps its SHA-256.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chain.chain import Chain
from chain.events import Answered, Challenged, Faulted, decode
from federation.gate.keys import SiteKeys
from federation.gate.site import SiteConfig, connect


class NothingToAnswer(Exception):
    """There is no such open challenge to this site, or no answer to give. The message says why."""


@dataclass(frozen=True)
class OpenChallenge:
    """A challenge to this site without an answer.

    Attributes:
        round_number: what it is about.
        token_id: whose receipt is asked for; 0 when a reviewer asks for a replay.
        asked_at: chain time of the challenge; answer_by: the first second that is too late; both
            in seconds since 1970.
    """

    round_number: int
    token_id: int
    asked_at: int
    answer_by: int

    @property
    def asks_for(self) -> str:
        """In words."""
        return f"the receipt of token {self.token_id}" if self.token_id else "a replay"


def open_challenges(chain: Chain, study_id: int, site: str) -> list[OpenChallenge]:
    """The challenges to a site that wait for an answer, the most urgent first.

    One whose time is over is among them until somebody puts the fault on record.

    Raises:
        chain.errors.ChainError
    """
    found: dict[tuple[int, int], OpenChallenge] = {}
    for record in chain.events(study_id):
        event = decode(record)
        if not isinstance(event, Challenged | Answered | Faulted) or event.site != site:
            continue
        question = (event.round, event.token_id)
        if isinstance(event, Challenged):
            found[question] = OpenChallenge(*question, record.block_timestamp, event.answer_by)
        else:
            found.pop(question, None)
    return sorted(found.values(), key=lambda one: one.answer_by)


def answer_challenge(folder: Path, number: int, token_id: int, answer: Path) -> bytes:
    """Puts the SHA-256 of an answer on chain. The file has to be kept, and given to who asked.

    Args:
        folder: the site's folder; its account signs and pays.
        number, token_id: as in `OpenChallenge`.

    Returns:
        The answer's SHA-256.

    Raises:
        NothingToAnswer: nobody asked this, it has been answered, or the file is empty.
        chain.errors.ContractRefused: it comes too late.
        OSError, chain.errors.ChainError, SiteFolderInvalid, PrivateFileUnsafe, KeyFolderInvalid
    """
    data = answer.read_bytes()
    if not data:
        raise NothingToAnswer(f"{answer} is empty; an answer is a file with something in it")
    config = SiteConfig.load(folder)
    with closing(SiteKeys.open(folder / "keys")) as keys:
        chain, site = connect(folder, config, keys), keys.public.account
        asked = chain.ledger.challenge_of(config.study_id, number, site, token_id)
        what = f"about round {number} and {f'token {token_id}' if token_id else 'a replay'}"
        if asked.answer_by == 0:
            raise NothingToAnswer(
                f"nobody has challenged this site {what}; `assent site challenges` lists what is"
                " open"
            )
        if any(asked.answer_hash):
            raise NothingToAnswer(
                f"the challenge {what} was answered with sha256 {asked.answer_hash.hex()}"
            )
        answer_hash = hashlib.sha256(data).digest()
        chain.ledger.answer(config.study_id, number, token_id, answer_hash)
        return answer_hash
