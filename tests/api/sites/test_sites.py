"""A site and a coordinator are told what the ledger would tell them, before they ask it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from api.index.state import study_state
from api.review.reading import looking
from api.sites.next_steps import Situation, next_steps
from chain.chain import Chain
from chain.errors import ContractRefused
from tests.api.review.serving import Served, serving
from tests.audit.acts import challenge
from tests.world import World

Told = dict[str, Any]


@pytest.fixture(scope="module")
def served(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    module_world.sites = module_world.sites[:2]
    with serving(module_world, Path(tmp_path_factory.mktemp("api"))) as found:
        yield found


def preflight(served: Served, study: int, account: LocalAccount) -> Told:
    served.index()
    found: Told = served.get(f"/v1/studies/{study}/preflight", account)
    return found


def failing(told: Told) -> dict[str, str]:
    return {one["name"]: one["found"] for one in told["checks"] if one["ok"] is False}


def progress(served: Served, study: int, number: int) -> Told:
    served.index()
    found: Told = served.get(f"/v1/studies/{study}/rounds/{number}/progress")
    return found


def states(told: Told) -> list[str]:
    return [one["state"] for one in told["sites"]]


def ready_study(world: World, **changes: Any) -> tuple[int, list[tuple[int, LocalAccount]]]:
    """A study, and one patient at each site."""
    study = world.approved_study(**changes)
    patients = []
    for site in world.sites:
        holder = Account.create()
        patients.append((world.give_consent(study, site, holder), holder))
    return study, patients


def agrees(chain: Chain, told: Told, act: str, caller: LocalAccount, *names: str) -> bool:
    """Whether the ledger would take an act now from this caller just when the service says so."""
    said = any(step["act"] == act and step["now"] and step["who"] in names for step in told["next"])
    ledger = chain.ledger
    data = ledger.call_data(act, told["study_id"], told["number"])
    call = {"from": caller.address, "to": ledger.address, "data": "0x" + data.hex()}
    try:
        chain.w3.eth.estimate_gas(call, "latest")  # type: ignore[arg-type]
    except ContractRefused:
        return not said
    return said


def consistent(served: Served, told: Told) -> None:
    """Sealing and ending, by the coordinator and by anybody, are as the ledger has them."""
    world = served.world
    chain = world.chain()
    for act in ("seal", "abort"):
        assert agrees(chain, told, act, world.coordinator, "coordinator", "anybody"), told["next"]
        assert agrees(chain, told, act, world.carrier, "anybody"), told["next"]


def test_an_account_registers_itself_with_the_call_that_it_is_given(served: Served) -> None:
    world = served.world
    newcomer = world.accounts[25]
    before = served.get(f"/v1/sites/{newcomer.address}")
    assert (before["registered"], before["studies"]) == (False, [])
    wanted = {
        "act": "register",
        "enrolment_key": Account.create().address,
        "noise_secret_hash": "0x" + "ab" * 32,
    }
    call = served.post("/v1/site-calls", newcomer, wanted).json()
    assert call["from"] == newcomer.address
    sent = {name: call[name] for name in ("from", "to", "data", "value")}
    w3 = world.chain().w3
    w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction(sent))  # type: ignore[arg-type]
    after = served.get(f"/v1/sites/{newcomer.address.lower()}")
    assert after["address"] == newcomer.address
    assert after["enrolment_key"] == wanted["enrolment_key"]
    assert after["noise_secret_hash"] == wanted["noise_secret_hash"]
    again = served.post("/v1/site-calls", newcomer, wanted)
    assert (again.status_code, again.json()["refusal"]) == (
        409,
        "registry-site-already-registered",
    )
    rotate = {"act": "rotate-enrolment-key", "enrolment_key": Account.create().address}
    assert served.post("/v1/site-calls", newcomer, rotate).status_code == 200
    assert served.post("/v1/site-calls", world.carrier, rotate).status_code == 409


def test_a_site_sees_which_studies_name_it(served: Served) -> None:
    world = served.world
    study, _ = ready_study(world)
    proposed = world.propose()
    served.index()
    told = served.get(f"/v1/sites/{world.sites[0].address}")
    by_study = {one["study_id"]: one for one in told["studies"]}
    assert by_study[study]["in_force"]
    assert (by_study[proposed]["in_force"], by_study[proposed]["newest_version"]) == (False, True)


def test_preflight_follows_the_chain_until_all_that_it_tells_is_well(served: Served) -> None:
    world = served.world
    site = world.sites[0]
    study = world.propose_after_registering(min_cohort=1)
    assert failing(preflight(served, study, site)) == {"study": "no version is approved yet"}
    world.approve(study)
    told = preflight(served, study, site)
    assert told["role"] == "site"
    assert failing(told) == {"cohort": "0 active consents; the study needs 1 at each site"}
    documents = next(one for one in told["checks"] if one["name"] == "documents")
    assert documents["ok"] is None  # this service has no IPFS node
    holder = Account.create()
    token = world.give_consent(study, site, holder)
    told = preflight(served, study, site)
    assert (told["ready"], failing(told)) == (True, {})
    assert "assent site preflight" in told["not_looked_at"]
    world.revoke(token, holder)
    assert "cohort" in failing(preflight(served, study, site))


def test_a_consent_that_ends_during_a_round_is_not_counted(served: Served) -> None:
    world = served.world
    study = world.approved_study()
    site = world.sites[0]
    world.give_consent(study, site, Account.create(), use_end=world.now + 600)
    assert "0 active" in failing(preflight(served, study, site))["cohort"]


def test_preflight_names_what_stops_a_study(served: Served) -> None:
    world = served.world
    study, _ = ready_study(world, rho_ceiling=600_000_000_000_000_000)
    number = world.open_round(study)
    for site in world.sites:
        world.commit(study, number, site)
    ledger = world.chain(world.coordinator).ledger
    ledger.seal(study, number)
    world.close(study, number)
    challenge(world, study, number, world.sites[0].address, 0, world.reviewers[0])
    world.chain(world.reviewers[0]).registry.suspend(study)
    found = failing(preflight(served, study, world.sites[0]))
    assert set(found) == {"study", "privacy budget", "challenges", "cohort"}
    assert "a replay" in found["challenges"]
    assert "challenges" not in failing(preflight(served, study, world.sites[1]))


def test_an_approval_that_ends_within_a_round_opens_none(served: Served) -> None:
    world = served.world
    study = world.propose_after_registering()
    world.approve(study, expires_at=world.now + 1200)  # a round takes 2400 s
    assert "approval lasts" in failing(preflight(served, study, world.coordinator))


def test_a_coordinator_sees_site_by_site_who_is_ready(served: Served) -> None:
    world = served.world
    study = world.approved_study()
    world.give_consent(study, world.sites[0], Account.create())
    told = preflight(served, study, world.coordinator)
    assert told["role"] == "coordinator"
    assert [(one["site"], one["ready"], one["cohort"]) for one in told["sites"]] == [
        (world.sites[0].address, True, 1),
        (world.sites[1].address, False, 0),
    ]
    assert failing(told) == {"enough sites": "1 of 2 sites are ready; a round needs 2"}
    world.give_consent(study, world.sites[1], Account.create())
    assert preflight(served, study, world.coordinator)["ready"]
    world.open_round(study)
    assert "no round under way" in failing(preflight(served, study, world.coordinator))


def test_who_has_no_part_has_no_preflight(served: Served) -> None:
    study = served.world.approved_study()
    served.index()
    for account in (served.world.carrier, served.world.reviewers[0], served.world.sponsor):
        answer = served.client.get(
            f"/v1/studies/{study}/preflight", headers=served.headers(account)
        )
        assert answer.status_code == 404


def test_a_round_is_told_step_by_step_as_the_ledger_would_have_it(served: Served) -> None:
    world = served.world
    study, patients = ready_study(world)
    first, second = world.sites
    number = world.open_round(study)
    told = progress(served, study, number)
    assert (states(told), told["missing"]) == (
        ["missing", "missing"],
        [first.address, second.address],
    )
    assert [one["act"] for one in told["deadlines"]] == ["commit", "seal", "delivery", "close"]
    assert 0 < told["deadlines"][0]["seconds_left"] <= 600
    consistent(served, told)

    world.commit(study, number, first)
    world.commit(study, number, second)
    told = progress(served, study, number)
    assert (states(told), told["missing"]) == (["committed", "committed"], [])
    consistent(served, told)

    world.give_consent(study, first, Account.create())
    world.revoke(*patients[0])
    told = progress(served, study, number)
    assert (states(told), told["missing"]) == (["out-of-date", "committed"], [first.address])
    consistent(served, told)

    world.commit(study, number, first)
    world.chain(world.coordinator).ledger.seal(study, number)
    told = progress(served, study, number)
    assert states(told) == ["sealed", "sealed"]
    assert {one["act"] for one in told["next"] if one["now"]} >= {"close", "abort"}
    consistent(served, told)

    world.close(study, number)
    told = progress(served, study, number)
    assert (told["state"], told["deadlines"]) == ("closed", [])
    assert [one["act"] for one in told["next"]] == ["challenge"]
    consistent(served, told)


def test_a_withdrawal_after_the_seal_lets_anybody_end_the_round(served: Served) -> None:
    world = served.world
    study, patients = ready_study(world)
    number = world.open_round(study)
    for site in world.sites:
        world.commit(study, number, site)
    world.chain(world.coordinator).ledger.seal(study, number)
    world.revoke(*patients[1])
    told = progress(served, study, number)
    assert ("close", False) in [(one["act"], one["now"]) for one in told["next"]]
    consistent(served, told)


def test_a_suspended_study_neither_seals_nor_closes(served: Served) -> None:
    world = served.world
    study, _ = ready_study(world)
    number = world.open_round(study)
    for site in world.sites:
        world.commit(study, number, site)
    world.chain(world.reviewers[0]).registry.suspend(study)
    told = progress(served, study, number)
    assert told["next"][0]["words"] == "Cannot be sealed: the study is suspended."
    consistent(served, told)


def test_as_deadlines_pass_others_may_act(served: Served) -> None:
    world = served.world
    study, _ = ready_study(world)
    number = world.open_round(study)
    world.commit(study, number, world.sites[0])
    served.index()
    with looking(served.service) as database:
        state = study_state(database, study)
    facts = state.history.rounds[number]
    terms = state.history.versions[1].terms
    both = frozenset(terms.sites)
    early = Situation(state, facts, terms, both - {terms.sites[1]}, facts.opened_at.time)

    def possible(situation: Situation, now: int) -> set[tuple[str, str]]:
        later = dataclasses.replace(situation, now=now)
        return {(one.act, one.who) for one in next_steps(later) if one.now}

    opened = facts.opened
    assert possible(early, opened.commit_deadline - 1) == {
        ("commit", "sites"),
        ("abort", "coordinator"),
    }
    assert possible(early, opened.commit_deadline) == {("abort", "coordinator")}
    enough = dataclasses.replace(early, current=both)
    assert possible(enough, opened.commit_deadline - 1) == {
        ("seal", "coordinator"),
        ("abort", "coordinator"),
    }
    assert possible(enough, opened.commit_deadline) == {
        ("seal", "anybody"),
        ("abort", "coordinator"),
    }
    assert possible(enough, opened.seal_deadline) == {("abort", "anybody")}


def test_a_round_that_is_not_is_not_found(served: Served) -> None:
    study = served.world.approved_study()
    served.index()
    for path in (f"/v1/studies/{study}/rounds/1/progress", "/v1/studies/999/rounds/1/progress"):
        assert served.client.get(path).status_code == 404
    assert served.client.get("/v1/sites/0x12").status_code == 422
