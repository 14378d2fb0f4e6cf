"""The gate's keeper: has loaded the site's gate once, and forks a gate process for each message.

The fork server forks it from itself before the first message. Like the fork server it loads no app,
holds no key and no record, and has one thread when it forks. It keeps the byte code of apps that a
gate has admitted, and forks what a site does after a message. It ends with the fork server, and
what it has forked ends with it.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from federation.gate.fork_server.compiled import compile_app
from federation.gate.fork_server.errand import AFTER, Errand, receive_errand
from federation.gate.fork_server.gate_process import Decide, answer_one
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT, check_single_threaded
from federation.gate.fork_server.linux import die_with_parent
from federation.gate.fork_server.verdict import GateRefused

log = logging.getLogger("assent.fork_server")

SITE_FOLDER = b"ASSENT_SITE_DIR"
_KEPT_APPS = 4
_HASH_DIGITS = 64


class KeeperProcess:
    """What runs in the keeper.

    Parameters
    ----------
    control: errands come from here; the fork server has the other end.
    gate, after, after_seconds: see `server.ServerConfig`.
    """

    def __init__(self, control: socket.socket, gate: str, after: str, after_seconds: float) -> None:
        self._control = control
        self._decide = _imported_gate(gate)
        self._after = _imported_after(after) if after else _nothing
        self._after_seconds = after_seconds
        self._compiled: dict[str, int] = {}
        self._admitted, self._tell_admitted = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self._selector = selectors.DefaultSelector()
        self._due: dict[bytes, tuple[float, Errand]] = {}
        self._afterwards: dict[bytes, int] = {}
        gc.collect()
        gc.freeze()

    def run(self) -> NoReturn:
        """Do errands until the fork server is gone."""
        self._selector.register(self._control, selectors.EVENT_READ, self._take_errand)
        self._selector.register(self._admitted, selectors.EVENT_READ, self._take_compiled)
        while True:
            for key, _events in self._selector.select(self._seconds_to_next()):
                key.data()
            self._begin_due()

    def _take_errand(self) -> None:
        errand = receive_errand(self._control)
        if errand is None:
            os._exit(0)
        if errand.kind == AFTER:
            self._put_afterwards(errand)
        else:
            self._fork(errand, lambda: self._be_gate(errand))
        for descriptor in errand.descriptors:
            os.close(descriptor)

    def _take_compiled(self) -> None:
        name, descriptors, _flags, _address = socket.recv_fds(self._admitted, _HASH_DIGITS, 1)
        (descriptor,) = descriptors
        fab_hash = name.decode()
        if fab_hash in self._compiled:
            os.close(descriptor)  # two messages were the first at once
            return
        self._compiled[fab_hash] = descriptor
        if len(self._compiled) > _KEPT_APPS:
            os.close(self._compiled.pop(next(iter(self._compiled))))

    def _put_afterwards(self, errand: Errand) -> None:
        """One for each site: the newest message says all that an earlier one's would. No process
        is forked before its time, for most often the site's next message ends sooner.
        """
        site = errand.environment[SITE_FOLDER]
        if (earlier := self._afterwards.pop(site, None)) is not None:
            os.kill(earlier, signal.SIGKILL)  # not reaped yet, so the id is still its own
        self._due[site] = (time.monotonic() + self._after_seconds, errand)

    def _seconds_to_next(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(at for at, _ in self._due.values()) - time.monotonic())

    def _begin_due(self) -> None:
        now = time.monotonic()
        for site, (at, errand) in list(self._due.items()):
            if at <= now:
                del self._due[site]
                self._afterwards[site] = self._fork(errand, self._after)

    def _fork(self, errand: Errand, become: Callable[[], None]) -> int:
        check_single_threaded()
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._close_in_child()
            _run(keeper, errand, become)
        handle = os.pidfd_open(pid)
        self._selector.register(
            handle, selectors.EVENT_READ, lambda: self._reap(pid, handle, errand)
        )
        return pid

    def _close_in_child(self) -> None:
        """Let go of everything that is the keeper's."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            elif isinstance(key.fileobj, int):
                os.close(key.fileobj)
        self._selector.close()

    def _reap(self, pid: int, handle: int, errand: Errand) -> None:
        self._selector.unregister(handle)
        os.close(handle)
        site = errand.environment.get(SITE_FOLDER, b"")
        if self._afterwards.get(site) == pid:
            del self._afterwards[site]
        _pid, _status, used = os.wait4(pid, 0)
        seconds = used.ru_utime + used.ru_stime
        log.info("request %d: %s took %.2f s of CPU", errand.number, errand.kind, seconds)

    def _be_gate(self, errand: Errand) -> None:
        link, *streams = errand.descriptors
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        os.chdir(errand.cwd)
        admission = answer_one(socket.socket(fileno=link), self._decide, self._compiled)
        if admission is not None and admission.fab_hash not in self._compiled:
            os.nice(10)  # the message's own process compiles what it needs by itself this once
            compiled = compile_app(admission.app_dir, admission.file_hashes)
            socket.send_fds(self._tell_admitted, [admission.fab_hash.encode()], [compiled])


def run_keeper(
    control: socket.socket, server_pid: int, gate: str, after: str, after_seconds: float
) -> NoReturn:
    """Be the keeper, in a process that was just forked from the fork server.

    Parameters
    ----------
    server_pid: the fork server's process id; the keeper dies with it.
    """
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(server_pid)
        os.setsid()
        KeeperProcess(control, gate, after, after_seconds).run()
    except BaseException:
        log.exception("the gate's keeper failed")
    finally:
        logging.shutdown()
        os._exit(1)


def _run(keeper: int, errand: Errand, become: Callable[[], None]) -> NoReturn:
    """Do an errand in this process, which was just forked, and end it."""
    try:
        die_with_parent(keeper)
        os.setsid()
        os.environb.clear()
        os.environb.update(errand.environment)
        os.environ.update(FIXED_ENVIRONMENT)
        become()
    except BaseException:  # whatever it is, a message must see a gate that is gone
        log.exception("request %d: %s failed", errand.number, errand.kind)
    finally:
        logging.shutdown()
        os._exit(0)


def _imported_gate(gate: str) -> Decide:
    """The gate function; one that refuses everything when there is none."""
    try:
        return _imported(gate)
    except Exception as error:
        log.exception("the gate function %s cannot be imported", gate)
        reason = f"{gate} cannot be imported ({type(error).__name__}); see the site's log"

    def refuse(_app_dir: Path, _fab_hash: str) -> None:
        raise GateRefused("GATE_FAILED", reason)

    return refuse


def _imported_after(after: str) -> Callable[[], None]:
    try:
        return _imported(after)
    except Exception:
        log.exception("%s cannot be imported: nothing is done after a message", after)
        return _nothing


def _nothing() -> None:
    pass


def _imported(function: str) -> Callable[..., Any]:
    """What "MODULE:FUNCTION" names. Raises ImportError, AttributeError, TypeError."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    if not callable(found):
        raise TypeError(f"{function} is not a function")
    return found
