"""Which contracts are checked, and copies of them for tools that want a folder of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import solcx

from assurance.outcome import CheckError
from chain.compile import ROOT as ROOT
from chain.compile import CompileError
from chain.compile import with_imports as texts_of

OUT = ROOT / "out" / "audit-contracts"
HARDHAT = ROOT / "hardhat-local"
SOLC = HARDHAT / "solc"
PACKAGES = HARDHAT / "node_modules"

#: Folders of contracts/ that are not deployed: tests, and declarations without code.
NOT_CODE = {"test", "interfaces"}


def contract_files(root: Path = ROOT) -> list[str]:
    """Every Solidity file with code that may be deployed, as `contracts/...`, sorted."""
    found = [
        path.relative_to(root).as_posix()
        for path in (root / "contracts").rglob("*.sol")
        if not NOT_CODE & set(path.relative_to(root / "contracts").parts[:-1])
    ]
    if not found:
        raise CheckError(f"{root / 'contracts'} has no contracts.")
    return sorted(found)


def with_imports(files: list[str], root: Path = ROOT) -> dict[str, str]:
    """As `chain.compile.with_imports`. Raises CheckError when one cannot be read."""
    try:
        return texts_of(root, files)
    except CompileError as error:
        raise CheckError(str(error)) from error


def compiler_settings() -> dict[str, Any]:
    """What contracts are deployed with (hardhat-local/compiler.json)."""
    compiler = json.loads((HARDHAT / "compiler.json").read_text(encoding="utf-8"))
    settings: dict[str, Any] = compiler["settings"]
    return settings


def standard_json(texts: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """A question to the compiler."""
    sources = {name: {"content": text} for name, text in texts.items()}
    return {"language": "Solidity", "sources": sources, "settings": settings}


def compile_contracts(question: dict[str, Any]) -> dict[str, Any]:
    """The compiler's answer. Raises CheckError with the compiler's message."""
    try:
        answer: dict[str, Any] = solcx.compile_standard(question, solc_binary=SOLC)
    except solcx.exceptions.SolcError as error:
        raise CheckError(f"The contracts do not compile: {error}") from error
    return answer


def runtime_codes(root: Path, settings: dict[str, Any]) -> dict[str, str]:
    """The deployed bytecode of every contract of `root`, compiled with `settings`."""
    files = contract_files(root)
    wanted = {name: {"*": ["evm.deployedBytecode.object"]} for name in files}
    question = standard_json(with_imports(files, root), {**settings, "outputSelection": wanted})
    answer = compile_contracts(question)
    return {
        f"{name}:{contract}": output["evm"]["deployedBytecode"]["object"]
        for name in files
        for contract, output in answer["contracts"].get(name, {}).items()
    }


def lay_out(folder: Path, texts: dict[str, str]) -> None:
    """Write `texts` as files under `folder`, which is emptied first."""
    if folder.exists():
        shutil.rmtree(folder)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def copy_project(folder: Path) -> Path:
    """A copy of the contracts and of their Hardhat project in `folder`, which is emptied first.

    The copy shares node_modules. Returns the folder to call Hardhat in.
    """
    if folder.exists():
        shutil.rmtree(folder)
    project = folder / HARDHAT.name
    project.mkdir(parents=True)
    shutil.copytree(ROOT / "contracts", folder / "contracts")
    for name in ("package.json", "compiler.json", "hardhat.config.ts", "solc"):
        shutil.copy2(HARDHAT / name, project / name)
    (project / "node_modules").symlink_to(PACKAGES)
    (project / "contracts").symlink_to("../contracts")
    return project
