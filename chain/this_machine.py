"""Which hosts are this machine itself: no proxy lies between, and nobody else reaches them."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """A loopback address, or a name that resolves to one alone (RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
