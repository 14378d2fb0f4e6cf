"""A forked child: becomes the process that the caller asked for, and runs Flower's own code."""

import logging
import os
import signal
import sys
import traceback
from typing import NoReturn

from federation.gate.fork_server.gate_process import GateLink
from federation.gate.fork_server.importer import AppImporter
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.linux import die_with_parent
from federation.gate.fork_server.request import Request

PASSED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
"""What `bin/flwr-clientapp` passes on; blocked while the child is being set up."""

INSTALLS_DEPENDENCIES = b"--allow-runtime-dependency-installation"


def run_child(request: Request, server_pid: int, gate: GateLink) -> NoReturn:
    """Run one `flwr-clientapp` in this process, which was just forked, and end it.

    Parameters
    ----------
    request: what the caller handed over.
    server_pid: the fork server's process id; the child dies with it.
    gate: the link to the gate process that decides about this message's app.
    """
    code = 1
    try:
        _become(request, server_pid)
        if INSTALLS_DEPENDENCIES in request.argv:
            sys.exit(
                "flwr-clientapp: this site does not install what an app asks for. Start the "
                "SuperNode without --allow-runtime-dependency-installation"
            )
        sys.meta_path.insert(0, AppImporter(gate.ask, list(sys.path)))
        from flwr.supernode.cli import flwr_clientapp  # loaded before the fork

        flwr_clientapp()
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001  (as Python itself: show it and exit with 1)
        traceback.print_exc()
    finally:
        _end(code)


def _become(request: Request, server_pid: int) -> None:
    """Take on the caller's streams, folder, environment and arguments."""
    for number in PASSED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_SIGNALS)
    die_with_parent(server_pid)
    os.setsid()  # one group for the child and whatever it starts
    for target, stream in enumerate(request.streams):
        os.dup2(stream, target)
    request.close()
    os.chdir(request.cwd)
    os.environb.clear()
    os.environb.update(request.environment)
    os.environ.update(FIXED_ENVIRONMENT)
    sys.argv = ["flwr-clientapp", *map(os.fsdecode, request.argv[1:])]
    sys.dont_write_bytecode = True


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def _end(code: int) -> NoReturn:
    """End without the server's exit handlers, but with everything written."""
    try:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
