"""Until when a round can be replayed here, and the end of that: what it needed is destroyed.

A snapshot goes when its window is over, when its round ended without this site, and at once when a
patient in it has had their record erased: what is left of such a round could give back what the
record added to it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from chain.chain import Chain
from chain.messages import Round, RoundState, Terms
from federation.app.chain_facts import chain_time
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.record_register import RecordRegister, RecordSaltDestroyed
from federation.gate.site import SiteConfig
from federation.gate.snapshots import ERASED, Snapshots

#: Why a round ended here, as `Journal.ended` and every later replay say it; see also `ERASED`.
NOT_SEALED = "the round was not sealed with this site"
WINDOW_OVER = "the time is over for which this site keeps what a replay needs"

_DAY = 86_400


def replay_until(opened: Round, terms: Terms, replay_days: int) -> int:
    """The last second of a round's replay window, seconds since 1970 in chain time."""
    asked_until = terms.challenge_seconds + terms.answer_seconds
    return opened.close_deadline + max(replay_days * _DAY, asked_until)


def end_replay_windows(folder: Path, chain: Chain) -> list[tuple[int, str]]:
    """Destroys what is no longer to be kept for replays; gives each round that ended, and why.

    May be repeated. Rounds under way keep what they need to end well.

    Raises:
        chain.errors.ChainError, SiteFolderInvalid, PrivateFileUnsafe, DatabaseUnusable,
        KeyFolderInvalid
    """
    config = SiteConfig.load(folder)
    ended: list[tuple[int, str]] = []
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(Journal.open(folder / "state.db")) as journal,
    ):
        snapshots = Snapshots(journal)
        _forget_erased(snapshots, keys.register)
        now = chain_time(chain)
        for (study_id, number), lacks_one in snapshots.rounds().items():
            opened = chain.ledger.round(study_id, number)
            terms = chain.registry.terms(study_id, opened.version)
            over = opened.state in (RoundState.CLOSED, RoundState.ABORTED)
            if now > replay_until(opened, terms, config.replay_days):
                ended.append((number, WINDOW_OVER))
            elif over and keys.public.account not in chain.ledger.members(study_id, number):
                ended.append((number, NOT_SEALED))
            elif lacks_one and (over or now >= opened.close_deadline):
                ended.append((number, ERASED))
            else:
                continue
            journal.end_replay_window(study_id, number, ended[-1][1])
    return ended


def _forget_erased(snapshots: Snapshots, register: RecordRegister) -> None:
    """Of a record that was erased while a round was being computed, something may be kept since."""
    for record_id in snapshots.record_ids():
        try:
            register.record_salt(record_id)
        except RecordSaltDestroyed:
            snapshots.forget_record(record_id)
