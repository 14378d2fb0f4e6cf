"""No event is left out, added, changed or moved: running hashes, budget, blocks, and the replay."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.fields import hex_of
from audit.proofs import Header
from audit.times import utc
from chain.events import CONTRACT_NAMES, NOTHING_YET, ContractName, EventRecord, advance

_FILE = "chain/events.json"


def check_history(context: Context) -> None:
    """Adds `events.running-hash` for each contract and study, `events.blocks`, `events.times`,
    `events.replay`, `budget.storage` and `blocks.names`.
    """
    record = context.record
    if context.evidence is None:
        record.fail("events", _FILE, "not checked: the evidence cannot be read")
        return
    seen = _Seen(context.header)
    passing = seen.each(context.evidence.records)
    try:
        state, refused = StudyState.replay(passing, context.study), None
    except Exception as error:  # noqa: BLE001, recorded below, in its place
        state, refused = None, error
        deque(passing, maxlen=0)  # the others are hashed all the same
    _check_running_hashes(context, seen)
    if context.header is not None:
        detail = f"{seen.count} events, all up to block {context.header.number}"
        record.add("events.blocks", _FILE, not seen.late, detail)
    _check_times(context, seen)
    with record.group("events.replay", _FILE):
        if refused is not None:
            raise refused
        proposed = state is not None and state.history.sponsor is not None
        record.need("events.replay", _FILE, proposed, "the events make a history of this study")
        context.state = state
    if context.state is not None:
        spent = context.state.history.rho_spent
        record.add(
            "budget.storage",
            "RoundLedger",
            context.rho_spent == spent,
            f"the seals charge {spent} in all, storage proves {context.rho_spent} (rho in 1e-18)",
        )
        _check_block_names(context, context.state)


class _Seen:
    """What is kept of the events as they pass, each once: running hashes, and blocks and times."""

    def __init__(self, header: Header | None) -> None:
        self._header = header
        self.latest: dict[tuple[ContractName, int], bytes] = {}
        self.counts: Counter[tuple[ContractName, int]] = Counter()
        self.count = 0
        self.late = False
        self.first: tuple[int, int] | None = None
        self.last: tuple[int, int] | None = None
        self.backwards: list[str] = []

    def each(self, records: Iterable[EventRecord]) -> Iterator[EventRecord]:
        for entry in records:
            key = (entry.contract, entry.study_id)
            self.latest[key] = advance(self.latest.get(key, NOTHING_YET), entry)
            self.counts[key] += 1
            self.count += 1
            moment = (entry.block_number, entry.block_timestamp)
            header = self._header
            if header is not None and (moment[0] > header.number or moment[1] > header.timestamp):
                self.late = True
            self.follow(moment)
            yield entry

    def follow(self, moment: tuple[int, int]) -> None:
        """A block (number, chain time) comes after those before."""
        (before, earlier), (block, time) = self.last or moment, moment
        self.first, self.last = self.first or moment, moment
        if block < before or time < earlier or (block == before and time != earlier):
            self.backwards.append(
                f"block {block} at {utc(time)} follows block {before} at {utc(earlier)}"
            )
            del self.backwards[3:]


def _check_times(context: Context, seen: _Seen) -> None:
    """Blocks and chain time never go back, and a block has one time, the header's own included."""
    if context.header is not None:
        seen.follow((context.header.number, context.header.timestamp))
    detail = "; ".join(seen.backwards)
    if not seen.backwards and seen.first and seen.last:
        detail = f"chain time runs from {utc(seen.first[1])} to {utc(seen.last[1])}, never back"
    context.record.add("events.times", _FILE, not seen.backwards, detail)


def _check_running_hashes(context: Context, seen: _Seen) -> None:
    wanted: list[tuple[ContractName, int]] = [(name, context.study) for name in CONTRACT_NAMES] + [
        ("StudyRegistry", 0)
    ]
    for key in sorted(set(seen.latest) - set(wanted)):
        context.record.fail("events.running-hash", f"{key[0]}, study {key[1]}", "not of this study")
    for name, study in wanted:
        proven = context.running_hashes.get((name, study))
        found = seen.latest.get((name, study), NOTHING_YET)
        context.record.add(
            "events.running-hash",
            f"{name}, study {study}",
            proven == found,
            f"{seen.counts[name, study]} events hash to {hex_of(found)}, storage proves"
            f" {hex_of(proven) if proven is not None else 'nothing'}",
        )


def _check_block_names(context: Context, state: StudyState) -> None:
    """Contracts and sites name blocks by hash: one number never has two."""
    names: dict[int, tuple[bytes, str]] = {}
    header = context.header
    if header is not None:
        names[header.number] = (header.hash, "chain/header.rlp")
        names[header.number - 1] = (header.parent_hash, "chain/header.rlp")
    ok = True
    for facts in state.history.rounds.values():
        where = f"round {facts.number}"
        named = [(facts.opened.pinned_block, facts.opened.pinned_block_hash)]
        named += [(c.commitment.block_number, c.commitment.block_hash) for c in facts.commitments]
        if facts.sealed and facts.sealed_at:
            named.append((facts.sealed_at.block - 1, facts.sealed.parent_hash))
        for number, digest in named:
            first, source = names.setdefault(number, (digest, where))
            if first != digest:
                ok = False
                detail = f"block {number} is {hex_of(digest)}, but {hex_of(first)} in {source}"
                context.record.fail("blocks.names", where, detail)
    if ok:
        context.record.add("blocks.names", _FILE, True, f"{len(names)} blocks, each with one hash")
