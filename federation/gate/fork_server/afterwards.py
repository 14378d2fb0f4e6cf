"""What a site does after a message, in a process that never held the coordinator's app.

The fork server forks it from itself, so it begins with the site's own libraries and modules; it
opens keys only when its function does. It dies with the server.
"""

import importlib
import logging
import os
import signal
import time
from typing import NoReturn

from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.linux import die_with_parent

SITE_FOLDER = b"ASSENT_SITE_DIR"

log = logging.getLogger("assent.afterwards")


def run_afterwards(
    function: str, pause_seconds: float, environment: dict[bytes, bytes], server_pid: int
) -> NoReturn:
    """Call a function in this process, which was just forked, and end it.

    Parameters
    ----------
    function: "MODULE:FUNCTION", called without arguments.
    pause_seconds: before anything is loaded. Most often the site's next message ends sooner, and
        with it this process.
    environment: of the SuperNode whose message ended.
    server_pid: the fork server's process id; this process dies with it.
    """
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(server_pid)
        os.setsid()
        os.environb.clear()
        os.environb.update(environment)
        os.environ.update(FIXED_ENVIRONMENT)
        time.sleep(pause_seconds)
        module_name, _, function_name = function.partition(":")
        getattr(importlib.import_module(module_name), function_name)()
    except BaseException:
        log.exception("%s failed", function)
    finally:
        logging.shutdown()
        os._exit(0)
