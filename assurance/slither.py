"""Slither's detectors and its ERC-721 conformance check, with no finding left unexplained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rich.console import Console

from assurance import explained, tools
from assurance.explained import Finding
from assurance.outcome import CheckError, Outcome
from assurance.sources import (
    OUT,
    SOLC,
    compiler_settings,
    contract_files,
    lay_out,
    standard_json,
    with_imports,
)

PROJECT = OUT / "slither"
ERC721 = "ConsentToken"

#: Functions and events of ERC-721 with its metadata that the conformance check must have looked at.
ERC721_MEMBERS = 15

_SCRIPTS = Path(__file__).parent / "inside"


def check(console: Console) -> Outcome:
    """Both analyses. Raises CheckError when one of them did not look at the contracts."""
    with tools.progress("Slither: compiling (10 s)", console):
        archive = archive_of(PROJECT)
    with tools.progress("Slither: detectors (10 s)", console):
        findings = _detect(archive)
    with tools.progress("Slither: ERC-721 conformance (5 s)", console):
        conformance = _conformance(archive)
    problems = explained.problems(findings, "slither")
    problems += explained.problems(conformance, "erc721")
    known = f"{len(findings)} findings and {len(conformance)} deviations from ERC-721"
    state = "all explained" if not problems else f"{len(problems)} not explained or stale"
    figures = {"findings": len(findings), "erc721_deviations": len(conformance)}
    return Outcome(f"{known}, {state}", tuple(problems), figures)


def archive_of(project: Path) -> Path:
    """The contracts and what they import, compiled for Slither in the folder `project`."""
    texts = with_imports(contract_files())
    # Slither reads the syntax tree, for which the quick code generator is enough.
    settings = {"evmVersion": compiler_settings()["evmVersion"], "optimizer": {"enabled": True}}
    lay_out(project, texts)
    question = project / "input.json"
    question.write_text(json.dumps(standard_json(texts, settings)), encoding="utf-8")
    script = [str(tools.python_tool("python")), str(_SCRIPTS / "archive.py")]
    ran = tools.run([*script, question.name, str(SOLC)], "slither-compile.log", cwd=project)
    archive = project / f"{question.name}_export_archive.json"
    if ran.status != 0 or not archive.is_file():
        raise CheckError(f"Slither could not compile the contracts: see {ran.log}.")
    return archive


def _detect(archive: Path) -> list[Finding]:
    answer = archive.with_name("findings.json")
    options = ["--filter-paths", "@openzeppelin", "--json", answer.name, "--fail-none"]
    slither = [str(tools.python_tool("slither")), archive.name, *options]
    ran = tools.run(slither, "slither.log", cwd=archive.parent)
    analysed = re.search(r"analyzed \((\d+) contracts with (\d+) detectors\)", ran.output)
    if ran.status != 0 or analysed is None or int(analysed[1]) < len(contract_files()):
        raise CheckError(f"Slither did not analyse all contracts: see {ran.log}.")
    return [_finding(one) for one in _results(answer, ran.log).get("detectors", [])]


def _conformance(archive: Path) -> list[Finding]:
    answer = archive.with_name("erc721.json")
    options = [ERC721, "--erc", "ERC721", "--json", answer.name]
    command = [str(tools.python_tool("slither-check-erc")), archive.name, *options]
    ran = tools.run(command, "slither-check-erc.log", cwd=archive.parent)
    looked_at = ran.output.count(" is present")
    if looked_at < ERC721_MEMBERS:
        raise CheckError(
            f"slither-check-erc saw {looked_at} of the {ERC721_MEMBERS} members of ERC-721 in "
            f"{ERC721}: see {ran.log}."
        )
    found = _results(answer, ran.log).get("erc-conformance", {})
    return [_finding(one, category) for category, all_of in found.items() for one in all_of]


def _results(path: Path, log: Path) -> dict[str, Any]:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckError(f"{path.name} cannot be read ({error}): see {log}.") from error
    if answer.get("success") is not True:
        raise CheckError(f"Slither failed: {answer.get('error')}. See {log}.")
    results: dict[str, Any] = answer["results"]
    return results


def _finding(one: dict[str, Any], detector: str = "") -> Finding:
    says = " ".join(str(one["description"]).split())
    elements = one["elements"]
    element = _name(elements[0]) if elements else "the whole"
    return Finding(detector or one["check"], element, says[:300])


def _name(element: dict[str, Any]) -> str:
    """`Contract.function`, `Contract.function.variable` or, outside contracts, the file."""
    names = []
    while element and element["type"] != "file":
        if element["type"] in {"contract", "function", "variable", "event", "struct", "enum"}:
            names.append(str(element["name"]))
        parent = element.get("type_specific_fields", {}).get("parent")
        if not parent:
            break
        element = parent
    return ".".join(reversed(names)) or str(element["source_mapping"]["filename_relative"])
