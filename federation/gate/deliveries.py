"""Putting a delivery on record, so that no coordinator can say it never came.

Doing so costs a transaction, so a site does it only when its round is still sealed shortly before
the delivery deadline. The fork server calls `watch` after each message, in a process of its own.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from pathlib import Path

from chain.chain import Chain
from chain.errors import ChainError, ContractRefused
from chain.messages import Round, RoundState
from federation.app.chain_facts import chain_time
from federation.gate.checked_round import quiet_until
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.replay_window import end_replay_windows
from federation.gate.site import SiteConfig, connect, site_folder_from_environment

log = logging.getLogger("assent.deliveries")

_LONGEST_PAUSE = 5.0
_LONGEST_QUIET = 60.0
_LONGEST_MARGIN = 120


class NothingToRecord(Exception):
    """This site has no delivery to put on record for a round. The message says why."""


def record_delivery(folder: Path, number: int) -> bytes:
    """Puts this site's delivery to a sealed round on record, whatever the time.

    Args:
        folder: the site's folder; its account signs and pays.

    Returns:
        The 32 bytes that name the masked vector (`audit.cid.digest_of`), as the ledger now has
        them.

    Raises:
        NothingToRecord: nothing was made for the round, it was made for another seal, or the round
            is not sealed.
        chain.errors.ContractRefused: it is on record already, or the deadline has passed.
        chain.errors.ChainError, SiteFolderInvalid, PrivateFileUnsafe, KeyFolderInvalid,
            DatabaseUnusable
    """
    config = SiteConfig.load(folder)
    with closing(SiteKeys.open(folder / "keys")) as keys:
        chain = connect(folder, config, keys)
        sealed = chain.ledger.round(config.study_id, number)
        if sealed.state != RoundState.SEALED:
            raise NothingToRecord(
                f"round {number} is {sealed.state.name.lower()}; a delivery counts only while its"
                " round is sealed"
            )
        made = _delivered(folder, config.study_id, number)
        if made is None:
            raise NothingToRecord(
                f"this site has made nothing for round {number}; is it the right folder?"
            )
        seal_digest, masked_hash = made
        if seal_digest != sealed.seal_digest:
            raise NothingToRecord(
                f"what this site made for round {number} is for seal 0x{seal_digest.hex()}, and the"
                f" ledger says 0x{sealed.seal_digest.hex()}. Do not trust this node before you know"
                " why"
            )
        chain.ledger.record_delivery(config.study_id, number, masked_hash)
        return masked_hash


def watch() -> None:
    """Waits until the newest round is over, or records this site's delivery to it in time; then
    destroys what is no longer to be kept of earlier rounds.

    The site is the one that ASSENT_SITE_DIR names. Returns when there is nothing (more) to do.

    Raises:
        SiteFolderInvalid, PrivateFileUnsafe, DatabaseUnusable, KeyFolderInvalid
    """
    folder = site_folder_from_environment()
    config = SiteConfig.load(folder)
    _sleep_while_quiet(folder, config)
    chain = _watch_newest(folder, config)
    try:
        for number, why in end_replay_windows(folder, chain):
            log.info("round %d: what a replay needs is destroyed: %s", number, why)
    except ChainError as error:
        log.warning("replay windows: cannot look: %s", error)


def _sleep_while_quiet(folder: Path, config: SiteConfig) -> None:
    """Half of what is left, as the chain's time may run ahead; the site's next message ends it."""
    left = quiet_until(folder, config.study_id) - time.time()
    time.sleep(min(_LONGEST_QUIET, max(0.0, left / 2)))


def _watch_newest(folder: Path, config: SiteConfig) -> Chain:
    """Gives the connection that it made."""
    chain, number, pause = _connect(folder, config), 0, _LONGEST_PAUSE
    while True:
        try:
            number = number or chain.ledger.round_count(config.study_id)
            sealed = chain.ledger.round(config.study_id, number)
            if not _may_matter(chain, folder, config.study_id, number, sealed):
                return chain
            if chain_time(chain) >= record_from(sealed):
                record_delivery(folder, number)
                log.warning("round %d is still sealed: the delivery is put on record", number)
                return chain
            pause = min(_LONGEST_PAUSE, _margin(sealed) / 2)
        except (ContractRefused, NothingToRecord) as refusal:
            log.info("round %d: no delivery is put on record: %s", number, refusal)
            return chain
        except ChainError as error:
            log.warning("round %d: cannot look: %s", number, error)
        time.sleep(pause)


def _connect(folder: Path, config: SiteConfig) -> Chain:
    """As soon as the site's node answers as it should."""
    while True:
        try:
            return connect(folder, config)
        except ChainError as error:
            log.warning("cannot look for a delivery to put on record: %s", error)
        time.sleep(_LONGEST_PAUSE)


def record_from(sealed: Round) -> int:
    """From when a delivery to a round that is still sealed goes on record, seconds since 1970."""
    return sealed.delivery_deadline - _margin(sealed)


def _margin(sealed: Round) -> int:
    """Time for a transaction to be mined, but no more than a quarter of the time to deliver."""
    return min(_LONGEST_MARGIN, max(1, (sealed.delivery_deadline - sealed.seal_deadline) // 4))


def _may_matter(chain: Chain, folder: Path, study_id: int, number: int, sealed: Round) -> bool:
    return (
        sealed.state == RoundState.SEALED
        and chain_time(chain) < sealed.delivery_deadline
        and _delivered(folder, study_id, number) is not None
    )


def _delivered(folder: Path, study_id: int, number: int) -> tuple[bytes, bytes] | None:
    with closing(Journal.open(folder / "state.db")) as journal:
        return journal.delivered(study_id, number)
