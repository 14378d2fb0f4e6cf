"""What is committed under chain/abi is what the sources give."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chain.artifacts import ALL_NAMES, FOLDER, AnyName, artifact, mapping_slot, storage_location
from chain.compile import ROOT, CompileError, _ask, _compile, compile_contracts, main
from chain.events import CONTRACT_NAMES
from tests.world import World


def test_the_committed_artifacts_are_what_the_sources_give() -> None:
    """Compiled now, or kept since these very sources, settings and compiler were last asked."""
    for name, compiled in compile_contracts().items():
        committed = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert compiled.artifact.to_text() == committed, (
            f"{name} changed: run `python -m chain.compile --write`"
        )
        assert artifact(name) == compiled.artifact
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(ALL_NAMES)


def test_a_storage_location_is_the_one_that_erc_7201_gives_as_example() -> None:
    # https://eips.ethereum.org/EIPS/eip-7201, "example.main".
    expected = "183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500"
    assert storage_location("example.main").hex() == expected


def test_proven_slots_hold_what_the_views_say(world: World) -> None:
    study = world.approved_study()
    chain = world.chain()

    def slot(client: object, namespace: str) -> bytes:
        contract = getattr(client, "name")  # noqa: B009, typed as object on purpose
        key = mapping_slot(study, artifact(contract).storage[namespace])
        address = world.deployment.address(contract)
        return bytes(chain.w3.eth.get_storage_at(address, int.from_bytes(key)))  # type: ignore[arg-type]

    running = "assent.storage.RunningHash"
    world.give_consent(study, world.sites[0], world.accounts[20])
    world.give_consent(study, world.sites[1], world.accounts[21])
    round_ = world.open_round(study)
    for site in world.sites[:2]:
        world.commit(study, round_, site)
    chain.w3.provider.make_request("evm_increaseTime", [0])  # type: ignore[arg-type]
    assert slot(chain.registry, running) == chain.registry.running_hash(study) != bytes(32)
    assert slot(chain.consent, running) == chain.consent.running_hash(study) != bytes(32)
    assert slot(chain.ledger, running) == chain.ledger.running_hash(study) != bytes(32)
    spent = int.from_bytes(slot(chain.ledger, "assent.storage.Budget"))
    assert spent == chain.ledger.rho_spent(study)


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="make setup"):
        compile_contracts(tmp_path)


def test_a_source_that_does_not_compile_is_named(tmp_path: Path) -> None:
    (tmp_path / "hardhat-local").symlink_to(ROOT / "hardhat-local")
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in CONTRACT_NAMES:
        (contracts / f"{name}.sol").write_text("contract Nonsense {", encoding="utf-8")
    with pytest.raises(CompileError, match="RoundLedger"):
        compile_contracts(tmp_path)
    (contracts / "StudyRegistry.sol").write_text('import "./Gone.sol";', encoding="utf-8")
    with pytest.raises(CompileError, match=r"contracts/Gone\.sol"):
        compile_contracts(tmp_path)


def test_of_several_at_once_one_asks_the_compiler_and_later_ones_only_when_they_want_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def counted(question: dict[str, Any], solc: Path) -> dict[str, Any]:
        asked.append(solc)
        return _ask(question, solc)

    monkeypatch.setattr("chain.compile._ask", counted)
    names: list[AnyName] = ["ERC7913P256Verifier"]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: _compile(ROOT, names, fresh=False), range(2))
    assert first == second
    assert len(asked) == 1
    (kept,) = tmp_path.rglob("*.json")
    kept.write_text(kept.read_text().replace('"object": "', '"object": "00'))
    assert _compile(ROOT, names, fresh=False) != first
    assert _compile(ROOT, names, fresh=True) == first
    assert len(asked) == 2


def test_the_command_says_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    for name in ALL_NAMES:
        (tmp_path / f"{name}.json").write_bytes((FOLDER / f"{name}.json").read_bytes())
    with (tmp_path / "RoundLedger.json").open("a") as file:
        file.write(" ")
    monkeypatch.setattr("chain.compile.FOLDER", tmp_path)
    assert main(["--check"]) == 1
    assert "RoundLedger changed" in capsys.readouterr().out
