"""One attempt to deliver one message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import urllib3

from api.webhooks.problems import WebhookAddressRefused
from api.webhooks.targets import Target, resolve

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: the receiver's status, or a fixed word for why there is none."""

    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Only 2xx is a yes (Standard Webhooks)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """410: the receiver wants no more."""
        return self.status == 410


def send(
    url: str, headers: dict[str, str], body: bytes, *, loopback: bool, ca_file: Path | None = None
) -> Outcome:
    """Posts the body to where the address resolves now; never raises for what the receiver does."""
    try:
        target = resolve(url, loopback=loopback)
    except WebhookAddressRefused:
        return Outcome(None, "address-refused")
    except OSError:
        return Outcome(None, "host-unknown")
    try:
        with _pool(target, ca_file) as pool:
            answer = pool.urlopen(
                "POST",
                target.path,
                body=body,
                headers={**headers, "Host": target.authority},
                redirect=False,
                retries=False,
                preload_content=False,
                assert_same_host=False,
            )
            # Nobody reads what it says.
            answer.close()
            return Outcome(answer.status, None)
    except urllib3.exceptions.SSLError:
        return Outcome(None, "tls-failed")
    except urllib3.exceptions.NewConnectionError:
        return Outcome(None, "connection-failed")
    except urllib3.exceptions.TimeoutError:
        return Outcome(None, "timed-out")
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        return Outcome(None, "connection-failed")


def _pool(target: Target, ca_file: Path | None) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if target.scheme == "http":
        return urllib3.HTTPConnectionPool(target.address, target.port, timeout=timeout)
    # Connected to the address, but proved to be the host. Without a file: the system's authorities.
    return urllib3.HTTPSConnectionPool(
        target.address,
        target.port,
        timeout=timeout,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=None if ca_file is None else str(ca_file),
    )
