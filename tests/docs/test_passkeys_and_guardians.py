"""docs/passkeys-and-guardians.md: its code runs, and says what the contracts say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from eth_account import Account

from chain.guardians import Quarter, Rotation
from chain.messages import signer_of_account
from stack.binaries import ROOT
from tests.docs.page import blocks, page
from tests.world import World

NAME = "passkeys-and-guardians.md"


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block, names)
    return names


def test_the_passkey_of_the_page_is_encoded_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert len(run(blocks(NAME, "python")[0])["signature"]) > 0


def test_a_hospital_enrols_only_accounts_that_end_in_time(world: World) -> None:
    may_enrol = run(blocks(NAME, "python")[1])["may_enrol"]
    chain, study = world.chain(), world.approved_study()
    parent, *guardians = (signer_of_account(Account.create().address) for _ in range(4))
    year = datetime.fromtimestamp(world.now, UTC).year + 2
    account = chain.guardian_accounts.create(study, Quarter(year, 2), parent, guardians)
    of_age = date(year - 18, 4, 2)
    assert may_enrol(chain, account.address, study, of_age)
    assert not may_enrol(chain, account.address, study, date(year - 18, 4, 1))
    assert not may_enrol(chain, account.address, study + 1, of_age)
    # Looks the same to whoever does not ask the factory.
    assert not may_enrol(_Pretending(chain), account.address, study, of_age)


class _Pretending:
    """A chain whose factory did not make the account."""

    def __init__(self, chain: Any) -> None:
        self.guardian_accounts = self
        self.account = chain.guardian_accounts.account

    def is_guardian_account(self, address: str) -> bool:
        return False


def test_the_type_that_guardians_sign_is_shown() -> None:
    members = ",".join(f"{m['type']} {m['name']}" for m in Rotation.type_members())
    assert f"`Rotation({members})`" in page(NAME)
