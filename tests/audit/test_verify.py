"""The verifier on real studies: an honest one holds, a lie that the contracts cannot see fails."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from audit import canonical_json
from audit.cid import sha256
from audit.privacy import epsilon_bun_steinke, epsilon_canonne_kamath_steinke
from audit.report import Kind, Report
from audit.verify import verify_folder
from chain.events import Granted
from chain.messages import LateRevocation, Purpose
from tests.audit.conftest import Written
from tests.audit.real_study import RealStudy
from tests.world import PURPOSES, World


def test_a_real_bundle_holds_against_the_trusted_block(written: Written) -> None:
    report = verify_folder(written.folder, written.trust_block)
    assert [check for check in report.checks if not check.ok] == []
    assert report.exit_code == 0
    assert report.trusted
    states = [summary.state for summary in report.rounds]
    assert states == ["closed", "aborted", "closed", "aborted", "closed"]
    assert [summary.reason for summary in report.rounds if summary.reason] == [
        "consent_changed",
        "coordinator",
    ]


def test_the_report_says_what_is_attested_and_up_to_when_it_holds(written: Written) -> None:
    report = verify_folder(written.folder, written.trust_block)
    attested = {check.name for check in report.checks if check.kind is Kind.ATTESTED}
    assert attested == {"consents", "committee", "challenge", "outcome.vector-link"}
    value: dict[str, Any] = report.to_json()
    assert value["holds_until"]["hash"] == "0x" + written.trust_block.hex()
    assert value["holds_until"]["time"] == report.block_time
    assert canonical_json.loads(canonical_json.dumps(value)) == value
    assert {row[0] for row in report.table()} == {"ok"}


def test_the_report_says_what_rounds_cost_as_rho_and_as_epsilon(written: Written) -> None:
    """At the delta of the terms in force, each and in total; a round never sealed costs nothing."""
    report = verify_folder(written.folder, written.trust_block)
    value: dict[str, Any] = report.to_json()
    total, rounds = value["privacy"], value["rounds"]
    spent = [one["epsilon_spent"] for one in rounds if one["epsilon_spent"]]
    assert spent == sorted(set(spent)), "each sealed round adds to it"
    assert [one["number"] for one in rounds if not one["epsilon_spent"]] == [4]
    assert spent[-1] == total["epsilon"] < total["epsilon_ceiling"]
    assert rounds[-1]["rho_spent"] == total["rho_spent"]
    rho = int(total["rho_spent"]) / 10**18
    looser = epsilon_bun_steinke(rho, total["delta"])
    assert epsilon_canonne_kamath_steinke(rho, total["delta"]) <= total["epsilon"] < looser
    assert [one["number"] for one in rounds if one["retired"]] == [3]


def test_a_fault_on_record_is_told_and_one_that_is_not_fails(
    contested: Written,
) -> None:
    report = verify_folder(contested.folder, contested.trust_block)
    (fault,) = [check for check in report.checks if check.kind is Kind.FAULT]
    assert (fault.name, fault.ok) == ("challenge", True)
    assert "on record, and barred for it" in fault.detail
    assert "a replay" in fault.object
    (failed_,) = report.failed
    assert failed_.name == "challenge"
    assert "not on record yet" in failed_.detail
    assert "receipt of token" in failed_.object
    (pending,) = [check for check in report.checks if check.kind is Kind.PENDING]
    assert (pending.name, pending.ok) == ("challenge", True)


def test_it_needs_no_network_torch_flower_or_web3(written: Written) -> None:
    """In a fresh process without sockets."""
    code = f"""
import socket, sys
def refuse(*_): raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from pathlib import Path
from audit.verify import verify_folder
report = verify_folder(Path({str(written.folder)!r}), bytes.fromhex({written.trust_block.hex()!r}))
heavy = {{"torch", "flwr", "web3", "fastapi", "requests"}} & set(sys.modules)
print(report.exit_code, sorted(heavy))
"""
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert answer.stdout.strip() == "0 []"


def failed(study: RealStudy, folder: Path) -> tuple[set[tuple[str, str]], Report]:
    report = verify_folder(folder, study.write(folder))
    return {(check.name, check.object) for check in report.checks if not check.ok}, report


def test_lies_that_the_contracts_accept_are_found(module_world: World, tmp_path: Path) -> None:
    """The ledger bounds a cohort by live tokens, and stores any checkpoint hash it is given."""
    study = RealStudy(module_world)
    sites = module_world.sites
    for site in sites:
        for _ in range(2):
            study.patient(site)
    study.patient(sites[0], purposes=Purpose.EVALUATION, disease=0)
    first = study.open()
    study.commit(first, sites[0], claimed=3)
    for site in sites[1:]:
        study.commit(first, site)
    study.seal(first)
    study.close(first)
    second = study.open()
    for site in sites:
        study.commit(second, site)
    study.seal(second)
    study.close(second, nudge=1e-12)
    study.round()
    found, _ = failed(study, tmp_path / "bundle")
    assert ("round.cohort", f"round 1, site {sites[0].address}, attempt 1") in found
    names = {name for name, _ in found}
    assert names == {"round.cohort", "outcome.checkpoint", "outcome.manifest-fields"}
    assert {place for name, place in found if name == "outcome.manifest-fields"} == {"round 2"}


def test_a_grant_that_a_site_has_serve_twice_is_found(module_world: World, tmp_path: Path) -> None:
    """The contract knows a record by the tag that its site signs, and so takes one grant twice."""
    study, world, holder = RealStudy(module_world), module_world, Account.create()
    enrolment = world.enrol(study.number, world.sites[0], holder.address, "a record")
    grant = world.grant_for(enrolment)
    retagged = dataclasses.replace(enrolment, record_tag=sha256(b"the same record, tagged anew"))
    first, second = (
        world.carry_grant(grant, holder, one).event(Granted).token_id
        for one in (enrolment, retagged)
    )
    world.revoke(first, holder)
    assert world.chain().consent.is_consent_active(second, PURPOSES, world.now)
    found, _ = failed(study, tmp_path / "bundle")
    assert found == {("consents.once", f"token {second}")}


@pytest.mark.parametrize("policy", list(LateRevocation), ids=lambda policy: policy.name.lower())
def test_deadlines_and_both_policies_for_late_revocations(
    world: World, tmp_path: Path, policy: LateRevocation
) -> None:
    """Late seals of some sites, a withdrawal after the commit deadline, aborts by deadline."""
    study = RealStudy(world, {"late_revocation": policy})
    sites = world.sites
    patients = {site.address: [study.patient(site) for _ in range(3)] for site in sites}
    first = study.open()
    for site in sites[:3]:
        study.commit(first, site)
    study.revoke(patients[sites[2].address].pop())
    world.pass_time(601)
    study.seal(first)
    if policy == LateRevocation.PROCEED:
        study.revoke(patients[sites[0].address].pop())
        study.close(first)
    else:
        study.revoke(patients[sites[0].address].pop())
        study.chain.ledger.abort(study.number, first)
    second = study.open()
    study.commit(second, sites[0])
    world.pass_time(1201)
    study.chain.ledger.abort(study.number, second)
    third = study.open()
    for site in sites:
        study.commit(third, site)
    study.seal(third)
    world.pass_time(2401)
    study.chain.ledger.abort(study.number, third)
    found, report = failed(study, tmp_path / "bundle")
    assert found == set()
    ends = [summary.reason or summary.state for summary in report.rounds]
    last = ["seal_deadline_passed", "close_deadline_passed"]
    first_end = "closed" if policy == LateRevocation.PROCEED else "consent_changed"
    assert ends == [first_end, *last]
    assert len(report.rounds[0].members) == 2
