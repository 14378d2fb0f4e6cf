"""The service as a program of a site or a patient uses it: HTTPS, signed in with an account.

What it answers is never believed: who acts on an answer checks it against the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from siwe import SiweMessage

from chain.bounded import read_up_to
from chain.guardians import approved_text

_TIMEOUT_SECONDS = 30.0
#: What a service may answer at once (bytes), so that one that lies fills no memory; a page of a
#: list is some 100 KiB.
_MOST_ANSWERED = 64 << 20


class ServiceUnreachable(ConnectionError):
    """The service does not answer, or not as one. The message names its address."""


class ServiceRefused(Exception):
    """The service refuses; `code` is of its catalogue, the message says why and what to do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class ServiceClient:
    """A context manager. Give an `http` client of your own to reach a service in this process."""

    def __init__(self, url: str, http: httpx.Client | None = None) -> None:
        """Raises ValueError when the address is not one of a service."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of a service: https://HOST")
        self.origin, self._domain = f"{parts.scheme}://{parts.netloc}", parts.netloc
        self._http = http or httpx.Client(base_url=self.origin, timeout=_TIMEOUT_SECONDS)
        self._http.headers["Origin"] = self.origin

    def sign_in(self, account: LocalAccount, guardian_account: str | None = None) -> None:
        """A session of this account, or of the guardian account whose acting key it is (ERC-4361).

        Raises ServiceRefused, ServiceUnreachable.
        """
        asked = self.post("/v1/signin/nonce")
        if asked["domain"] != self._domain:
            # Somebody could pass on a sign-in to another service.
            raise ServiceRefused(
                400,
                "domain",
                f"the service at {self.origin} wants a sign-in to {asked['domain']}; use the"
                " address under which it is known",
            )
        message = SiweMessage(
            domain=self._domain,
            address=guardian_account or account.address,
            uri=asked["uri"],
            version="1",
            chain_id=asked["chain_id"],
            nonce=asked["nonce"],
            issued_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            statement="Sign in to Assent.",
        ).prepare_message()
        signature = bytes(account.sign_message(encode_defunct(text=message)).signature)
        if guardian_account is not None:
            signature = approved_text(message, signature)
        said = {"message": message, "signature": "0x" + signature.hex()}
        self.post("/v1/signin/ethereum", said)

    def get(self, path: str, **query: str | int) -> Any:
        """The answer's JSON. Raises ServiceRefused, ServiceUnreachable, as all these."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> Any:
        """As `get`."""
        return self._ask("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """As `get`."""
        return self._ask("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """As `get`."""
        self._ask("DELETE", path)

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """Every item of a list, page by page."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["after"] = page["next"]

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            with self._http.stream(method, path, **options) as answer:
                status, body = answer.status_code, self._body(answer)
            if status == 204:
                return None
            found = json.loads(body)
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise ServiceUnreachable(
                f"the service at {self.origin} does not answer ({type(error).__name__})"
            ) from None
        if status < 400:
            return found
        if not isinstance(found, dict):
            raise ServiceUnreachable(f"what answers at {self.origin} is not the service")
        code = str(found.get("code", status))
        told = [found.get("title"), found.get("detail"), found.get("fix")]
        said = ". ".join(str(one).rstrip(".") for one in told if one)
        raise ServiceRefused(status, code, f"{said}.")

    def _body(self, answer: httpx.Response) -> bytearray:
        refusal = ServiceUnreachable(
            f"the service at {self.origin} answers with over {_MOST_ANSWERED >> 20} MiB"
        )
        return read_up_to(_MOST_ANSWERED, answer.iter_bytes(), refusal)
