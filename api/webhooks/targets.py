"""Where messages may go: what a name resolves to decides, and the connection goes there.

Server-side request forgery (OWASP): a webhook's address is chosen by a stranger, so it could name
the operator's own network. Its host is resolved once for each attempt, every address it has must be
public, and the connection is made to that very address, so that a name which answers otherwise the
second time (DNS rebinding) changes nothing. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from api.webhooks.problems import WebhookAddressRefused

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """One attempt's destination. `address` is what is connected to, `host` what TLS must prove."""

    scheme: str
    host: str
    address: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the `Host` header."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        default = {"https": 443, "http": 80}[self.scheme]
        return shown if self.port == default else f"{shown}:{self.port}"


def resolve(url: str, *, loopback: bool) -> Target:
    """The destination of a message.

    Args:
        loopback: whether this machine itself may be named, over http too; for services that are
            themselves reached on this machine alone.

    Raises:
        WebhookAddressRefused: not https, or some address of the host is not public.
        OSError: the host does not resolve now.
    """
    parts, port = _parts(url)
    host = str(parts.hostname)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if loopback and all(address.is_loopback for address in addresses):
        pass
    elif parts.scheme != "https":
        raise WebhookAddressRefused("the address does not begin with https://")
    elif not addresses or not all(is_public(address) for address in addresses):
        raise WebhookAddressRefused(f"{host} has an address that is not of the public internet")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, str(addresses[0]), port, path)


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        raise WebhookAddressRefused("it is no address") from None
    if port is None or not parts.hostname or parts.username or parts.password or parts.fragment:
        raise WebhookAddressRefused("it is not https://HOST/PATH, or it holds a password")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise WebhookAddressRefused("it holds a character that an address cannot have")
    return parts, port


def is_public(address: _Address) -> bool:
    """Whether an address, and any IPv4 address inside it, is of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(one is not None and not is_public(one) for one in inside):
            return False
    # Reserved: also NAT64 (RFC 6052), behind which an IPv4 address would be reached.
    return address.is_global and not address.is_multicast and not address.is_reserved
