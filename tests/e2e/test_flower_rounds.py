"""Rounds through real Flower: authenticated SuperNodes, fork server and gate, chain and IPFS; and
processes that are killed on the way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from audit.replays import SignedReplay, Verdict
from chain.messages import RoundState
from scripts.local.federation import LocalFederation
from scripts.main import call
from stack.flower import Value
from stack.flower_run import FlowerRun, run_app
from tests.federation.processes import phases, processes_of
from tests.small_federation import DESIGN, SmallFederation, small_federation, until

pytestmark = pytest.mark.timeout(600)

PATIENT = 120.0
FOUR_SITES = replace(DESIGN, min_sites=3, tolerated_colluders=1, commit_seconds=600)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Four sites of which three make a round, each with a SuperNode."""
    folder = tmp_path_factory.mktemp("f")
    with small_federation(
        folder, patients=3, granting=2, design=FOUR_SITES, site_count=4, kind=LocalFederation
    ) as running:
        yield running


def newest(federation: SmallFederation) -> int:
    return federation.chain.ledger.round_count(federation.study_id)


def members(federation: SmallFederation, number: int) -> set[str]:
    accounts = {keys.public.account: site for site, keys in federation.keys.items()}
    return {accounts[one] for one in federation.chain.ledger.members(federation.study_id, number)}


def programs(pid: int) -> list[psutil.Process]:
    """What a keeper keeps."""
    return psutil.Process(pid).children(recursive=True)


def kill(pid: int, word: str) -> None:
    """Ends those below a process whose command line has a word in it."""
    for process in programs(pid):
        with suppress(psutil.ZombieProcess):
            if any(word in part for part in process.cmdline()):
                process.kill()


def end_coordinator(federation: SmallFederation) -> None:
    """Kills the ServerApp, and who started it: Flower would tell them only after a minute."""
    kill(federation.local.superlink.pid, "flwr-serverapp")
    kill(os.getpid(), "--stream")


@contextmanager
def running(
    federation: SmallFederation, name: str, **run_config: Value
) -> Iterator[Future[FlowerRun]]:
    """A run in the background, which ends at once when the test fails."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(federation.local.run_rounds, name, **run_config)
        try:
            yield run
        except BaseException:
            end_coordinator(federation)
            raise


def test_two_rounds_close_with_every_site(federation: SmallFederation) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    run = federation.local.run_rounds("two-rounds", rounds=2)
    assert run.succeeded, run
    assert newest(federation) == 2
    for number in (1, 2):
        assert federation.state(number) == RoundState.CLOSED
        assert members(federation, number) == set(federation.keys)
    assert ledger.round(study, 2).base == ledger.round(study, 1).checkpoint_hash
    assert ledger.rho_spent(study) == 2 * ledger.rho_of_round(study, 1)


def test_a_site_replays_its_round_bit_for_bit_in_the_environment_of_the_round(
    federation: SmallFederation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the approved app in a process of its own, as the fork server's child was."""
    file = tmp_path / "replay.json"
    assert call(["site", "replay", str(federation.folder("site-2")), "1", "--out", str(file)]) == 0
    assert "Replayed bit for bit." in capsys.readouterr().out
    signed = SignedReplay.parse(file.read_bytes())
    assert signed.report.verdict is Verdict.REPLAYED
    assert signed.report.changed == ()
    account = federation.keys["site-2"].public.account
    assert signed.signer(federation.chain.consent.domain) == account


def test_an_altered_app_is_refused_before_one_line_of_it_runs(
    federation: SmallFederation, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    line = f"open({str(marker)!r}, 'w').close()\n"
    exec(line)  # what follows would show it
    assert marker.exists()
    marker.unlink()
    local = federation.local
    altered = tmp_path / local.layout.app.name
    shutil.copytree(local.layout.app, altered)
    client = altered / "federation" / "app" / "client.py"
    client.write_text(line + client.read_text())
    spent = federation.chain.ledger.rho_spent(federation.study_id)

    run = run_app(altered, local.superlink, local.layout.log("altered"))

    assert not run.succeeded
    assert not marker.exists()
    number = newest(federation)
    assert federation.state(number) == RoundState.ABORTED
    assert {one.attempt for one in federation.commitments(number).values()} == {0}
    assert federation.chain.ledger.rho_spent(federation.study_id) == spent
    for site in federation.keys:
        assert "gate: refused: APP_NOT_APPROVED" in local.layout.log(site).read_text()


def test_a_coordinator_killed_between_seal_and_close_is_taken_up_by_the_next(
    federation: SmallFederation,
) -> None:
    number = newest(federation) + 1
    with running(federation, "killed", rounds=1, close_after_seconds=600.0) as run:
        until(lambda: phases(federation, number).count("delivered") == 4, PATIENT)
        end_coordinator(federation)
        assert not run.result().succeeded
    assert federation.state(number) == RoundState.SEALED
    again = federation.local.run_rounds("taken-up", rounds=1)
    assert again.succeeded, again
    assert phases(federation, number)[-2:] == ["resumed", "closed"]
    assert [federation.state(n) for n in (number, number + 1)] == [RoundState.CLOSED] * 2


def test_a_round_closes_without_a_site_that_is_killed_before_it_commits(
    federation: SmallFederation,
) -> None:
    number = newest(federation) + 1
    node = federation.local.services.supernodes["site-4"]
    others = tuple(site for site in federation.keys if site != "site-4")
    for process in programs(node.pid):
        process.suspend()  # or it might commit before it can be killed
    with running(federation, "one-killed", rounds=1) as run:
        until(lambda: newest(federation) == number, PATIENT)
        for process in programs(node.pid):
            process.kill()
        federation.until_committed(number, others)
        until(lambda: phases(federation, number).count("committed") == 3, PATIENT)
        federation.advance(FOUR_SITES.commit_seconds)
        assert run.result().succeeded
    assert federation.state(number) == RoundState.CLOSED
    assert members(federation, number) == set(others)
    assert federation.commitments(number)["site-4"].attempt == 0


def test_nothing_of_it_is_left_running(federation: SmallFederation) -> None:
    layout, group = federation.local.layout, federation.local.group
    running = [
        process for one in group.processes if one.is_running for process in programs(one.pid)
    ]
    assert set(running) & set(processes_of(layout.state))  # what is looked for would be found
    group.stop()
    assert [process for process in running if process.is_running()] == []
    assert processes_of(layout.state) == []
