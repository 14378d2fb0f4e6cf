"""Whether messages may go to this machine itself."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from api.settings import Settings


def loopback_allowed(settings: Settings) -> bool:
    """Only a service that is itself reached on this machine alone may send to it."""
    host = urlsplit(settings.origin).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
