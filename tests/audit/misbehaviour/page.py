"""docs/misbehaviour.md from the catalogue; a test compares, and leaves the new page in out/."""

from __future__ import annotations

from tests.audit.misbehaviour.catalogue import CATALOGUE
from tests.audit.misbehaviour.kinds import (
    Answered,
    Elsewhere,
    Entry,
    Forged,
    NotDetectable,
    Reach,
    Refused,
    Who,
)

_TOP = """# Misbehaviour catalogue

{count} lies that coordinators, sites, reviewers, sponsors, patients, relayers, the service, storage
and whoever runs the chain could tell, and what finds each out. Every one of them is told for real
by a test: in the bundle of a real study whose events the liar signs with the keys that they have
and, where the chain takes what they say, proves anew; to real contracts; or to a real site. The
test fails when the lie is not found, or not by what is named here. What nobody can find out is in
the last table, with the reason, and in the [threat model](threat-model.md).

A name in `code` is a check of `assent verify` (a line of its table and its JSON), an error of a
contract, a code of a gate, or a test of another part. How far a liar gets before somebody verifies:

- **bundle**: rewrites files and bundle.json, but proves nothing;
- **chain**: every event is proven by a block that the reader trusts, because the contracts took
  what was said, or were not those of this release;
- **other chain**: gives evidence of a block of its own to a reader who knows the right hash.

The others are told to a **contract**, a **process** of a site or coordinator, or are an **answer**
that can be had elsewhere. This page is written by `tests/audit/misbehaviour/page.py`; a test keeps
the two equal.
"""

_TITLES = {
    Who.COORDINATOR: "Coordinator",
    Who.SITE: "Site",
    Who.REVIEWER: "Reviewer",
    Who.SPONSOR: "Sponsor",
    Who.PATIENT: "Patient",
    Who.RELAYER: "Relayer",
    Who.SERVICE: "The service over HTTP",
    Who.STORAGE: "Storage",
    Who.CHAIN: "Whoever runs the chain",
}
_REACH = {Reach.FILES: "bundle", Reach.CHAIN: "chain", Reach.NODE: "other chain"}


def page() -> str:
    parts = [_TOP.format(count=len(CATALOGUE))]
    for who, title in _TITLES.items():
        told = [e for e in CATALOGUE if e.who == who and not isinstance(e, NotDetectable)]
        if told:
            head = "| lie | it … | reach | found by |\n| --- | --- | --- | --- |\n"
            parts.append(f"## {title}\n\n{head}" + "".join(map(_row, told)))
    hidden = [e for e in CATALOGUE if isinstance(e, NotDetectable)]
    head = "| lie | who | it … | why nobody can tell |\n| --- | --- | --- | --- |\n"
    rows = "".join(f"| {e.name} | {e.who} | {e.act} | {e.why} |\n" for e in hidden)
    parts.append(f"## Not detectable\n\n{head}{rows}")
    return "\n".join(parts)


def _row(entry: Entry) -> str:
    if isinstance(entry, Forged):
        reach, by = _REACH[entry.reach], f"`{entry.check}`"
    elif isinstance(entry, Refused):
        reach, by = "contract", f"`{entry.refusal.__name__}`"
    elif isinstance(entry, Answered):
        reach, by = "answer", entry.by
    elif isinstance(entry, Elsewhere):
        reach, by = "process", f"{entry.by}: `{entry.refusal}`"
    else:
        raise TypeError(entry)
    return f"| {entry.name} | {entry.act} | {reach} | {by} |\n"
