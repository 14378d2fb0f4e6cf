"""What the fork server sends the gate's keeper: one datagram, with descriptors.

Layout (SOCK_SEQPACKET keeps the borders): "<kind> <number of the message>", the working folder and
the environment ("NAME=VALUE"), with a NUL byte between two. With a `gate` errand come the end of a
stream socket whose other end the message's process has, and the caller's three streams.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from federation.gate.fork_server.request import MAX_REQUEST_BYTES, environment_of

GATE, AFTER = "gate", "after"
_DESCRIPTORS = 4


@dataclass(frozen=True)
class Errand:
    """One thing to do for a message.

    Attributes
    ----------
    kind: `GATE` to decide about its app, `AFTER` for what follows a message that ended well.
    number: the message's number, as the fork server's log has it.
    cwd: the caller's working folder.
    environment: the caller's environment.
    descriptors: for `GATE` the link and the caller's streams, for `AFTER` none.
    """

    kind: str
    number: int
    cwd: bytes
    environment: dict[bytes, bytes]
    descriptors: Sequence[int] = ()

    def send(self, control: socket.socket) -> None:
        """Hand it over; the descriptors are copied, and the caller's to close. Raises OSError."""
        entries = [name + b"=" + value for name, value in self.environment.items()]
        data = b"\0".join([f"{self.kind} {self.number}".encode(), self.cwd, *entries])
        socket.send_fds(control, [data], list(self.descriptors))


def receive_errand(control: socket.socket) -> Errand | None:
    """Take the next errand; None when the fork server is gone."""
    data, descriptors, _flags, _address = socket.recv_fds(control, MAX_REQUEST_BYTES, _DESCRIPTORS)
    if not data:
        return None
    head, cwd, *entries = data.split(b"\0")
    kind, _, number = head.decode().partition(" ")
    return Errand(kind, int(number), cwd, environment_of(entries), descriptors)
