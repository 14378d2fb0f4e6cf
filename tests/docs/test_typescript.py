"""The app of docs/patient-app.md as its reader runs it: Node, viem, and the service on a chain."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from audit import cohort
from chain.messages import consent_domain, split_token_id
from stack.binaries import ROOT
from stack.ports import free_port
from stack.process import ProcessGroup
from stack.service import ServiceProcesses
from study.receipt import Receipt
from study.receipt_envelope import seal
from study.service_client import ServiceClient
from tests.audit.real_study import RealStudy
from tests.desk import Desk, desk
from tests.docs.page import blocks

__all__ = ["desk"]

PAGES = ROOT / "docs" / "typescript"
PATIENT_SECONDS = 120.0


@pytest.fixture
def service(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """Its address, as `assent serve` runs it."""
    if not (desk.folder / "service.key").exists():
        desk.write_key("service", desk.world.accounts[30])
    port = free_port()
    address = f"http://localhost:{port}"
    settings = {
        "RPC_URL": desk.world.rpc_url,
        "DEPLOYMENT": str(desk.deployment),
        "IPFS": desk.ipfs,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'service.db'}",
        "RELAYER_KEY": str(desk.folder / "service.key"),
        "PUBLIC_URL": address,
        "PORT": str(port),
    }
    environment = {f"ASSENT_API_{name}": value for name, value in settings.items()}
    processes = ServiceProcesses(environment, tmp_path / "logs", f"http://127.0.0.1:{port}")
    with ProcessGroup() as group:
        group.start(processes.web, processes.worker)
        processes.wait_until_answering()
        yield address
        group.check()


def wait_for(ask: Callable[[], Any], app: subprocess.Popen[str]) -> Any:
    deadline = time.monotonic() + PATIENT_SECONDS
    while (found := ask()) is None:
        assert app.poll() is None, app.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def receipt_of(study: RealStudy, round_: int, token: int) -> Receipt:
    """What the hospital, whose part the study played, can prove."""
    chain, (number, site, index) = study.chain, split_token_id(token)
    where = (chain.deployment.chain_id, chain.deployment.ledger, number, site, round_)
    kept = study.disclosures[round_, site, 1].leaves
    leaves = [
        cohort.leaf(*where, at, chain.consent.token_id_of(number, site, at), status, salt)
        for at, (status, salt) in enumerate(kept)
    ]
    status, salt = kept[index]
    return Receipt(
        where[0],
        where[1],
        token,
        round_,
        1,
        status,
        salt,
        len(kept),
        cohort.proof(leaves, index),
        cohort.root(leaves),
    )


def test_an_app_of_40_lines_goes_from_an_enrolment_to_a_checked_receipt(
    desk: Desk, service: str, tmp_path: Path
) -> None:
    study, patient = desk.real_study(), Account.create()
    site = desk.world.sites[0]
    for one in desk.world.sites:
        for _ in range(2):
            study.patient(one)
    folder = tmp_path / "app"
    folder.mkdir()
    for page in PAGES.iterdir():
        shutil.copy(page, folder)
    (folder / "node_modules").symlink_to(ROOT / "tests" / "viem" / "node_modules")
    shutil.copy(
        desk.write_enrolment(study.number, patient.address, "typescript"),
        folder / "enrolment.json",
    )
    shutil.copy(desk.deployment, folder / "deployment.json")
    variables = {
        "ASSENT_API": service,
        "ASSENT_RPC": desk.world.rpc_url,
        "PATIENT_KEY": "0x" + bytes(patient.key).hex(),
    }
    with (
        subprocess.Popen(
            [Path(sys.executable).with_name("node"), "consent.ts"],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as app,
        ServiceClient(service) as hospital,
    ):
        hospital.sign_in(site)

        def wanted() -> Any:
            found = list(hospital.pages("/v1/receipts/wanted", study_id=study.number))
            return found[0] if found else None

        asked = wait_for(wanted, app)
        token = int(asked["token_id"])
        x25519 = bytes.fromhex(asked["receipt_key"]["typed_data"]["message"]["x25519"][2:])
        # A grant says from when by the wall's clock, and the chain's may be some seconds behind.
        begins = study.chain.consent.consent(token).use_start
        desk.world.wait(max(0, begins - study.chain.head().timestamp))
        number = study.round()
        deployment = desk.world.deployment
        domain = consent_domain(deployment.chain_id, deployment.consent_token)
        sealed = seal(receipt_of(study, number, token).to_bytes(), x25519, domain, token, number)
        brought = {"x25519": "0x" + x25519.hex(), "sealed": "0x" + sealed.hex()}
        hospital.put(f"/v1/receipts/{token}/{number}", brought)
        out, err = app.communicate(timeout=PATIENT_SECONDS)
    assert app.returncode == 0, err
    assert "may be used for: " in out
    assert f"token {token}" in out
    assert f"hospital {site.address} committed to" in out
    assert f"your record was counted in it (round {number})" in out


def test_the_page_shows_that_app_in_under_40_lines() -> None:
    (shown,) = blocks("patient-app.md", "typescript")
    assert shown == (PAGES / "consent.ts").read_text(encoding="utf-8")
    assert len(shown.splitlines()) < 40
