"""What the small program `flwr-clientapp` sends: one datagram, with the caller's three streams.

Layout (SOCK_SEQPACKET keeps the borders): ASCII "<number of arguments>", then the working folder,
the arguments and the environment ("NAME=VALUE"), each after a NUL byte; file descriptors 0, 1 and
2 as SCM_RIGHTS. Every later datagram is one byte, a signal number to pass on. The answer is one
datagram: the child's wait status as ASCII decimal. The small program cannot import this module
(its start-up is what matters), so `bin/flwr-clientapp` holds the other half.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

MAX_REQUEST_BYTES = 1 << 20
STREAMS = 3


class BadRequestError(Exception):
    """A datagram is not a request. The message names what is wrong, never the content."""


@dataclass(frozen=True)
class Request:
    """One call of `flwr-clientapp`.

    Attributes
    ----------
    cwd: the caller's working folder.
    argv: the caller's arguments, its own name first.
    environment: the caller's environment.
    streams: the caller's standard input, output and error, as descriptors of this process.
    """

    cwd: bytes
    argv: list[bytes]
    environment: dict[bytes, bytes]
    streams: tuple[int, int, int]

    def close(self) -> None:
        """Close this process's copies of the caller's streams."""
        for stream in self.streams:
            os.close(stream)


def receive_request(connection: socket.socket) -> Request | None:
    """Read the request from a connection; None when the caller is gone.

    Raises
    ------
    BadRequestError: the datagram is not one that `flwr-clientapp` sends.
    """
    data, streams, flags, _address = socket.recv_fds(connection, MAX_REQUEST_BYTES, STREAMS)
    try:
        if not data:
            return None
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise BadRequestError("it is too long")
        if len(streams) != STREAMS:
            raise BadRequestError(f"it carries {len(streams)} streams, not {STREAMS}")
        request = _parse(data, (streams[0], streams[1], streams[2]))
        streams = []
        return request
    finally:
        for stream in streams:
            os.close(stream)


def _parse(data: bytes, streams: tuple[int, int, int]) -> Request:
    count, *fields = data.split(b"\0")
    if not count.isdigit() or not 1 <= int(count) < len(fields):
        raise BadRequestError("its arguments cannot be counted")
    arguments_end = 1 + int(count)
    environment = environment_of(fields[arguments_end:])
    return Request(fields[0], fields[1:arguments_end], environment, streams)


def environment_of(entries: Sequence[bytes]) -> dict[bytes, bytes]:
    """Read an environment from its entries.

    Raises
    ------
    BadRequestError: one is not NAME=VALUE.
    """
    environment = {}
    for entry in entries:
        name, equals, value = entry.partition(b"=")
        if not name or not equals:
            raise BadRequestError("its environment holds an entry that is not NAME=VALUE")
        environment[name] = value
    return environment
