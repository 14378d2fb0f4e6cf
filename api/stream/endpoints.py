"""Server-sent events (WHATWG HTML, section 9.2). Nobody need be signed in: all is on the chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sqlalchemy.exc import DBAPIError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from api.dependencies import ServiceOf
from api.http.clients import client_of
from api.index.kinds import kind_of, names_of, told
from api.stream.problems import KindUnknown
from api.stream.watching import POLL_SECONDS, Watch

router = APIRouter(tags=["stream"])

HEARTBEAT_SECONDS = 15
_RETRY_MILLISECONDS = 3000
_EXAMPLE = """id: 812
event: round.closed
data: {"sequence": 812, "undone": null, "kind": "round.closed", "study_id": 1,
data:  "block": {"number": 1204, "hash": "0x5c...", "timestamp": 1790000000}}

"""


@router.get(
    "/stream",
    summary="Changes as they come (server-sent events); the answer does not end",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"example": _EXAMPLE}}}},
)
async def stream(
    request: Request,
    service: ServiceOf,
    study_id: Annotated[int | None, Query(ge=0, lt=1 << 63, examples=[1])] = None,
    kind: Annotated[
        list[str] | None,
        Query(max_length=32, description="Kinds or groups of them.", examples=[["round"]]),
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, lt=1 << 63, description="Go on after this number.", examples=[811])
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> EventSourceResponse:
    """Changes as they are indexed, from now on, or from after `Last-Event-ID` or `after`.

    The first event, `ready`, carries the place from which the stream goes on, so that whoever loses
    it misses nothing. `reset` says that the place is not of this database: begin again.
    """
    try:
        names = names_of(kind or [])
    except ValueError as error:
        raise KindUnknown(str(error)) from None
    watch = _watch_of(request, service)
    client = client_of(request)
    place = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    watch.enter(client)
    return _CountedStream(watch, client, _changes(watch, place, study_id, names))


def _watch_of(request: Request, service: ServiceOf) -> Watch:
    state = request.app.state
    if not hasattr(state, "watch"):
        state.watch = Watch(service)
    watch: Watch = state.watch
    return watch


class _CountedStream(EventSourceResponse):
    """Leaves the watch however it ends, also when the client is gone before it begins."""

    def __init__(self, watch: Watch, client: str, events: AsyncIterator[ServerSentEvent]) -> None:
        super().__init__(
            events,
            ping=HEARTBEAT_SECONDS,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._watch, self._client = watch, client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.leave(self._client)


async def _changes(
    watch: Watch, place: int | None, study_id: int | None, names: list[str]
) -> AsyncIterator[ServerSentEvent]:
    newest = await watch.newest()
    # The look may be half a second old, so a place that was just told is not taken for another's.
    known = place is None or place <= newest or place <= await watch.newest_now()
    reached = newest if place is None or not known else place
    yield _event(reached, "ready" if known else "reset", "{}")
    while True:
        newest = await watch.newest()
        if newest > reached:
            try:
                changes = await watch.after(reached, study_id, names)
            except DBAPIError:
                return  # the client comes back by itself, with the place it has reached
            for change in changes:
                reached = change.sequence
                yield _event(reached, kind_of(change), json.dumps(told(change)))
            if changes:
                continue
            # Others' changes need not be looked through again.
            reached = max(reached, newest)
        await asyncio.sleep(POLL_SECONDS)


def _event(place: int, kind: str, data: str) -> ServerSentEvent:
    return ServerSentEvent(data, event=kind, id=str(place), retry=_RETRY_MILLISECONDS)
