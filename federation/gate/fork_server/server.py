"""The fork server: one single-threaded process that forks a child for each `flwr-clientapp`.

It holds no key and no record, and loads no app. Its first child is the gate's keeper, which forks a
gate process for each of the others. A child whose caller is gone is killed with all it started; the
server ends when the SuperNodes it serves have ended, or its lifeline is closed.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from federation.gate.fork_server.child import PASSED_SIGNALS, run_child
from federation.gate.fork_server.errand import AFTER, GATE, Errand
from federation.gate.fork_server.gate_process import GateLink
from federation.gate.fork_server.keeper import Keeper
from federation.gate.fork_server.keeper_process import SITE_FOLDER
from federation.gate.fork_server.libraries import (
    check_nothing_of_the_project_is_loaded,
    check_single_threaded,
)
from federation.gate.fork_server.linux import peer_of
from federation.gate.fork_server.request import BadRequestError, Request, receive_request

log = logging.getLogger("assent.fork_server")


@dataclass(frozen=True)
class ServerConfig:
    """How a fork server runs.

    Attributes
    ----------
    socket_path: where to listen; its folder belongs to this user and is closed to others.
    gate: "MODULE:FUNCTION" of the gate function.
    gate_timeout_seconds: how long a child waits for a verdict.
    after: "MODULE:FUNCTION", called without arguments after each message that ended well, in a
        process of its own that no app was loaded into; "" for nothing.
    after_seconds: how long after the message that process begins; a message that ends sooner takes
        its place.
    supernode_pids: the server ends when all of these processes have ended.
    lifeline: a descriptor to read; the server ends when its other end is closed.
    allowed_uid: the one user whose requests are served.
    """

    socket_path: Path
    gate: str
    gate_timeout_seconds: float
    after: str = ""
    after_seconds: float = 20.0
    supernode_pids: tuple[int, ...] = ()
    lifeline: int | None = None
    allowed_uid: int = field(default_factory=os.geteuid)


@dataclass(eq=False)
class _Call:
    """One caller's connection, and the child forked for it."""

    number: int
    connection: socket.socket
    caller_pid: int
    started: float
    cwd: bytes = b""
    environment: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    child_pid: int | None = None
    child_handle: int | None = None


class ForkServer:
    """Listens, forks, passes signals and exit statuses on.

    Parameters
    ----------
    config: how to run.
    listener: a listening SOCK_SEQPACKET socket, see `listener.open_listener`.
    """

    def __init__(self, config: ServerConfig, listener: socket.socket) -> None:
        self._config = config
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._calls: set[_Call] = set()
        self._keeper = Keeper(config.gate, config.after, config.after_seconds)
        self._served = 0
        self._supernodes: set[int] = set()
        self._stopping = False
        self._wake = socket.socketpair()

    def serve(self) -> None:
        """Serve until the SuperNodes have ended, the lifeline closes, or SIGTERM or SIGINT."""
        self._listener.setblocking(False)
        self._watch(self._listener, self._accept)
        self._watch_life()
        self._wake[1].setblocking(False)
        signal.set_wakeup_fd(self._wake[1].fileno(), warn_on_full_buffer=False)
        self._watch(self._wake[0], lambda: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._start_keeper()
        try:
            while not self._stopping:
                for key, _events in self._selector.select():
                    key.data()
        finally:
            for call in list(self._calls):
                self._kill_child(call)
                self._forget(call)
            self._keeper.end()

    def _start_keeper(self) -> None:
        """Call with nothing of a caller's open here: the keeper would have it for ever."""
        if self._keeper.is_running:
            return
        check_single_threaded()
        check_nothing_of_the_project_is_loaded()
        self._watch(self._keeper.start(self._close_in_child), self._keeper_ended)

    def _keeper_ended(self) -> None:
        log.error("the gate's keeper has ended; the next message starts it again")
        self._selector.unregister(self._keeper.handle)
        self._keeper.end()

    def _stop(self, _number: int = 0, _frame: object = None) -> None:
        self._stopping = True

    def _watch(self, source: socket.socket | int, action: object) -> None:
        self._selector.register(source, selectors.EVENT_READ, action)

    def _watch_life(self) -> None:
        for pid in self._config.supernode_pids:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                log.error("the SuperNode %d is not running", pid)
                continue
            self._supernodes.add(handle)
            self._watch(handle, lambda handle=handle: self._supernode_ended(handle))
        if self._config.supernode_pids and not self._supernodes:
            self._stop()
        if self._config.lifeline is not None:
            self._watch(self._config.lifeline, self._lifeline_closed)

    def _supernode_ended(self, handle: int) -> None:
        self._selector.unregister(handle)
        self._supernodes.discard(handle)
        os.close(handle)
        if not self._supernodes:
            log.info("the SuperNodes have ended: stopping")
            self._stop()

    def _lifeline_closed(self) -> None:
        log.info("the process that started this server has ended: stopping")
        self._stop()

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        pid, uid = peer_of(connection)
        if uid != self._config.allowed_uid:
            log.error("refused a caller: its uid is %d, not %d", uid, self._config.allowed_uid)
            connection.close()
            return
        connection.setblocking(False)
        self._served += 1
        call = _Call(self._served, connection, pid, time.monotonic())
        self._calls.add(call)
        self._watch(connection, lambda: self._hear(call))

    def _hear(self, call: _Call) -> None:
        """Read what the caller sent: its request, a signal to pass on, or its end."""
        if call not in self._calls:
            return  # an earlier event of the same batch ended it
        if call.child_pid is None:
            self._start_keeper()
            try:
                request = receive_request(call.connection)
            except (BadRequestError, OSError) as error:
                log.error("request %d refused: %s", call.number, error)
                request = None
            if request is None:
                self._forget(call)
                return
            self._fork(call, request)
            return
        try:
            numbers = call.connection.recv(64)
        except OSError:
            numbers = b""
        if not numbers:
            log.warning("request %d: its caller is gone; killing its child", call.number)
            self._kill_child(call)
            self._forget(call)
        for number in numbers:
            if call.child_pid is not None:
                os.kill(call.child_pid, number)  # not reaped yet, so the id is still its own

    def _fork(self, call: _Call, request: Request) -> None:
        check_single_threaded()
        check_nothing_of_the_project_is_loaded()
        gate = self._gate_for(call, request)
        server_pid = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_SIGNALS)  # the child lifts it when ready
        pid = os.fork()
        if pid == 0:
            self._close_in_child()
            run_child(request, server_pid, GateLink(gate, self._config.gate_timeout_seconds))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_SIGNALS)
        gate.close()
        request.close()
        call.cwd, call.environment = request.cwd, request.environment
        call.child_pid = pid
        call.child_handle = os.pidfd_open(pid)
        self._watch(call.child_handle, lambda: self._child_ended(call))
        log.info("request %d: child %d for caller %d", call.number, pid, call.caller_pid)

    def _gate_for(self, call: _Call, request: Request) -> socket.socket:
        """One end of a link whose other end a gate process has, or nobody: then all is refused."""
        ours, theirs = socket.socketpair()
        descriptors = (theirs.fileno(), *request.streams)
        self._send(Errand(GATE, call.number, request.cwd, request.environment, descriptors))
        theirs.close()
        return ours

    def _send(self, errand: Errand) -> None:
        try:
            self._keeper.send(errand)
        except OSError as error:
            log.error("request %d: the gate's keeper takes no errand: %s", errand.number, error)

    def _close_in_child(self) -> None:
        """Let go of everything that is the server's: a caller must see its own end alone."""
        signal.set_wakeup_fd(-1)
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            elif isinstance(key.fileobj, int):
                os.close(key.fileobj)
        self._wake[1].close()
        self._selector.close()
        self._keeper.let_go()

    def _child_ended(self, call: _Call) -> None:
        if call not in self._calls or call.child_pid is None:
            return
        status, cpu_seconds = self._reap(call, call.child_pid)
        log.info(
            "request %d: ended with %d after %.1f s, %.2f s of CPU",
            call.number,
            os.waitstatus_to_exitcode(status),
            time.monotonic() - call.started,
            cpu_seconds,
        )
        try:
            call.connection.send(str(status).encode())
        except OSError:
            log.warning("request %d: its caller is gone", call.number)
        self._forget(call)
        if status == 0 and self._config.after and SITE_FOLDER in call.environment:
            self._start_keeper()
            self._send(Errand(AFTER, call.number, call.cwd, call.environment))

    def _kill_child(self, call: _Call) -> None:
        if call.child_pid is not None:
            os.kill(call.child_pid, signal.SIGKILL)
            self._reap(call, call.child_pid)

    def _reap(self, call: _Call, pid: int) -> tuple[int, float]:
        """Kill what the child left behind; then its status and CPU seconds, not its gate's."""
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # the id stays its own until reaped
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _pid, status, used = os.wait4(pid, 0)
        call.child_pid = None
        return status, used.ru_utime + used.ru_stime

    def _forget(self, call: _Call) -> None:
        self._calls.discard(call)
        self._selector.unregister(call.connection)
        call.connection.close()
        if call.child_handle is not None:
            self._selector.unregister(call.child_handle)
            os.close(call.child_handle)
