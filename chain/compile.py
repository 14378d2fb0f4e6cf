"""Compiles the contracts with the pinned compiler of `hardhat-local/`, through py-solc-x.

`python -m chain.compile --write` writes `chain/abi/<Contract>.json`, which is all that talking to
deployed contracts takes; `--check` says whether those files are what the sources give.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import solcx
from eth_utils.crypto import keccak

from chain.artifacts import ALL_NAMES, FOLDER, AnyName, Artifact, storage_locations
from chain.events import CONTRACT_NAMES

ROOT = Path(__file__).resolve().parent.parent
# Which file has a contract, where it is not one of ours.
_LIBRARY = "@openzeppelin/contracts"
_FILES: dict[AnyName, str] = {
    "AccessManager": f"{_LIBRARY}/access/manager/AccessManager.sol",
    "ERC7913P256Verifier": f"{_LIBRARY}/utils/cryptography/verifiers/ERC7913P256Verifier.sol",
    "ERC7913WebAuthnVerifier": (
        f"{_LIBRARY}/utils/cryptography/verifiers/ERC7913WebAuthnVerifier.sol"
    ),
}
_IMPORT = re.compile(r'^import\s[^;]*?"([^"]+)";', re.MULTILINE)


class CompileError(Exception):
    """The contracts cannot be compiled; the message is the compiler's."""


@dataclass(frozen=True)
class Compiled:
    """One contract as the compiler gives it: what is kept, and the bytes that create it."""

    artifact: Artifact
    creation: bytes


def compile_contracts(root: Path = ROOT, *, fresh: bool = False) -> dict[AnyName, Compiled]:
    """The contracts of `root/contracts`, and those of OpenZeppelin that are deployed beside them.

    Takes 30 s or more the first time. The compiler's answers are kept in the user's cache, under
    the hash of all that they depend on; `fresh` compiles anyway. Raises CompileError.
    """
    # Apart, so that nothing but what the three import can change their code.
    further = [name for name in ALL_NAMES if name not in CONTRACT_NAMES]
    return _compile(root, list(CONTRACT_NAMES), fresh) | _compile(root, further, fresh)


def _compile(root: Path, names: list[AnyName], fresh: bool) -> dict[AnyName, Compiled]:
    compiler = root / "hardhat-local"
    package = compiler / "node_modules" / "solc" / "package.json"
    if not package.is_file():
        raise CompileError("The Solidity compiler is not installed: run `make setup`.")
    settings = json.loads((compiler / "compiler.json").read_text(encoding="utf-8"))["settings"]
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode"]
    places = {name: _FILES.get(name, f"contracts/{name}.sol") for name in names}
    wanted = {place: {name: outputs} for name, place in places.items()}
    question = {
        "language": "Solidity",
        "sources": {
            place: {"content": text} for place, text in with_imports(root, list(wanted)).items()
        },
        "settings": {**settings, "outputSelection": wanted},
    }
    asked = json.dumps(question, sort_keys=True) + package.read_text(encoding="utf-8")
    kept = _cache_folder() / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
    answer = None if fresh else _read(kept)
    if answer is None:
        with _alone(kept):
            # Whoever waited finds what the other one kept.
            answer = None if fresh else _read(kept)
            if answer is None:
                answer = _ask(question, compiler / "solc")
                _keep(kept, answer)
    return {
        name: _compiled(name, answer["contracts"][place][name]) for name, place in places.items()
    }


def _ask(question: dict[str, Any], solc: Path) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = solcx.compile_standard(question, solc_binary=solc)
    except solcx.exceptions.SolcError as error:
        raise CompileError(str(error)) from error
    return answer


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "assent" / "contracts"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


@contextmanager
def _alone(kept: Path) -> Iterator[None]:
    """Of several processes that have the same question, one asks; the others wait for it."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep(path: Path, answer: dict[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as part:
        json.dump({"contracts": answer["contracts"]}, part)
    Path(part.name).replace(path)


def with_imports(root: Path, files: Sequence[str]) -> dict[str, str]:
    """The text of `files` and of all that they import, by the name that the compiler uses, sorted.

    Only what they import, so that a test or a draft beside them changes nothing. Raises
    CompileError when one cannot be read.
    """
    found: dict[str, str] = {}
    pending = list(files)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        base = root / "hardhat-local" / "node_modules" if name.startswith("@") else root
        try:
            text = (base / name).read_text(encoding="utf-8")
        except OSError as error:
            raise CompileError(f"{name} is imported but cannot be read: {error}") from error
        found[name] = text
        pending += [_resolve(name, imported) for imported in _IMPORT.findall(text)]
    return dict(sorted(found.items()))


def _resolve(importer: str, imported: str) -> str:
    if not imported.startswith("."):
        return imported
    parts = importer.split("/")[:-1]
    for part in imported.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _compiled(name: AnyName, output: dict[str, Any]) -> Compiled:
    deployed = output["evm"]["deployedBytecode"]
    references = sorted(
        (int(place["start"]), int(place["length"]))
        for places in deployed.get("immutableReferences", {}).values()
        for place in places
    )
    try:
        runtime = bytes.fromhex(deployed["object"])
        creation = bytes.fromhex(output["evm"]["bytecode"]["object"])
    except ValueError as error:
        raise CompileError(f"{name} needs a linked library: not supported") from error
    artifact = Artifact(
        name,
        output["abi"],
        runtime,
        tuple(references),
        storage_locations(name),
        keccak(creation),
        creation if name == "Origin" else None,
    )
    return Compiled(artifact, creation)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when the files are as they should be, 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m chain.compile", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write chain/abi/*.json")
    action.add_argument("--check", action="store_true", help="compare with chain/abi/*.json")
    chosen = parser.parse_args(arguments)
    differing = []
    for name, compiled in compile_contracts(fresh=chosen.write).items():
        path = FOLDER / f"{name}.json"
        text = compiled.artifact.to_text()
        if chosen.write:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            differing.append(name)
    if differing:
        print(f"Run `python -m chain.compile --write`: {', '.join(differing)} changed.")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
