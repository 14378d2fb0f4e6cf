"""A liar's own study: the same code at other addresses of one chain, or the very contracts."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from audit.bundle import read_bundle
from audit.disclosure import Disclosure
from audit.verify import prove_history, verify_folder
from scripts.known_contracts import known_contracts
from tests.audit.real_study import RealStudy
from tests.audit.test_receipts_offline import receipt_of
from tests.hospital import assent
from tests.world import World, deployed


@dataclass(frozen=True)
class Invented:
    """A bundle of a study that no honest party took part in; the block is everybody's."""

    folder: Path
    trust_block: bytes
    disclosure: Disclosure
    ours: Path
    theirs: Path


@dataclass(frozen=True)
class Beside:
    """A study that only liars approved, where a reader is told to look for theirs."""

    folder: Path
    trust_block: bytes
    ours: int
    theirs: int
    reader: str


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
    moving_world.deployment.save(folder / "ours.json")
    theirs.deployment.save(folder / "theirs.json")
    shown = next(iter(study.disclosures.values()))
    return Invented(
        folder / "bundle", trust_block, shown, folder / "ours.json", folder / "theirs.json"
    )


def test_only_the_deployment_tells_it_from_ours(invented: Invented) -> None:
    alone = verify_folder(invented.folder, invented.trust_block)
    assert alone.ok and alone.trusted and not alone.compared
    ours, theirs = known_contracts(invented.ours), known_contracts(invented.theirs)
    report = verify_folder(invented.folder, invented.trust_block, contracts=ours)
    assert [check.name for check in report.failed] == ["deployment"]
    assert ours.registry in report.failed[0].detail
    assert verify_folder(invented.folder, invented.trust_block, contracts=theirs).ok


@pytest.fixture(scope="module")
def beside(moving_world: World, tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """In the honest contracts: nobody asks a reviewer before they are named."""
    ours, folder = RealStudy(moving_world), tmp_path_factory.mktemp("beside")
    liars = tuple(Account.from_key(keccak(bytes((n,)))) for n in range(2))
    reader = moving_world.reviewers[0]
    world = copy.copy(moving_world)
    world.reviewers = (*liars, reader)
    theirs = RealStudy(world)
    for site in world.sites:
        for _ in range(2):
            theirs.patient(site)
    theirs.round()
    trust_block = theirs.write(folder / "bundle")
    return Beside(folder / "bundle", trust_block, ours.number, theirs.number, reader.address)


def test_only_its_number_tells_a_study_beside_ours(beside: Beside, invented: Invented) -> None:
    ours = known_contracts(invented.ours)
    report = verify_folder(beside.folder, beside.trust_block, contracts=ours)
    assert report.ok and report.compared
    assert report.committee is not None and beside.reader in report.committee.reviewers
    asked = verify_folder(beside.folder, beside.trust_block, contracts=ours, study=beside.ours)
    assert [check.name for check in asked.failed] == ["study.number"]
    assert f"you asked for {beside.ours}" in asked.failed[0].detail
    assert verify_folder(beside.folder, beside.trust_block, study=beside.theirs).ok


@pytest.mark.parametrize(
    "command",
    [
        "verify {bundle}",
        "study report {bundle} --out {out}",
        "study export {bundle} --out {out}",
        "study replay-draw {bundle} --block 1 --hash {hash}",
    ],
)
def test_every_command_that_is_not_told_the_number_takes_it(
    command: str, beside: Beside, invented: Invented, tmp_path: Path
) -> None:
    block = beside.trust_block.hex()
    known = ("--trust-block", block, "--deployment", invented.ours)
    for number, code in ((beside.ours, 1), (beside.theirs, 0)):
        made = command.format(bundle=beside.folder, out=tmp_path / str(number), hash="0x" + block)
        answer = assent(*made.split(), *known, "--study", number)
        assert answer.code == code, answer.out + answer.err


def test_without_a_number_it_says_whose_word_it_is(beside: Beside, invented: Invented) -> None:
    options = ("--trust-block", beside.trust_block.hex(), "--deployment", invented.ours)
    answer = assent("verify", beside.folder, *options)
    assert answer.code == 0, answer.err
    assert f"That is so of study {beside.theirs}." in " ".join(answer.out.split())


def test_a_history_of_other_contracts_is_not_believed(invented: Invented) -> None:
    held = read_bundle(invented.folder)
    _, checks = prove_history(held, invented.trust_block, known_contracts(invented.ours))
    assert [check.name for check in checks if not check.ok] == ["deployment"]


@pytest.mark.parametrize(
    "command",
    [
        "verify {bundle}",
        "receipt verify {receipt} --bundle {bundle}",
        "study cohorts 1 1 --bundle {bundle}",
        "study withdrawals 1 --bundle {bundle}",
        "study report {bundle} --out {out}",
        "study export {bundle} --out {out}",
        "study replay-draw {bundle} --block 1 --hash {hash}",
    ],
)
def test_no_command_believes_a_bundle_of_contracts_that_its_reader_does_not_know(
    command: str, invented: Invented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(receipt_of(invented.disclosure, 0).to_bytes())
    given = ((invented.ours, 1), (None, 2), (invented.theirs, 0))
    for number, (deployment, code) in enumerate(given):
        monkeypatch.setenv("ASSENT_DEPLOYMENT", "" if deployment is None else str(deployment))
        made = command.format(
            bundle=invented.folder,
            out=tmp_path / f"out-{number}",
            hash="0x" + invented.trust_block.hex(),
            receipt=receipt,
        )
        answer = assent(*made.split(), "--trust-block", invented.trust_block.hex())
        assert answer.code == code, answer.out + answer.err
        assert deployment is not None or "Missing option '--deployment'" in answer.words
