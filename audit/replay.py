"""Events in, history out: refuses any sequence that the contracts cannot have emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from audit.acts import bars, consent, registry, rollbacks, rounds
from audit.acts.refusal import refuse, require
from audit.errors import HistoryInvalid
from audit.history import History
from audit.round_state import Moment
from chain import events as ev

_Handler = Callable[[History, Any, Moment], None]

_OF_THE_REGISTRY: dict[type[ev.Event], _Handler] = {
    ev.SiteRegistered: registry.site_registered,
    ev.EnrolmentKeyRotated: registry.key_rotated,
    ev.SuccessorRecorded: registry.successor_recorded,
}
"""These carry study 0; all others their study's number."""

_HANDLERS: dict[type[ev.Event], _Handler] = {
    **_OF_THE_REGISTRY,
    ev.StudyProposed: registry.study_proposed,
    ev.VersionProposed: registry.version_proposed,
    ev.Approved: registry.approved,
    ev.ReviewerReplaced: registry.reviewer_replaced,
    ev.Suspended: registry.suspended,
    ev.Resumed: registry.resumed,
    ev.Granted: consent.granted,
    ev.Revoked: consent.revoked,
    ev.Opened: rounds.opened,
    ev.Committed: rounds.committed,
    ev.Sealed: rounds.sealed,
    ev.DeliveryRecorded: rounds.delivery_recorded,
    ev.Closed: rounds.closed,
    ev.Aborted: rounds.aborted,
    ev.RolledBack: rollbacks.rolled_back,
    ev.Barred: bars.barred_by_coordinator,
    ev.Readmitted: bars.readmitted,
    ev.Challenged: bars.challenged,
    ev.Answered: bars.answered,
    ev.Faulted: bars.faulted,
}

_CONSEQUENCES: dict[type[ev.Event], _Handler] = {
    ev.VersionActivated: registry.activated,
    ev.ApprovalExtended: registry.extended,
    ev.Revoked: consent.revoked,
    ev.Barred: bars.barred_by_fault,
}
"""Events that a contract emits in the same call as the one before."""


def replay(records: Iterable[ev.EventRecord], study_id: int) -> History:
    """The history of one study. Raises HistoryInvalid, naming the event."""
    return extended(History(study_id), records)


def extended(before: History, records: Iterable[ev.EventRecord]) -> History:
    """A study's history with the events that follow; `before` stays fit to be read.

    Raises HistoryInvalid, naming the event.
    """
    history = before.fork()
    study_id = history.study_id
    for position, record in enumerate(records, start=len(history.moments)):
        moment = Moment(position, record.block_number, record.block_timestamp)
        try:
            _check_order(history, moment)
            event = ev.decode(record)
            registry_wide = type(event) in _OF_THE_REGISTRY
            own = event.study_id == (0 if registry_wide else study_id)
            require(own, f"it belongs to study {event.study_id}")
            _apply(history, event, moment)
        except (HistoryInvalid, ev.UndecodableEvent) as error:
            name = f"event {position} ({record.contract}, block {record.block_number})"
            raise HistoryInvalid(f"{name}: {error}") from error
        history.moments.append(moment)
    if history.due is not None:
        refuse(f"the events end before {type(history.due).__name__}, which must come next")
    return history


def _apply(history: History, event: ev.Event, moment: Moment) -> None:
    due, history.due = history.due, None
    if due is None:
        handler = _HANDLERS.get(type(event))
        if handler is None:
            refuse(f"nothing before it calls for {type(event).__name__}")
        handler(history, event, moment)
        return
    same_call = event == due and moment.block == history.moments[-1].block
    require(same_call, f"{due} must come next")
    _CONSEQUENCES[type(event)](history, event, moment)


def _check_order(history: History, moment: Moment) -> None:
    if not history.moments:
        return
    last = history.moments[-1]
    require(moment.block >= last.block, "its block comes before the previous event's")
    require(moment.time >= last.time, "its time comes before the previous event's")
    if moment.block == last.block:
        require(moment.time == last.time, "its block has another time in the previous event")
