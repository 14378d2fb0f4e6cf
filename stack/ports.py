"""Free loopback ports."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

# Below Linux's range for outgoing connections (32768 and up, net.ipv4.ip_local_port_range), so
# that none of those takes a port between the moment it is found and the moment a server listens on
# it.
FIRST, LAST = 20_000, 32_000

_taken: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on. Never the same twice in one process.

    Raises OSError when none is found.
    """
    generator = random.SystemRandom()
    for _ in range(1000):
        port = generator.randrange(FIRST, LAST)
        if port not in _taken and is_free(port):
            _taken.add(port)
            return port
    raise OSError(f"no free TCP port between {FIRST} and {LAST} on {HOST}")


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on this port of an address of this machine now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attempt:
        # As servers do: a connection that lingers from an earlier run does not count.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError:
            return False
    return True
