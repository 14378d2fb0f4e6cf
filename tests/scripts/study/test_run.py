"""A whole study by commands: proposed, approved, consented to, run through Flower, verified."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from chain.messages import RoundState
from federation.gate.records.datasets.pbcseq import read_pbcseq, split_sites
from federation.gate.records.datasets.pbcseq_files import write_fhir
from federation.gate.records.store import RecordStore
from scripts.local.chains import fund
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from stack.process import ProcessGroup
from tests.hospital import Answer, assent
from tests.small_federation import until

PATIENTS = 2


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def must(line: str) -> Answer:
    answer = assent(*line.split())
    assert answer.code == 0, f"{line}\n{answer.words}"
    return answer


def test_a_study_from_its_plan_to_a_verified_round(
    settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites = [replace(s, patients=s.patients[:PATIENTS]) for s in split_sites(read_pbcseq())[:2]]
    names = [site.name for site in sites]
    with ProcessGroup() as group:
        local = LocalFederation(Layout(tmp_path / "state"), group, names)
        local.start_services()
        local.deploy()
        settings.setenv("ASSENT_RPC", local.node.rpc_url)
        settings.setenv("ASSENT_DEPLOYMENT", str(local.layout.deployment))
        settings.setenv("ASSENT_IPFS", local.kubo.api)
        fund(local.node, [one.address for one in local.people.reviewers])
        accounts = [local.make_site(name).public.account for name in names]
        people = local.layout.people

        write_plan(tmp_path / "plan.yaml", local, accounts)
        made = must(f"study propose plan.yaml --key {people}/sponsor.key --json").json
        study = made["study"]
        for number in (1, 2):
            must(f"irb approve {study} --key {people}/reviewer-{number}.key --yes --json")
        local.tell(study)
        for site in sites:
            write_fhir(site, tmp_path / site.name)
            everyone_consents(local, site.name)

        run = f"study run {study} --coordinator {local.layout.coordinator} --rounds 1 --json"
        outcome = must(run).json
        assert (outcome["succeeded"], outcome["last_closed"]) == (True, 1)
        (only,) = must(f"study rounds {study} --json").json["rounds"]
        assert only["state"] == "closed"
        assert only["cohorts"] == dict.fromkeys(accounts, PATIENTS)
        gathered = must(f"study bundle {study} bundle --json").json
        block = must(f"study block {gathered['block_number']} --json").json
        mistyped = assent("study", "block", 99999999)
        assert mistyped.code == 2
        assert "your node has no block 99999999: its newest is" in mistyped.words
        must(f"study documents {study} documents")

        a_run_that_is_interrupted_opens_no_further_round(local, study)
    assert (tmp_path / "documents" / "checkpoint-1.safetensors").is_file()
    verified = must(f"verify bundle --trust-block {block['hash']} --json").json
    assert [one["state"] for one in verified["rounds"]] == ["closed"]


def a_run_that_is_interrupted_opens_no_further_round(local: LocalFederation, study: int) -> None:
    """Ctrl-C once its first round is open; every round is charged, so none may follow."""
    ledger, folder = local.connect().ledger, local.layout.coordinator
    first = ledger.round_count(study) + 1
    line = [sys.executable, "-m", "scripts.main", "study", "run", str(study)]
    with subprocess.Popen(
        [*line, "--coordinator", str(folder), "--rounds", "7", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        until(lambda: ledger.round_count(study) >= first)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate()
    last = ledger.round_count(study)
    assert run.returncode == 130, err
    assert last < first + 6
    assert ledger.round(study, last).state == RoundState.CLOSED
    assert f"Stopped. Round {last} is the newest that is closed." in err
    assert json.loads(out)["error"]["kind"] == "Interrupted"
    assert not list(folder.glob("stop-*"))
    again = must(f"study run {study} --coordinator {folder} --rounds 1 --json").json
    assert again["last_closed"] == last + 1 == ledger.round_count(study)


def everyone_consents(local: LocalFederation, name: str) -> None:
    """A site's records are loaded, and every patient grants; all by commands."""
    folder = local.layout.site(name)
    must(f"site load {folder} {name}")
    carrier = local.layout.people / f"carrier-{name}.key"
    local.carrier(name)
    with RecordStore.open(folder / "records.db") as store:
        ids = store.record_ids()
    for record in ids:
        key, enrolment = f"{name}-{record}.key", f"{name}-{record}.json"
        holder = must(f"patient key {key} --json").json["address"]
        must(f"site enrol {folder} {record} --holder {holder} --out {enrolment}")
        must(f"patient grant {enrolment} --key {key} --carrier-key {carrier} --yes --json")


def write_plan(path: Path, local: LocalFederation, accounts: list[str]) -> None:
    (path.parent / "protocol.md").write_text("# Protocol\n")
    (path.parent / "dpia.md").write_text("# Impact assessment\n")
    (path.parent / "consent.txt").write_text("I agree.\n")
    plan = {
        "format": "assent-plan-1",
        "protocol": "protocol.md",
        "consent_texts": {"en": "consent.txt"},
        "dpia": "dpia.md",
        "coordinator": local.people.coordinator.address,
        "sites": accounts,
        "committee": {
            "reviewers": [one.address for one in local.people.reviewers],
            "threshold": 2,
        },
        "design": {
            "disease": "MONDO:0005388",
            "min_cohort": 1,
            "min_sites": 2,
            "tolerated_colluders": 0,
            "clipping_norm": 0.25,
        },
    }
    path.write_text(yaml.safe_dump(plan))
