"""A process that is killed while it indexes loses nothing and doubles nothing."""

import os
import signal
from typing import Any

from sqlalchemy import event

from api.index.events import events_after
from api.index.indexer import Indexer
from api.index.tables import IndexedToken
from api.service import Service
from api.settings import Settings
from tests.world import World


def killed_at(settings: Settings, statement: int) -> bool:
    """Indexes in a process that dies (SIGKILL) at its nth SQL statement; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            service = Service.start(settings)
            left = statement

            def count(*_: Any) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(service.engine, "before_cursor_execute", count)
            event.listen(service.engine, "commit", count)
            Indexer(service).run_once()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_killed_at_any_statement_it_goes_on_where_it_was(settings: Settings, world: World) -> None:
    study = world.approved_study()
    tokens = [world.give_consent(study, world.sites[0], holder) for holder in world.accounts[20:23]]
    world.revoke(tokens[0], world.accounts[20])
    Service.start(settings).close()
    # Begins, reads where it stands, holds the index, adds blocks, events, tokens, revocations,
    # notes the place, forgets old blocks, commits.
    deaths = [killed_at(settings, statement) for statement in (1, 2, 4, 6, 8, 10, 12, 14)]
    assert deaths.count(True) >= 6

    service = Service.start(settings)
    Indexer(service).run_once()
    with service.sessions() as database:
        found = events_after(database, 0, limit=1000)
        kept = database.query(IndexedToken).count()
    service.close()
    assert [(one.block_hash, one.log_index) for one in found] == [
        (one.block.hash, one.log_index) for one in world.chain().logs()
    ]
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    assert kept == len(tokens)
