"""The few Linux facilities that Python does not wrap."""

import ctypes
import os
import signal
import socket
import struct
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_UCRED = struct.Struct("iII")  # struct ucred of <linux/socket.h>: pid, uid, gid
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the one that forked it ends.

    Parameters
    ----------
    parent: the parent's process id, read before the fork: a parent that ended before this call
        sends no signal, so the caller ends itself.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of the process at the other end of a Unix socket, as the kernel saw it."""
    size = _UCRED.size
    pid, uid, _gid = _UCRED.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return pid, uid


def thread_count() -> int:
    """Return how many threads this process has, those of C libraries included."""
    return len(list(Path("/proc/self/task").iterdir()))
