"""What can go wrong at a site that runs, asked one by one: each answer says what to do.

`Preflight` says whether a round could begin; this is what a monitoring system asks every few
minutes between rounds. Nothing is sent, nothing is changed, and no line names a record.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from audit.times import moment
from federation.gate.preflight import AS_THE_LINE_SAYS, KNOWN_TROUBLE, Check, Preflight
from federation.gate.status import SiteStatus, read_status

#: The site's two long processes, as they are recorded.
PROCESSES = ("the SuperNode", "the fork server")
#: A round's snapshot and masked vector take some megabytes; SQLite needs room to write at all.
NEEDED_DISK = 2 * 10**9
#: Logs are never rotated by us (see the guide): above this somebody has forgotten to.
LARGEST_LOGS = 500 * 10**6
#: Reviewers need time to renew an approval.
APPROVAL_DAYS = 30

_DAY = 24 * 3600
# Of the preflight: what can change while a site runs. Records and cohort are the round's business.
_FROM_PREFLIGHT = frozenset(
    {
        "folder", "keys", "settings", "memory", "chain", "chain is fresh", "clock", "balance",
        "study", "site in terms", "not barred", "IPFS", "SuperLink",
    }
)  # fmt: skip


def health(
    folder: Path, running: Sequence[str], *, now: Callable[[], float] = time.time
) -> Iterator[Check]:
    """The checks of one site folder, always the same lines in the same order; raises for none.

    Args:
        folder: the site's folder.
        running: names of the site's processes that are there, of PROCESSES.
        now: seconds since 1970.
    """
    yield _processes(running)
    yield _disk(folder)
    yield _logs(folder)
    before = [check for check in Preflight(folder).run() if check.name in _FROM_PREFLIGHT]
    yield from before
    try:
        status = read_status(folder)
    except KNOWN_TROUBLE as error:
        yield from _without_status(error, said=not all(check.ok for check in before))
        return
    yield _approval(status, now())
    yield _questions(status)
    yield _deliveries(status)
    yield _goes_on(status)


def _without_status(error: Exception, *, said: bool) -> Iterator[Check]:
    """`said`: a line above fails, and so says already what is the matter."""
    first, *others = ("approval", "questions", "deliveries", "study goes on")
    yield Check.waits(first, error) if said else Check.fails(first, str(error), AS_THE_LINE_SAYS)
    for name in others:
        yield Check.waits(name, error)


def _processes(running: Sequence[str]) -> Check:
    away = [name for name in PROCESSES if name not in running]
    if not away:
        return Check.holds("processes", " and ".join(PROCESSES))
    remedy = "read the last lines of logs/, then `assent site stop` and `assent site start`"
    return Check.fails("processes", f"not there: {', '.join(away)}", remedy)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free"
    if free >= NEEDED_DISK:
        return Check.holds("disk", found)
    remedy = (
        f"make room (at least {NEEDED_DISK / 1e9:.0f} GB) before the next round: truncate logs/,"
        " move old backups; never remove a .db file"
    )
    return Check.fails("disk", found, remedy)


def _logs(folder: Path) -> Check:
    size = sum(one.stat().st_size for one in (folder / "logs").glob("*") if one.is_file())
    found = f"{size / 1e6:.1f} MB"
    if size <= LARGEST_LOGS:
        return Check.holds("logs", found)
    return Check.fails("logs", found, "set up logrotate with copytruncate, as in the guide")


def _approval(status: SiteStatus, now: float) -> Check:
    until = moment(status.approved_until)
    days = (status.approved_until - now) / _DAY
    remedy = "ask the sponsor and the reviewers to renew it (`assent irb renew`)"
    if days <= 0:
        return Check.fails("approval", f"over since {until}", remedy)
    warning = f"it is over in {days:.0f} days; {remedy}" if days < APPROVAL_DAYS else ""
    return Check.holds("approval", f"until {until}", warning)


def _questions(status: SiteStatus) -> Check:
    if not status.challenges:
        return Check.holds("questions", "nobody waits for an answer")
    first = status.challenges[0]
    return Check.fails(
        "questions",
        f"{len(status.challenges)} wait; the first, about round {first.round_number}, until before"
        f" {moment(first.answer_by)}",
        "`assent site challenges`, then `assent site answer`; who is late is barred",
    )


def _deliveries(status: SiteStatus) -> Check:
    late = [
        one.number
        for one in status.rounds
        if one.state == "sealed" and one.is_member and not (one.delivered or one.on_record)
    ]
    if not late:
        return Check.holds("deliveries", "no sealed round waits for this site")
    rounds = ", ".join(map(str, late))
    return Check.fails(
        "deliveries",
        f"round {rounds} is sealed with this site and not delivered",
        "keep the site running and read logs/fork-server.log; a site that does not deliver is"
        " barred",
    )


def _goes_on(status: SiteStatus) -> Check:
    found = f"{status.charged_aborts} of {status.max_charged_aborts} abandoned, charged rounds"
    if status.charged_aborts < status.max_charged_aborts:
        return Check.holds("study goes on", found)
    remedy = "the reviewers have to suspend and resume the study; nothing to do at this site"
    return Check.fails("study goes on", found, remedy)
