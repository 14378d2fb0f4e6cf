"""halmos: what assurance/symbolic/ states, for all values of what it leaves open.

A function `check_...` must be proved, a function `refuted_...` must be refuted by an example: it is
nearly right, so that a check that would let anything pass is noticed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rich.console import Console

from assurance import tools
from assurance.outcome import CheckError, Outcome
from assurance.sources import OUT, ROOT, SOLC, compiler_settings, lay_out, with_imports

PROJECT = OUT / "halmos"
PROVED, REFUTED = "check_", "refuted_"

_SPECIFICATIONS = ROOT / "assurance" / "symbolic"
_FUNCTION = re.compile(rf"\bfunction\s+((?:{PROVED}|{REFUTED})\w+)")
#: A solver may think this long about one question.
_SOLVER_SECONDS = 300
#: The most turns of a loop that are followed: one for each term of a bitmap.
_LOOP_TURNS = 64

_PROVED_CODE, _REFUTED_CODE = 0, 1


def check(console: Console) -> Outcome:
    """Proves and refutes. Raises CheckError when halmos did not look at every statement."""
    stated = statements(_SPECIFICATIONS)
    with tools.progress("halmos: what must be proved (3 minutes)", console):
        _lay_out_project()
        proved = _run(PROVED)
    with tools.progress("halmos: what must be refuted (half a minute)", console):
        refuted = _run(REFUTED)
    problems = not_proved(stated, proved) + not_refuted(stated, refuted)
    paths = sum(one["num_paths"][0] for one in proved.values())
    summary = (
        f"{len(proved)} statements proved on {paths} paths, {len(refuted)} wrong ones refuted"
        if not problems
        else f"{len(problems)} statements are not as they should be"
    )
    figures = {"proved": sorted(proved), "refuted": sorted(refuted), "paths": paths}
    return Outcome(summary, tuple(problems), figures)


def statements(folder: Path) -> set[str]:
    """Every `check_` and `refuted_` function of the Solidity files in `folder`.

    Raises CheckError when one kind is missing, or a name stands twice.
    """
    names = [
        name
        for path in sorted(folder.glob("*.sol"))
        for name in _FUNCTION.findall(path.read_text(encoding="utf-8"))
    ]
    for prefix in (PROVED, REFUTED):
        if not any(name.startswith(prefix) for name in names):
            raise CheckError(f"{folder.name} states nothing that begins with {prefix}.")
    if len(names) != len(set(names)):
        raise CheckError(f"{folder.name} has two statements of the same name.")
    return set(names)


def not_proved(stated: set[str], results: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each `check_` that halmos did not prove in full, or did not try."""
    problems = _not_tried(stated, results, PROVED)
    for name, result in sorted(results.items()):
        total, succeeded, blocked = result["num_paths"]
        if result["exitcode"] != _PROVED_CODE:
            how = "is wrong: " + _example(result) if result["models"] else "could not be proved"
            problems.append(f"{name} {how} (halmos {result['exitcode']})")
        elif result["num_bounded_loops"]:
            problems.append(f"{name} was followed through some turns of a loop and not all")
        elif blocked or not succeeded or not total:
            problems.append(f"{name} was proved on {succeeded} of {total} paths, {blocked} blocked")
    return problems


def not_refuted(stated: set[str], results: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each `refuted_` that halmos did not refute by an example, or did not try."""
    problems = _not_tried(stated, results, REFUTED)
    for name, result in sorted(results.items()):
        if result["exitcode"] != _REFUTED_CODE or not any(m["is_valid"] for m in result["models"]):
            problems.append(
                f"{name} is wrong and was not refuted (halmos {result['exitcode']}): the "
                f"statements beside it may let anything pass"
            )
    return problems


def _not_tried(stated: set[str], results: dict[str, Any], prefix: str) -> list[str]:
    wanted = {name for name in stated if name.startswith(prefix)}
    problems = [f"{name} was not tried" for name in sorted(wanted - set(results))]
    return problems + [f"{name} was tried and is not stated" for name in set(results) - wanted]


def _example(result: dict[str, Any]) -> str:
    values = result["models"][0]["model"].values()
    return ", ".join(f"{one['variable_name']} = {one['value']:#x}" for one in values)


def _lay_out_project() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in sorted(_SPECIFICATIONS.glob("*.sol"))]
    lay_out(PROJECT, with_imports(files))
    # The quick code generator, optimized: it compiles in seconds, and halmos asks for its output.
    lines = [
        "[profile.default]",
        'src = "assurance/symbolic"',
        'test = "assurance/symbolic"',
        'script = "none"',
        "libs = []",
        'out = "built"',
        'remappings = ["@openzeppelin/=@openzeppelin/"]',
        "offline = true",
        f"solc = {json.dumps(str(SOLC))}",
        f"evm_version = {json.dumps(compiler_settings()['evmVersion'])}",
        "optimizer = true",
        "optimizer_runs = 200",
        'bytecode_hash = "none"',
        "ast = true",
        "[lint]",
        "lint_on_build = false",
    ]
    (PROJECT / "foundry.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(prefix: str) -> dict[str, dict[str, Any]]:
    answer = PROJECT / f"{prefix}results.json"
    command = [
        str(tools.python_tool("halmos")),
        *("--root", str(PROJECT)),
        *("--function", prefix),
        *("--forge-build-out", "built"),
        *("--json-output", str(answer)),
        *("--solver-timeout-assertion", str(_SOLVER_SECONDS * 1000)),
        *("--loop", str(_LOOP_TURNS)),
        "--no-status",
        "--early-exit",
    ]
    ran = tools.run(command, f"halmos-{prefix}.log", cwd=PROJECT, first=(tools.forge_folder(),))
    try:
        suites = json.loads(answer.read_text(encoding="utf-8"))["test_results"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckError(f"halmos gave no results ({error}): see {ran.log}.") from error
    return {
        str(result["name"]).partition("(")[0]: result
        for results in suites.values()
        for result in results
    }
