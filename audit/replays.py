"""What a site says of a replay of its part of a round, signed by its account.

Canonical JSON (RFC 8785): {"report": {"schema": "assent-replay-1", ...}, "signature": "0x..."}; the
signature is EIP-712, `chain.messages.Replayed`, over the SHA-256 of the report's canonical JSON, in
the ConsentToken's domain. A report holds hashes, numbers of the approved app's vectors and facts
about a machine, and nothing of any record.

It is the site's word: whoever reads it has not recomputed anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_account.signers.local import LocalAccount

from audit import canonical_json, fields
from audit.errors import AuditError, ReplayInvalid
from chain.messages import Domain, Replayed, recover

SCHEMA = "assent-replay-1"
MAX_BYTES = 1 << 20


class Verdict(StrEnum):
    """What came of a replay."""

    REPLAYED = "replayed"
    """Commitment and masked vector came out again, bit for bit."""
    DIFFERS = "differs"
    NOT_REPLAYABLE = "not replayable"
    """A piece is missing; nothing was compared."""


class Part(StrEnum):
    """Where a replay can differ."""

    ROWS = "rows"
    SUM = "sum"
    NOISE = "noise"
    MASK = "mask"


@dataclass(frozen=True)
class Difference:
    """`count` rows, or numbers, of a part differ; by `largest` grid steps at most, None when it is
    not known.
    """

    part: Part
    count: int
    largest: int | None


@dataclass(frozen=True)
class ReplayReport:
    """One replay. Hashes have 32 bytes, `replayed_at` is in seconds since 1970.

    Attributes:
        then, now: facts of the environment (`federation.app.environment`) of the round and of the
            replay; `then` is None when it was not kept.
        committed, recomputed: the salted hash of the noised vector, on chain and as it came out.
        delivered, masked: the 32 bytes that name the masked vector (`audit.cid.digest_of`), as it
            was delivered and as it came out.
        missing: the piece without which there is no replay; "" when there was one.
        differences: by part, when something differs.
    """

    chain_id: int
    ledger: str
    study: int
    round_number: int
    site: str
    attempt: int
    then: dict[str, Any] | None
    now: dict[str, Any]
    committed: bytes
    recomputed: bytes | None
    delivered: bytes | None
    masked: bytes | None
    missing: str
    differences: tuple[Difference, ...]
    replayed_at: int

    @property
    def verdict(self) -> Verdict:
        """A missing piece is never a pass, and nor is a hash that is not there."""
        if self.missing or None in (self.recomputed, self.delivered, self.masked):
            return Verdict.NOT_REPLAYABLE
        same = self.recomputed == self.committed and self.masked == self.delivered
        return Verdict.REPLAYED if same else Verdict.DIFFERS

    @property
    def changed(self) -> tuple[str, ...]:
        """What of the environment is not as it was at the round, e.g. `libraries.torch.version`."""
        return tuple(_changes(self.then, self.now, "")) if self.then is not None else ()

    def to_json(self) -> dict[str, Any]:
        """As the report's canonical JSON has it."""
        return {
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "ledger": self.ledger,
            "study": self.study,
            "round": self.round_number,
            "site": self.site,
            "attempt": self.attempt,
            "environment": {"then": self.then, "now": self.now},
            "commitment": {"then": _hex(self.committed), "now": _hex(self.recomputed)},
            "masked": {"then": _hex(self.delivered), "now": _hex(self.masked)},
            "verdict": self.verdict.value,
            "missing": self.missing,
            "differences": [
                {
                    "part": one.part.value,
                    "count": one.count,
                    "largest": None if one.largest is None else str(one.largest),
                }
                for one in self.differences
            ],
            "replayed_at": self.replayed_at,
        }

    @classmethod
    def of_json(cls, raw: Any) -> ReplayReport:
        """What `to_json` gave. Raises ReplayInvalid for anything else."""
        try:
            made = cls._read(raw)
            verdict = raw["verdict"]
        except (AuditError, fields.FieldInvalid, RecursionError) as error:
            raise ReplayInvalid(f"it is no report of a replay: {error}") from error
        if verdict != made.verdict:
            raise ReplayInvalid(f"it says {str(verdict)[:40]!r}, its own hashes {made.verdict!r}")
        return made

    @property
    def digest(self) -> bytes:
        """SHA-256 of its canonical JSON. Raises NotCanonical."""
        return hashlib.sha256(canonical_json.dumps(self.to_json())).digest()

    @property
    def message(self) -> Replayed:
        """What the site's account signs."""
        return Replayed(self.study, self.round_number, self.site, self.digest)

    @classmethod
    def _read(cls, raw: Any) -> ReplayReport:
        names = ("schema", "chain_id", "ledger", "study", "round", "site", "attempt", "verdict")
        more = ("environment", "commitment", "masked", "missing", "differences", "replayed_at")
        fields.members(raw, (*names, *more), "the report")
        if raw["schema"] != SCHEMA:
            raise fields.FieldInvalid(f"schema must be {SCHEMA!r}")
        for name in ("environment", "commitment", "masked"):
            fields.members(raw[name], ("then", "now"), name)
        committed, masked = raw["commitment"], raw["masked"]
        then, now = raw["environment"]["then"], raw["environment"]["now"]
        if not isinstance(now, dict) or not isinstance(then, dict | None):
            raise fields.FieldInvalid("environment must hold objects")
        return cls(
            fields.integer(raw["chain_id"], "chain_id", 1),
            fields.address(raw["ledger"], "ledger"),
            fields.integer(raw["study"], "study", 1),
            fields.integer(raw["round"], "round", 1, 2**32 - 1),
            fields.address(raw["site"], "site"),
            fields.integer(raw["attempt"], "attempt", 1, 2**32 - 1),
            then,
            now,
            fields.bytes32(committed["then"], "commitment.then"),
            _optional(committed["now"], "commitment.now"),
            _optional(masked["then"], "masked.then"),
            _optional(masked["now"], "masked.now"),
            _plain_text(raw["missing"], "missing"),
            fields.array(raw["differences"], "differences", _difference, len(Part)),
            fields.integer(raw["replayed_at"], "replayed_at"),
        )


@dataclass(frozen=True)
class SignedReplay:
    """A report and who signed it; `file_hash` is what an answer to a challenge has on chain."""

    report: ReplayReport
    signature: bytes

    @classmethod
    def sign(cls, report: ReplayReport, domain: Domain, key: LocalAccount) -> SignedReplay:
        """Signed by the site's account; ``domain`` is `chain.messages.consent_domain`."""
        return cls(report, report.message.sign(key, domain))

    def signer(self, domain: Domain) -> str:
        """The account whose signature it is. Raises ValueError when it is no signature."""
        return recover(self.report.message.digest(domain), self.signature)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(
            {"report": self.report.to_json(), "signature": fields.hex_of(self.signature)}
        )

    @property
    def file_hash(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).digest()

    @classmethod
    def parse(cls, data: bytes) -> SignedReplay:
        """What `to_bytes` gave. Raises ReplayInvalid for anything else."""
        try:
            if len(data) > MAX_BYTES:
                raise fields.FieldInvalid(f"it has more than {MAX_BYTES} bytes")
            raw = canonical_json.loads(data, "a replay's report")
            fields.members(raw, ("report", "signature"), "the file")
            signature = fields.hexadecimal(raw["signature"], "signature")
        except (AuditError, fields.FieldInvalid) as error:
            raise ReplayInvalid(f"it is no report of a replay: {error}") from error
        return cls(ReplayReport.of_json(raw["report"]), signature)


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else fields.hex_of(digest)


def _plain_text(value: Any, where: str) -> str:
    """A line that a terminal shows as it is; it may be empty."""
    if value == "":
        return ""
    if not fields.text(value, where, 400).isprintable():
        raise fields.FieldInvalid(f"{where} must be printable")
    return str(value)


def _optional(value: Any, where: str) -> bytes | None:
    return None if value is None else fields.bytes32(value, where)


def _difference(value: Any, where: str) -> Difference:
    fields.members(value, ("part", "count", "largest"), where)
    if value["part"] not in list(Part):
        raise fields.FieldInvalid(f"{where}.part must be one of {', '.join(Part)}")
    largest = value["largest"]
    return Difference(
        Part(value["part"]),
        fields.integer(value["count"], f"{where}.count", 1),
        None if largest is None else fields.decimal(largest, f"{where}.largest"),
    )


def _changes(then: Any, now: Any, path: str) -> list[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            line
            for name in sorted(then.keys() | now.keys())
            for line in _changes(then.get(name), now.get(name), f"{path}.{name}".lstrip("."))
        ]
    return [] if then == now and type(then) is type(now) else [path]
