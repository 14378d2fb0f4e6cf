"""Runs one program and sees to it that nothing of it is left when its owner, or the program, ends.

Started by `stack.process` as a script, on the standard library alone:

    python -I -S keeper.py OWNER_PID GRACE PROGRAM ARGUMENT...

The program may start others, in sessions of their own, that outlive it (Flower's SuperLink does).
So the keeper adopts orphans (Linux: PR_SET_CHILD_SUBREAPER), and before it leaves it ends every
descendant: SIGTERM first, SIGKILL after GRACE seconds. It acts when it gets SIGTERM or SIGINT,
when the program ends, or when the owner is gone, however the owner died: it waits on the owner's
pidfd, which also holds under SIGKILL and, unlike PR_SET_PDEATHSIG, does not fire when merely a
thread of the owner ends. The program itself has PR_SET_PDEATHSIG, for the case that the keeper is
killed. OWNER_PID 0 means no owner: the program runs until it is told to stop. The exit status is
the program's, as a shell would give it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TICK = 0.1


def main(owner: int, grace: float, argv: list[str]) -> int:
    """Run `argv` until it ends or has to; returns the exit status. `grace` is in seconds."""
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    stopping = [False]

    def stop(_signal: int, _frame: object) -> None:
        stopping[0] = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, stop)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    owner_ended = _watch(owner)
    try:
        program = subprocess.Popen(argv, preexec_fn=_die_with_keeper)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    while program.poll() is None and not stopping[0] and not owner_ended(wakeup):
        pass
    _end_descendants(program, grace)
    status = program.returncode
    return 128 - status if status < 0 else status


def _watch(owner: int) -> Callable[[int], bool]:
    """A function that sleeps until something happens, and says whether the owner has ended."""
    if owner and hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(owner)
        except ProcessLookupError:
            return lambda _wakeup: True
        except OSError:  # an old kernel
            handle = -1
        if handle >= 0 and os.getppid() == owner:
            return lambda wakeup: handle in _readable([handle, wakeup], 3600.0)
        if handle >= 0:
            return lambda _wakeup: True

    def ended(wakeup: int) -> bool:
        _readable([wakeup], 0.5)
        return bool(owner) and os.getppid() != owner

    return ended


def _readable(handles: list[int], timeout: float) -> list[int]:
    ready = select.select(handles, [], [], timeout)[0]
    wakeup = handles[-1]
    if wakeup in ready:
        os.read(wakeup, 4096)
    return ready


def _end_descendants(program: subprocess.Popen[bytes], grace: float) -> None:
    began = time.monotonic()
    asked: set[int] = set()
    while True:
        program.poll()
        _reap(program)
        left = _descendants(os.getpid()) or ([] if program.poll() is not None else [program.pid])
        if not left:
            return
        late = time.monotonic() - began > grace
        for pid in left:
            if late or pid not in asked:
                _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
                asked.add(pid)
        time.sleep(TICK if late or time.monotonic() - began > 1 else 0.01)


def _reap(program: subprocess.Popen[bytes]) -> None:
    """Collect adopted orphans that have ended; the program's own status stays for
    `program.poll`.
    """
    for pid in _children(os.getpid()):
        if pid != program.pid:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in _children(pid):
        found += [child, *_descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 -- numbers, and this file starts often
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:  # noqa: PTH123
                found += [int(child) for child in listing.read().split()]
        except OSError:
            continue
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _die_with_keeper() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
