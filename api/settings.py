"""The configuration: environment variables `ASSENT_API_...`; what is unsafe is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.webhooks.keys import WebhookKey
from chain.this_machine import is_this_machine

#: Exit status of a process that cannot work with its settings.
UNUSABLE = 2
DEFAULT_DATABASE = "sqlite:///assent-api.db"


class Settings(BaseSettings):
    """The service's configuration.

    Attributes:
        rpc_url: the chain's node, best one of the operator's own.
        deployment: deployment.json of the contracts.
        ipfs: multiaddr of the IPFS node's API, None: documents are not shown.
        database_url: SQLAlchemy URL, `sqlite:///PATH` or `postgresql+psycopg://...`.
        public_url: the origin under which browsers reach the service; sign-in is bound to it.
            Passkeys want a name there, such as localhost, not an IP address.
        host, port: where the web process listens. Other machines reach it through a proxy that
            speaks TLS; `public_url` is then the proxy's.
        trusted_proxies: addresses of proxies whose `X-Forwarded-For` is believed.
        relayer_key: key file (mode 0600) of the account that pays for relayed acts; None: nothing
            is relayed, the service only reads.
        webhook_keys: key files (mode 0600) under which webhooks' secrets are kept in the database:
            the first is for what is written, the others still open what was. None: no webhooks.
        cors_origins: origins of other pages that may call it with a session; each spelled out.
        session_minutes: how long a sign-in lasts.
        nonce_minutes: how long a sign-in may take.
        unused_passkey_days: after so many days a registered passkey is forgotten that has neither
            signed in nor belongs to a consent or an enrolment.
        acts_per_hour: signed acts that one address may have relayed (revocations not counted).
        requests_per_minute: of one client (IPv4 address, or /64 network of IPv6).
        max_body_bytes: longest request body.
        max_lag_blocks: how far the index may be behind before `/readyz` fails.
        worker_niceness: by how much the worker's priority is lower (POSIX nice, 0 to 19): whoever
            brings an act waits for the web process, and nobody for the worker.
        bundle_folder: where evidence bundles are kept (made with mode 0700).
        bundle_days: for how long a bundle can be downloaded.
        max_bundle_bytes: a larger bundle is not gathered here; `assent study bundle` still does.
    """

    model_config = SettingsConfigDict(
        env_prefix="ASSENT_API_", env_nested_delimiter=None, extra="forbid", frozen=True
    )

    rpc_url: HttpUrl
    deployment: Path
    ipfs: str | None = None
    database_url: SecretStr = SecretStr(DEFAULT_DATABASE)
    public_url: HttpUrl = HttpUrl("http://localhost:8800")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8800
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    relayer_key: Path | None = None
    webhook_keys: Annotated[tuple[Path, ...], NoDecode] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    session_minutes: Annotated[int, Field(ge=1, le=720)] = 30
    nonce_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    unused_passkey_days: Annotated[int, Field(ge=1, le=366)] = 30
    acts_per_hour: Annotated[int, Field(ge=1)] = 20
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    max_lag_blocks: Annotated[int, Field(ge=1)] = 12
    worker_niceness: Annotated[int, Field(ge=0, le=19)] = 5
    bundle_folder: Path = Path("assent-bundles")
    bundle_days: Annotated[int, Field(ge=1, le=3650)] = 30
    max_bundle_bytes: Annotated[int, Field(ge=1_048_576)] = 268_435_456

    @property
    def origin(self) -> str:
        """`public_url` without path, as browsers send it in `Origin`."""
        return str(self.public_url).rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether it is reached on this machine alone."""
        return is_this_machine(urlsplit(self.origin).hostname or "")

    @property
    def domain(self) -> str:
        """Host and port of `public_url`: the domain that sign-in messages name (ERC-4361)."""
        return urlsplit(self.origin).netloc

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("cors_origins", "trusted_proxies", "webhook_keys"):
            listed = values.get(name)
            if isinstance(listed, str):
                values[name] = tuple(one.strip() for one in listed.split(",") if one.strip())
        return values

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> Self:
        _require_safe_origin("public_url", self.origin)
        for origin in self.cors_origins:
            _require_safe_origin("cors_origins", origin)
        if not is_this_machine(self.host) and not self.origin.startswith("https:"):
            raise ValueError(
                f"host: {self.host} is reachable from elsewhere, and public_url is not https; put"
                " a proxy that speaks TLS in front, and name its address as public_url"
            )
        if not self.deployment.is_file():
            raise ValueError(f"deployment: there is no file {self.deployment}")
        if self.relayer_key is not None:
            _require_private("relayer_key", self.relayer_key)
        for path in self.webhook_keys:
            _require_private("webhook_keys", path)
            try:
                WebhookKey.load(path)
            except ValueError as error:
                raise ValueError(f"webhook_keys: {path}: {error}") from None
        url = self.database_url.get_secret_value()
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError(
                "database_url: sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME is supported"
            )
        return self


class SettingsRefused(Exception):
    """The environment's settings cannot be used; the message names each, and repeats no value."""


def read_settings() -> Settings:
    """The settings in the environment. Raises SettingsRefused."""
    try:
        return Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        raise SettingsRefused(refusal_of_settings(error)) from None


def refusal_of_settings(error: ValidationError) -> str:
    """One line for each setting that cannot be used; never its value, which may be a secret."""
    lines = []
    for one in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in one["loc"])
        reason = str(one["msg"]).removeprefix("Value error, ")
        lines.append(f"ASSENT_API_{name.upper()}: {reason}" if name else reason)
    return "The service was not started.\n" + "\n".join(lines)


def _require_safe_origin(name: str, origin: str) -> None:
    parts = urlsplit(origin)
    if "*" in origin or not parts.hostname:
        raise ValueError(f"{name}: {origin!r}: every origin is spelled out, there is no wildcard")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{name}: {origin!r} is no origin: scheme, host and port alone")
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not is_this_machine(parts.hostname):
        raise ValueError(
            f"{name}: {origin!r} is not https; only this machine itself may be reached without TLS"
        )


def _require_private(name: str, path: Path) -> None:
    try:
        found = path.stat()
    except OSError as error:
        raise ValueError(f"{name}: {path}: {error.strerror}") from None
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid != os.geteuid():
        raise ValueError(f"{name}: {path} is open to others; chmod 600 it, owned by yourself")
