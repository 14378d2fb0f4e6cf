"""The same code at other addresses of one chain, with a study and reviewers of a liar's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.bundle import read_bundle
from audit.manifest import Contracts
from audit.verify import prove_history, verify_folder
from tests.audit.real_study import RealStudy
from tests.hospital import assent
from tests.world import World, deployed


@dataclass(frozen=True)
class Invented:
    """A bundle of a study that no honest party took part in; the block is everybody's."""

    folder: Path
    trust_block: bytes
    deployment: Path
    ours: Contracts


@pytest.fixture(scope="module")
def invented(moving_world: World, tmp_path_factory: pytest.TempPathFactory) -> Invented:
    ours = RealStudy(moving_world)
    folder = tmp_path_factory.mktemp("invented")
    keys = moving_world.accounts
    # all parts are played by accounts that have none in the honest deployment
    liars = (*keys[12:24], *keys[:12], *keys[24:])
    theirs = World(moving_world.rpc_url, liars, deployed(moving_world.rpc_url, keys), folder)
    study = RealStudy(theirs)
    for site in theirs.sites:
        for _ in range(2):
            study.patient(site)
    study.round()
    assert study.number == ours.number
    trust_block = study.write(folder / "bundle")
    honest = moving_world.deployment
    honest.save(folder / "deployment.json")
    return Invented(
        folder / "bundle",
        trust_block,
        folder / "deployment.json",
        Contracts(honest.chain_id, honest.registry, honest.consent_token, honest.ledger),
    )


def test_only_the_deployment_tells_it_from_ours(invented: Invented) -> None:
    alone = verify_folder(invented.folder, invented.trust_block)
    assert alone.ok and alone.trusted and not alone.compared
    report = verify_folder(invented.folder, invented.trust_block, contracts=invented.ours)
    assert [check.name for check in report.failed] == ["deployment"]
    assert invented.ours.registry in report.failed[0].detail
    theirs = read_bundle(invented.folder).contracts
    assert verify_folder(invented.folder, invented.trust_block, contracts=theirs).ok


def test_a_history_of_other_contracts_is_not_believed(invented: Invented) -> None:
    held = read_bundle(invented.folder)
    _, checks = prove_history(held, invented.trust_block, invented.ours)
    assert [check.name for check in checks if not check.ok] == ["deployment"]


@pytest.mark.parametrize(
    "command",
    [
        "verify {bundle}",
        "study cohorts 1 1 --bundle {bundle}",
        "study withdrawals 1 --bundle {bundle}",
        "study report {bundle} --out {out}",
        "study export {bundle} --out {out}",
        "study replay-draw {bundle} --block 1 --hash {hash}",
    ],
)
def test_every_command_that_reads_a_bundle_compares(
    command: str, invented: Invented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for out, deployment, code in (("with", str(invented.deployment), 1), ("without", "", 0)):
        monkeypatch.setenv("ASSENT_DEPLOYMENT", deployment)
        made = command.format(
            bundle=invented.folder, out=tmp_path / out, hash="0x" + invented.trust_block.hex()
        )
        answer = assent(*made.split(), "--trust-block", invented.trust_block.hex())
        assert answer.code == code, answer.out + answer.err


def test_without_a_deployment_it_says_whose_word_it_is(invented: Invented) -> None:
    answer = assent("verify", invented.folder, "--trust-block", invented.trust_block.hex())
    assert answer.code == 0, answer.err
    contracts = read_bundle(invented.folder).contracts
    report = verify_folder(invented.folder, invented.trust_block)
    assert report.committee is not None
    for address in (contracts.registry, contracts.ledger, *report.committee.reviewers):
        assert address in answer.out
    assert "the bundle's own word" in " ".join(answer.out.split())
