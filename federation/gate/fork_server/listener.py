"""The fork server's socket: in a folder closed to other users, 0600."""

import os
import socket
import stat
from pathlib import Path

from federation.gate.fork_server.libraries import UnusableEnvironmentError

LONGEST_PATH = 107  # sun_path of <linux/un.h>, less its closing NUL


def open_listener(path: Path) -> socket.socket:
    """Listen at this path, for this user only.

    Raises
    ------
    UnusableEnvironmentError: the path is too long, the folder is open to others or not this
        user's, or another server listens there.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise UnusableEnvironmentError(
            f"{path} is longer than the {LONGEST_PATH} bytes that a Unix socket's path may have"
        )
    _prepare_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or mode & 0o077:
        raise UnusableEnvironmentError(
            f"{folder} holds the fork server's socket and must be a folder of uid {os.geteuid()} "
            f"with mode 700; it is of uid {status.st_uid} with mode {mode:o}"
        )


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # left by a server that was killed
            return
        except OSError as error:
            raise UnusableEnvironmentError(f"{path} is in the way: {error.strerror}") from error
    raise UnusableEnvironmentError(f"another fork server already listens at {path}")
