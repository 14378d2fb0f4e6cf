"""Receipts for those who want them: encrypted to the key that each holder signed, and sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.chain import Chain
from chain.messages import ReceiptKey, RoundState
from chain.signed_act import SignedActInvalid
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.private_database import PrivateDatabase
from federation.gate.receipts import NoReceipt, RoundReceipts
from federation.gate.site import SiteConfig, connect
from study.receipt import Receipt
from study.receipt_envelope import seal
from study.service_client import ServiceClient
from study.statements import Statement, StatementRefused

FILE = "receipt-keys.db"
_NOT_OPEN = (RoundState.SEALED, RoundState.CLOSED, RoundState.ABORTED)
_KIND = 0x5A170006
_SCHEMA = """
CREATE TABLE newest (
    holder BLOB PRIMARY KEY CHECK (length(holder) = 20), issued_at INTEGER NOT NULL
) STRICT
"""


@dataclass
class Sent:
    """What was done. `refused`: tokens whose receipt key is not signed by their holder, and why;
    `without`: rounds for which there is nothing to send, and why.
    """

    receipts: int = 0
    held: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    without: dict[int, str] = field(default_factory=dict)


def send_receipts(folder: Path, service: ServiceClient) -> Sent:
    """Sends every receipt that the service does not hold yet, of rounds that are sealed or over: no
    other commitment can follow in them.

    The service says who wants receipts; by whom each key is signed is checked here. May be
    repeated, and goes on where it was cut off.

    Raises:
        ServiceRefused, ServiceUnreachable, chain.errors.ChainError, SiteFolderInvalid,
        PrivateFileUnsafe, KeyFolderInvalid, DatabaseUnusable
    """
    config = SiteConfig.load(folder)
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(Journal.open(folder / "state.db")) as journal,
        closing(NewestKeys(folder / FILE)) as newest,
    ):
        chain = connect(folder, config)
        rounds = _Rounds(keys, journal, chain, config.study_id)
        service.sign_in(keys.account)
        sent = Sent()
        for wanted in service.pages("/v1/receipts/wanted", study_id=config.study_id):
            _send(wanted, chain, rounds, newest, service, sent)
        sent.without = rounds.without
        return sent


def _send(
    wanted: dict[str, Any],
    chain: Chain,
    rounds: _Rounds,
    newest: NewestKeys,
    service: ServiceClient,
    sent: Sent,
) -> None:
    token, held = int(wanted["token_id"]), set(wanted["held"])
    try:
        key = _key_of_holder(wanted["receipt_key"], chain, token)
        newest.note(key)
    except (StatementRefused, SignedActInvalid) as error:
        sent.refused[token] = str(error)
        return
    for number, receipt in rounds.receipts(token):
        if number in held:
            sent.held += 1
            continue
        sealed = seal(receipt.to_bytes(), key.x25519, chain.consent.domain, token, number)
        body = {"x25519": "0x" + key.x25519.hex(), "sealed": "0x" + sealed.hex()}
        service.put(f"/v1/receipts/{token}/{number}", body)
        sent.receipts += 1


def _key_of_holder(raw: Any, chain: Chain, token: int) -> ReceiptKey:
    said = Statement.parse(raw, ReceiptKey)
    holder = chain.consent.consent(token).holder
    if said.message.holder != holder:
        raise StatementRefused(f"the ReceiptKey is of {said.message.holder}, not of {holder}")
    said.require_of(chain, holder)
    return said.message


class NewestKeys:
    """When the newest key that this site has seen of each holder was issued.

    A service that brings back a key which its holder has replaced, perhaps since somebody has it,
    is found out. Raises PrivateFileUnsafe, DatabaseUnusable: on opening.
    """

    def __init__(self, path: Path) -> None:
        self._database = PrivateDatabase(path, _SCHEMA, _KIND)

    def note(self, key: ReceiptKey) -> None:
        """Remembers a key that is signed. Raises StatementRefused: a later one was seen."""
        holder = bytes.fromhex(key.holder[2:])
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO newest VALUES (?, ?) ON CONFLICT (holder) DO UPDATE"
                " SET issued_at = max(issued_at, excluded.issued_at)",
                (holder, key.issued_at),
            )
            asked = "SELECT issued_at FROM newest WHERE holder = ?"
            newest = connection.execute(asked, (holder,)).fetchone()["issued_at"]
        if newest > key.issued_at:
            raise StatementRefused("the holder has replaced this ReceiptKey by a later one")

    def close(self) -> None:
        self._database.close()


class _Rounds:
    """Trees of the rounds whose commitments are final, each made once."""

    def __init__(self, keys: SiteKeys, journal: Journal, chain: Chain, study_id: int) -> None:
        self.without: dict[int, str] = {}
        self._made: dict[int, RoundReceipts] = {}
        for number in range(1, chain.ledger.round_count(study_id) + 1):
            if chain.ledger.round(study_id, number).state not in _NOT_OPEN:
                continue
            try:
                self._made[number] = RoundReceipts(keys, journal, chain, study_id, number)
            except NoReceipt as error:
                self.without[number] = str(error)

    def receipts(self, token: int) -> Iterator[tuple[int, Receipt]]:
        for number, made in self._made.items():
            try:
                yield number, made.of(token)
            except NoReceipt:
                continue  # granted later, as the chain itself shows
