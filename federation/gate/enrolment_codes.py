"""One-time codes that this site has given to patients, until they are used or expire."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.app.chain_facts import issue_time
from federation.gate.keys import SiteKeys
from federation.gate.private_database import PrivateDatabase
from federation.gate.site import SiteConfig, connect
from study.enrolment_code import EnrolmentCode
from study.enrolment_file import EnrolmentFile
from study.service_client import ServiceClient, ServiceRefused

FILE = "enrolment-codes.db"
_DAY = 24 * 3600
_KIND = 0x5A170005
_SCHEMA = """
CREATE TABLE codes (
    locator BLOB PRIMARY KEY CHECK (length(locator) = 32),
    secret BLOB NOT NULL CHECK (length(secret) = 16),
    record_id TEXT NOT NULL,
    days INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True)
class KeptCode:
    """A code, whose record it is for, and for how many days its enrolment shall be good."""

    code: EnrolmentCode
    record_id: str
    days: int


@dataclass(frozen=True)
class Collected:
    """What became of one claim. `holder` None: the claim was not made with the code."""

    record_id: str
    holder: str | None


class EnrolmentCodes:
    """Raises PrivateFileUnsafe, DatabaseUnusable: on opening."""

    def __init__(self, path: Path) -> None:
        self._database = PrivateDatabase(path, _SCHEMA, _KIND)

    def add(self, kept: KeptCode, expires_at: int) -> None:
        """Remember a code before anybody hears of it; `expires_at` in seconds since 1970."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM codes WHERE expires_at <= ?", (int(time.time()),))
            connection.execute(
                "INSERT INTO codes VALUES (?, ?, ?, ?, ?)",
                (kept.code.locator, kept.code.secret, kept.record_id, kept.days, expires_at),
            )

    def find(self, locator: bytes) -> KeptCode | None:
        """The code with a locator, unless it has expired: a service does not say for how long."""
        query = "SELECT * FROM codes WHERE locator = ? AND expires_at > ?"
        row = self._database.row(query, locator, int(time.time()))
        if row is None:
            return None
        return KeptCode(EnrolmentCode(bytes(row["secret"])), row["record_id"], row["days"])

    def forget(self, locator: bytes) -> None:
        """A code is used or void."""
        self._forget("DELETE FROM codes WHERE locator = ?", locator)

    def forget_record(self, record_id: str) -> None:
        """Every code for a record."""
        self._forget("DELETE FROM codes WHERE record_id = ?", record_id)

    def close(self) -> None:
        self._database.close()

    def _forget(self, statement: str, value: bytes | str) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, (value,))
        self._database.forget_old_pages()


def offer(
    folder: Path, record_id: str, days: int, hours: int, service: ServiceClient
) -> EnrolmentCode:
    """Makes a code for a record and offers it at the service, which hears its locator alone.

    Args:
        days: how long the enrolment may be used once it is made.
        hours: how long the code may be used.

    Raises:
        ServiceRefused, ServiceUnreachable, PrivateFileUnsafe, DatabaseUnusable, KeyFolderInvalid
    """
    config, code = SiteConfig.load(folder), EnrolmentCode.make()
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(EnrolmentCodes(folder / FILE)) as codes,
    ):
        keys.record_salt(record_id)
        service.sign_in(keys.account)
        codes.add(KeptCode(code, record_id, days), int(time.time()) + hours * 3600)
        service.post(
            "/v1/enrolments",
            {"locator": "0x" + code.locator.hex(), "study_id": config.study_id, "hours": hours},
        )
    return code


def offers(folder: Path, service: ServiceClient) -> list[dict[str, Any]]:
    """What waits at the service of this site's codes: record, state, holder, expires_at.

    Raises as `collect`.
    """
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(EnrolmentCodes(folder / FILE)) as codes,
    ):
        service.sign_in(keys.account)
        found = []
        for one in service.pages("/v1/enrolments"):
            kept = codes.find(bytes.fromhex(one["locator"][2:]))
            if kept is not None:
                shown = {name: one[name] for name in ("state", "holder", "expires_at")}
                found.append({"record": kept.record_id, **shown})
        return found


def collect(folder: Path, service: ServiceClient) -> list[Collected]:
    """Answers every claim that was made with a code of this site's; voids the others' offers.

    May be repeated: what was answered is not answered again.

    Raises:
        ServiceRefused, ServiceUnreachable, RecordSaltDestroyed, chain.errors.ChainError,
        PrivateFileUnsafe, DatabaseUnusable, KeyFolderInvalid
    """
    config = SiteConfig.load(folder)
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(EnrolmentCodes(folder / FILE)) as codes,
    ):
        service.sign_in(keys.account)
        chain, done = connect(folder, config), []
        domain = chain.consent.domain
        for one in list(service.pages("/v1/enrolments")):
            locator = bytes.fromhex(one["locator"][2:])
            kept = codes.find(locator)
            if one["state"] != "claimed" or kept is None:
                continue
            holder, claim = str(one["holder"]), bytes.fromhex(one["claim"][2:])
            if not kept.code.is_claim(claim, config.study_id, keys.public.account, holder):
                service.delete(f"/v1/enrolments/{one['locator']}")
                codes.forget(locator)
                done.append(Collected(kept.record_id, None))
                continue
            issued_at = issue_time(chain)
            deadline = max(issued_at, int(time.time())) + kept.days * _DAY
            enrolment, signature = keys.enrol(
                kept.record_id, holder, config.study_id, issued_at, deadline, domain
            )
            file = EnrolmentFile(domain.chain_id, domain.contract, enrolment, signature)
            sealed = kept.code.seal(file.to_bytes())
            try:
                service.put(
                    f"/v1/enrolments/{one['locator']}/answer", {"sealed": "0x" + sealed.hex()}
                )
            except ServiceRefused as error:
                if error.status != 404:  # it expired meanwhile
                    raise
            codes.forget(locator)
            done.append(Collected(kept.record_id, holder))
        return done
