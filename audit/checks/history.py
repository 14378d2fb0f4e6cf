"""No event is left out, added, changed or moved: running hashes, budget, blocks, and the replay."""

from __future__ import annotations

from itertools import pairwise

from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.fields import hex_of
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
    records = context.evidence.records
    _check_running_hashes(context, records)
    header = context.header
    if header is not None:
        late = [entry for entry in records if entry.block_number > header.number]
        early = all(entry.block_timestamp <= header.timestamp for entry in records)
        detail = f"{len(records)} events, all up to block {header.number}"
        record.add("events.blocks", _FILE, not late and early, detail)
    _check_times(context, records)
    with record.group("events.replay", _FILE):
        state = StudyState.replay(records, context.study)
        proposed = state.history.sponsor is not None
        record.need("events.replay", _FILE, proposed, "the events make a history of this study")
        context.state = state
        spent = state.history.rho_spent
        record.add(
            "budget.storage",
            "RoundLedger",
            context.rho_spent == spent,
            f"the seals charge {spent} in all, storage proves {context.rho_spent} (rho in 1e-18)",
        )
        _check_block_names(context, state)


def _check_times(context: Context, records: tuple[EventRecord, ...]) -> None:
    """Blocks and chain time never go back, and a block has one time, the header's own included."""
    moments = [(entry.block_number, entry.block_timestamp) for entry in records]
    if context.header is not None:
        moments.append((context.header.number, context.header.timestamp))
    wrong = [
        f"block {block} at {utc(time)} follows block {before} at {utc(earlier)}"
        for (before, earlier), (block, time) in pairwise(moments)
        if block < before or time < earlier or (block == before and time != earlier)
    ]
    detail = "; ".join(wrong[:3])
    if not wrong and moments:
        detail = f"chain time runs from {utc(moments[0][1])} to {utc(moments[-1][1])}, never back"
    context.record.add("events.times", _FILE, not wrong, detail)


def _check_running_hashes(context: Context, records: tuple[EventRecord, ...]) -> None:
    latest: dict[tuple[ContractName, int], bytes] = {}
    counts: dict[tuple[ContractName, int], int] = {}
    for entry in records:
        key = (entry.contract, entry.study_id)
        latest[key] = advance(latest.get(key, NOTHING_YET), entry)
        counts[key] = counts.get(key, 0) + 1
    wanted: list[tuple[ContractName, int]] = [(name, context.study) for name in CONTRACT_NAMES] + [
        ("StudyRegistry", 0)
    ]
    for key in sorted(set(latest) - set(wanted)):
        context.record.fail("events.running-hash", f"{key[0]}, study {key[1]}", "not of this study")
    for name, study in wanted:
        proven = context.running_hashes.get((name, study))
        found = latest.get((name, study), NOTHING_YET)
        context.record.add(
            "events.running-hash",
            f"{name}, study {study}",
            proven == found,
            f"{counts.get((name, study), 0)} events hash to {hex_of(found)}, storage proves"
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
