"""One attempt to deliver one message."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

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
        # No proxy, no redirect, no cookie: one request to the address that was looked at.
        with httpx.Client(
            verify=_authorities(target, ca_file),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        ) as client:
            request = client.build_request(
                "POST",
                httpx.URL(
                    scheme=target.scheme,
                    host=target.address,
                    port=target.port,
                    raw_path=target.path.encode(),
                ),
                headers={**headers, "Host": target.authority},
                content=body,
                # What the certificate must be for.
                extensions={"sni_hostname": target.host},
            )
            answer = client.send(request, stream=True)
            # Nobody reads what it says.
            answer.close()
            return Outcome(answer.status_code, None)
    except httpx.TimeoutException:
        return Outcome(None, "timed-out")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Outcome(None, "tls-failed" if _is_of_tls(error) else "connection-failed")


def _authorities(target: Target, ca_file: Path | None) -> ssl.SSLContext | bool:
    if target.scheme == "http":
        return False
    return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
