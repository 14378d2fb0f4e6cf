"""A real study's bundle in the hands of somebody who lies: what they change, sign and prove anew.

How far they get is part of each lie. Who only has the bundle rewrites files, and bundle.json to
agree with them, but proves nothing. Who lies through the chain, because the ledger takes what they
say or because it is their chain, has every event proven, by another block of their own making.
Everybody signs with the keys that they have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from eth_account.signers.local import LocalAccount

from audit import canonical_json, checkpoint, codec
from audit.bundle import DOCUMENT_NAMES, Bundle
from audit.checks.context import place_of
from audit.cid import cid_of, cid_of_sha256
from audit.proofs import parse_header
from audit.recipe import parse as parse_recipe
from bench.verification.closing import Closing, SealedRound, close, resealed
from bench.verification.proven_state import ProvenState, state_of
from chain import events as ev
from chain.events import ContractName
from tests.audit.tampering import contents, forged, records_of

E = TypeVar("E", bound=ev.Event)


@dataclass
class Entry:
    """An event in its block, ``time`` in seconds."""

    event: Any
    block: int
    time: int

    def record(self) -> ev.EventRecord:
        return ev.encode(self.event, self.block, self.time)


class Forgery:
    """Begins as the honest bundle. ``entries``: its events, to be changed at will."""

    def __init__(self, bundle: Bundle, accounts: Sequence[LocalAccount]) -> None:
        self.honest = bundle
        self.contents = contents(bundle)
        self.keys = {str(account.address): account for account in accounts}
        self.entries = [
            Entry(ev.decode(record), record.block_number, record.block_timestamp)
            for record in records_of(bundle)
        ]
        self.changes: dict[str, bytes | None] = {}
        code = canonical_json.loads(bundle.files["chain/code.json"])
        self.code: dict[ContractName, bytes] = {
            name: bytes.fromhex(text[2:]) for name, text in code.items()
        }
        self.state: ProvenState = state_of(bundle, self.code)
        self.rho: int | None = None

    @property
    def study(self) -> int:
        return self.honest.study

    # -- events --------------------------------------------------------------------------------

    def place(self, kind: type[ev.Event], nth: int = -1, **wanted: Any) -> int:
        """Where the nth event of a kind, with these members, stands."""
        found = [
            place
            for place, entry in enumerate(self.entries)
            if isinstance(entry.event, kind)
            and all(getattr(entry.event, name) == value for name, value in wanted.items())
        ]
        return found[nth]

    def entry(self, kind: type[ev.Event], nth: int = -1, **wanted: Any) -> Entry:
        return self.entries[self.place(kind, nth, **wanted)]

    def event(self, kind: type[E], nth: int = -1, **wanted: Any) -> E:
        found: E = self.entry(kind, nth, **wanted).event
        return found

    def change(self, kind: type[ev.Event], nth: int = -1, where: Any = None, **to: Any) -> None:
        """Changes members of an event; a callable is given the old value."""
        entry = self.entry(kind, nth, **(where or {}))
        entry.event = _changed(entry.event, to)

    def change_commitment(self, round_: int, nth: int = -1, **to: Any) -> None:
        entry = self.entry(ev.Committed, nth, round=round_)
        entry.event = replace(entry.event, commitment=_changed(entry.event.commitment, to))

    def drop(self, *places: int) -> None:
        self.entries = [e for place, e in enumerate(self.entries) if place not in places]

    def insert(self, place: int, event: ev.Event) -> None:
        """At a place, in the block of the event that comes before it."""
        before = self.entries[place - 1]
        self.entries.insert(place, Entry(event, before.block, before.time))

    # -- rounds --------------------------------------------------------------------------------

    def sealed_round(self, number: int) -> SealedRound:
        """What the events and objects say of a closed round."""
        opened = self.entry(ev.Opened, round=number)
        sealed = self.entry(ev.Sealed, round=number)
        closed = self.event(ev.Closed, round=number)
        newest = {
            entry.event.site: entry.event.commitment
            for entry in self.entries
            if isinstance(entry.event, ev.Committed) and entry.event.round == number
        }
        version = opened.event.version
        terms = self.event(ev.VersionProposed, version=version).terms
        recipe = self.file(f"documents/{version}/recipe.json")
        return SealedRound(
            contracts=self.honest.contracts,
            terms=terms,
            recipe=parse_recipe(recipe),
            opened=opened.event,
            opened_at=opened.time,
            commitments=[newest[site] for site in sealed.event.members],
            sealed=sealed.event,
            seal_block=sealed.block,
            masked=[self.object(digest) for digest in closed.masked_hashes],
            base=checkpoint.read(self.object(opened.event.base)),
        )

    def reseal(self, number: int) -> None:
        """The seal says what the commitments of its members give."""
        entry, sealed = self.entry(ev.Sealed, round=number), self.sealed_round(number)
        entry.event = resealed(self.honest.contracts, sealed.sealed, sealed.commitments)

    def close(
        self, number: int, closing: Closing | None = None, masked: Sequence[bytes] | None = None
    ) -> None:
        """The coordinator closes it again: the old objects go, the new ones come.

        ``masked``: other vectors than those that came in.
        """
        entry, sealed = self.entry(ev.Closed, round=number), self.sealed_round(number)
        if masked is not None:
            sealed = replace(sealed, masked=masked)
        old = entry.event
        event, objects, _ = close(sealed, self.keys, closing or Closing())
        for digest in (*old.masked_hashes, old.manifest_hash, old.checkpoint_hash):
            self.remove(digest)
        for data in objects:
            self.store(data)
        entry.event = event

    def forget(self) -> None:
        """Objects and documents that the events no longer name go."""
        digests = {e.event.terms.initial_checkpoint for e in self._of(ev.VersionProposed)}
        for entry in self._of(ev.Closed):
            event = entry.event
            digests |= {event.checkpoint_hash, event.manifest_hash, *event.masked_hashes}
        named = {place_of(cid_of_sha256(digest)) for digest in digests}
        named |= {
            f"documents/{entry.event.version}/{name}"
            for entry in self._of(ev.VersionProposed)
            for name in DOCUMENT_NAMES
        }
        for path in self.contents:
            if not path.startswith("chain/") and path not in named:
                self.changes[path] = None

    def _of(self, kind: type[ev.Event]) -> list[Entry]:
        return [entry for entry in self.entries if isinstance(entry.event, kind)]

    def masked(self, number: int) -> list[bytes]:
        return list(self.sealed_round(number).masked)

    # -- files ---------------------------------------------------------------------------------

    def file(self, path: str) -> bytes:
        changed = self.changes.get(path)
        return self.contents[path] if changed is None else changed

    def object(self, digest: bytes) -> bytes:
        return self.file(place_of(cid_of_sha256(digest)))

    def store(self, data: bytes) -> None:
        self.changes[place_of(cid_of(data))] = data

    def put(self, path: str, data: bytes) -> None:
        self.changes[path] = data

    def remove(self, digest: bytes) -> None:
        path = place_of(cid_of_sha256(digest))
        if path in self.contents:
            self.changes[path] = None
        else:
            self.changes.pop(path, None)

    # -- the bundle ----------------------------------------------------------------------------

    def rewritten(self) -> Bundle:
        """As somebody leaves it who has the bundle and nothing more."""
        records = canonical_json.dumps([entry.record().to_json() for entry in self.entries])
        return forged(self.honest, {"chain/events.json": records, **self.changes})

    def proven(self) -> Bundle:
        """As somebody leaves it whose events the chain has taken; its block is another."""
        records = [entry.record() for entry in self.entries]
        spent = [entry.event.rho for entry in self.entries if isinstance(entry.event, ev.Sealed)]
        files = self.state.evidence(records, sum(spent) if self.rho is None else self.rho)
        made = forged(self.honest, {**files, **self.changes})
        return anchored(made)


def anchored(bundle: Bundle) -> Bundle:
    """bundle.json names the block whose header lies in the bundle."""
    header = parse_header(bundle.files["chain/header.rlp"])
    return dataclasses.replace(bundle, block_number=header.number, block_hash=header.hash)


def doubled(vector: bytes) -> bytes:
    """Twice as much in every word: a vector of the right length that nobody signed."""
    words = codec.from_bytes(vector)
    return codec.to_bytes(words + words)


def _changed(value: Any, to: dict[str, Any | Callable[[Any], Any]]) -> Any:
    return replace(
        value,
        **{
            name: change(getattr(value, name)) if callable(change) else change
            for name, change in to.items()
        },
    )
