"""Whom a request comes from, as far as rates and numbers of streams are counted."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from starlette.requests import HTTPConnection

#: Whoever has one address of such a network has all of them (RFC 6177, RFC 7421).
_SUBSCRIBER_BITS = 64


def client_of(connection: HTTPConnection) -> str:
    """The client's IPv4 address, or the /64 network of its IPv6 address.

    What is no address, such as the path of a socket, is one client by that name.
    """
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    rest = 128 - _SUBSCRIBER_BITS
    return f"{IPv6Address(int(address) >> rest << rest)}/{_SUBSCRIBER_BITS}"
