"""A signed act survives its file, and nothing else passes for one."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chain.messages import (
    Approval,
    Challenge,
    Domain,
    Enrolment,
    Grant,
    Readmission,
    Replacement,
    Resumption,
    Revocation,
    Rollback,
    Suspension,
    consent_domain,
    language_tag,
    ledger_domain,
    registry_domain,
    token_id,
)
from chain.signed_act import (
    Act,
    SignedAct,
    SignedActInvalid,
    replace_reviewer,
    resume,
    roll_back,
)
from chain.solidity import camel
from tests.world import World

KEY = Account.from_key(bytes([7]) * 32)
SITE = "0x" + "22" * 20
CONTRACT = "0x" + "11" * 20
CONSENT, REGISTRY = consent_domain(31337, CONTRACT), registry_domain(31337, CONTRACT)
LEDGER = ledger_domain(31337, CONTRACT)
GRANT = Grant(
    study_id=1,
    terms_hash=bytes(range(32)),
    site=SITE,
    holder=KEY.address,
    purposes=1 << 7 | 1 << 48,
    disease=11382,
    use_start=1,
    use_end=2,
    data_start=3,
    data_end=4,
    record_commitment=bytes([5]) * 32,
    consent_text_hash=bytes([6]) * 32,
    language=language_tag("en"),
    revocation_counter=7,
    deadline=8,
)
ENROLMENT = Enrolment(
    study_id=1,
    site=SITE,
    holder=KEY.address,
    record_tag=bytes([1]) * 32,
    record_commitment=bytes([5]) * 32,
    issued_at=2,
    deadline=9,
)
MESSAGES: list[tuple[Act, Domain]] = [
    (Approval(1, 2, *(bytes([n]) * 32 for n in (9, 10, 11, 12)), 13), REGISTRY),
    (Suspension(1, 3), REGISTRY),
    (Resumption(1, 4), REGISTRY),
    (Replacement(1, 2, SITE, KEY.address), REGISTRY),
    (Readmission(1, SITE, 6), LEDGER),
    (Rollback(1, 4, 2), LEDGER),
    (Challenge(1, 6, SITE, token_id(1, SITE, 5)), LEDGER),
    (Revocation(token_id(1, SITE, 5)), CONSENT),
    (GRANT, CONSENT),
]


def signed(message: Act, domain: Domain) -> SignedAct:
    if isinstance(message, Grant):
        signature = ENROLMENT.sign(KEY, domain)
        return SignedAct.sign(message, domain, KEY, ENROLMENT, signature)
    return SignedAct.sign(message, domain, KEY)


ACTS = [signed(*one) for one in MESSAGES]


def name_of(act: SignedAct) -> str:
    return type(act.message).__name__


@pytest.mark.parametrize("act", ACTS, ids=name_of)
def test_an_act_survives_its_file(act: SignedAct, tmp_path: Path) -> None:
    path = tmp_path / "act.json"
    act.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SignedAct.load(path) == act
    with pytest.raises(FileExistsError):
        act.save(path)


@pytest.mark.parametrize("act", ACTS, ids=name_of)
def test_every_member_that_is_removed_renamed_or_mistyped_is_refused(act: SignedAct) -> None:
    whole = act.to_json()
    for place in places(whole):
        for change in ("remove", "rename", "mistype"):
            altered = copy.deepcopy(whole)
            holder: Any = altered
            for step in place[:-1]:
                holder = holder[step]
            value = holder[place[-1]]
            if change == "mistype":
                holder[place[-1]] = None
            elif isinstance(holder, list):
                del holder[place[-1]]
            else:
                del holder[place[-1]]
                if change == "rename":
                    holder["unknown"] = value
            with pytest.raises(SignedActInvalid):
                SignedAct.parse(json.dumps(altered).encode())


@pytest.mark.parametrize("act", ACTS, ids=name_of)
def test_a_changed_value_gives_another_act_or_is_refused(act: SignedAct) -> None:
    whole = act.to_json()
    for place in places(whole):
        altered = copy.deepcopy(whole)
        holder: Any = altered
        for step in place[:-1]:
            holder = holder[step]
        value = holder[place[-1]]
        if isinstance(value, dict | list):
            continue
        text = str(value)
        holder[place[-1]] = text[:-1] + ("1" if text[-1] != "1" else "2")
        try:
            assert SignedAct.parse(json.dumps(altered).encode()) != act, place
        except SignedActInvalid:
            continue


def test_an_act_for_another_contract_is_not_carried(world: World) -> None:
    for act in ACTS:
        with pytest.raises(SignedActInvalid, match="on chain"):
            act.carry(world.chain())


def test_resumptions_must_be_of_one_suspension(world: World) -> None:
    domain = world.chain().registry.domain
    one, other = (SignedAct.sign(Resumption(1, n), domain, KEY) for n in (1, 2))
    for acts in ([one, other], [], [SignedAct.sign(Suspension(1, 1), domain, KEY)]):
        with pytest.raises(SignedActInvalid, match="not Resumptions that say the same"):
            resume(world.chain(), acts)
    with pytest.raises(SignedActInvalid, match="not Replacements that say the same"):
        replace_reviewer(world.chain(), [one])
    with pytest.raises(SignedActInvalid, match="not Rollbacks that say the same"):
        roll_back(world.chain(), [one])


def test_an_enrolment_that_says_something_else_than_the_grant_is_refused() -> None:
    others = {
        "study_id": 2,
        "site": KEY.address,
        "holder": SITE,
        "record_commitment": bytes([4]) * 32,
    }
    for name, value in others.items():
        enrolment = dataclasses.replace(ENROLMENT, **{name: value})
        act = SignedAct.sign(GRANT, CONSENT, KEY, enrolment, enrolment.sign(KEY, CONSENT))
        with pytest.raises(SignedActInvalid, match=f"another {camel(name)} than the grant"):
            SignedAct.parse(json.dumps(act.to_json()).encode())


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member and element."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*at, key)
            yield from places(item, (*at, key))
