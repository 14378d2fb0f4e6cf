"""Showing a reviewer which tokens this site admitted to a round."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.messages import ReceiptKey
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.receipts import RoundReceipts
from federation.gate.site import SiteConfig, connect
from study.disclosure_envelope import seal_disclosure
from study.statements import Statement, StatementRefused


@dataclass(frozen=True)
class Disclosed:
    """`sealed`: the file's bytes; `tokens`: how many leaves it opens, for which reviewer."""

    sealed: bytes
    tokens: int
    reviewer: str


def disclose_to(folder: Path, number: int, statement: Any) -> Disclosed:
    """A round's cohort, encrypted to the key that a reviewer of the study has signed.

    Args:
        statement: the JSON of a `study.statements.Statement` of a ReceiptKey.

    Raises:
        StatementRefused: the key is not signed, or not by a reviewer of this site's study.
        SignedActInvalid, NoReceipt, chain.errors.ChainError, SiteFolderInvalid,
        PrivateFileUnsafe, KeyFolderInvalid, DatabaseUnusable
    """
    config = SiteConfig.load(folder)
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(Journal.open(folder / "state.db")) as journal,
    ):
        chain = connect(folder, config)
        said = Statement.parse(statement, ReceiptKey)
        reviewer = said.message.holder
        said.require_of(chain, reviewer)
        if not chain.registry.is_reviewer(config.study_id, reviewer):
            raise StatementRefused(f"{reviewer} is no reviewer of study {config.study_id}")
        found = RoundReceipts(keys, journal, chain, config.study_id, number).disclosure()
    return Disclosed(seal_disclosure(found, said.message.x25519), len(found.leaves), reviewer)
