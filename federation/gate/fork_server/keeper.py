"""The fork server's end of the gate's keeper, see `keeper_process`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable

from federation.gate.fork_server.errand import Errand
from federation.gate.fork_server.keeper_process import run_keeper
from federation.gate.fork_server.request import MAX_REQUEST_BYTES

_SECONDS_TO_TAKE = 5.0
"""A keeper only forks, so it takes an errand at once, unless it still loads the gate."""


class Keeper:
    """Starts the keeper's process and hands it errands.

    Parameters
    ----------
    gate, after, after_seconds: see `server.ServerConfig`.

    Attributes
    ----------
    handle: a descriptor that is readable once the process has ended; -1 while there is none.
    """

    def __init__(self, gate: str, after: str, after_seconds: float) -> None:
        self._what = (gate, after, after_seconds)
        self._pid = 0
        self._control: socket.socket | None = None
        self.handle = -1

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not ended since."""
        return self.handle >= 0

    def start(self, let_go_of_server: Callable[[], None]) -> int:
        """Fork it; returns `handle`. Call with one thread only, and no project module loaded.

        Parameters
        ----------
        let_go_of_server: closes, in the new process, what is the fork server's.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SECONDS_TO_TAKE)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_REQUEST_BYTES)
        server_pid = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            let_go_of_server()
            run_keeper(theirs, server_pid, *self._what)
        theirs.close()
        self._control = ours
        self.handle = os.pidfd_open(self._pid)
        return self.handle

    def send(self, errand: Errand) -> None:
        """Hand over an errand. Raises OSError."""
        if self._control is None:
            raise ConnectionResetError("the gate's keeper does not run")
        errand.send(self._control)

    def let_go(self) -> None:
        """Close, in a child of the fork server, what is the server's."""
        if self._control is not None:
            self._control.close()

    def end(self) -> None:
        """Kill it and reap it, with all that it has forked; safe to call again."""
        if not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)  # not reaped yet, so the id is still its own
        os.waitpid(self._pid, 0)
        self.let_go()
        os.close(self.handle)
        self.handle = -1
