"""What a run over mutants shows, and which survivors are accepted."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from assurance.mutation.mutants import Mutant
from assurance.outcome import CheckError, Outcome
from assurance.sources import OUT, ROOT

#: Share of valid mutants that must be killed.
AIM = 0.95

ACCEPTED = Path(__file__).parent / "accepted.toml"
REPORT = OUT / "mutation.json"


def judged(
    chosen: Sequence[Mutant],
    verdicts: Mapping[Mutant, str],
    found: Sequence[Mutant],
    accepted_in: Path = ACCEPTED,
) -> Outcome:
    """Whether enough of the mutants `chosen` from `found` were killed, and each survivor accepted.

    Writes out/audit-contracts/mutation.json. Raises CheckError when nothing was tested.
    """
    total = len(found)
    of = {mutant: verdicts.get(mutant, "not tested") for mutant in chosen}
    count = {what: list(of.values()).count(what) for what in sorted(set(of.values()))}
    killed, survived = count.get("killed", 0), count.get("survived", 0)
    if killed + survived == 0:
        raise CheckError("No mutant was tested.")
    score = killed / (killed + survived)
    accepted = _accepted(accepted_in)
    problems = []
    entries = []
    for mutant in sorted(one for one, verdict in of.items() if verdict == "survived"):
        original = (ROOT / mutant.file).read_bytes()
        key, lines = mutant.key(original), mutant.changed_lines(original)
        reason = accepted.get(key)
        where = f"{mutant.file}:{mutant.line(original)}"
        entry = {"key": key, "where": where, "operator": mutant.operator, "lines": lines}
        entries.append(entry | {"reason": reason, "negation": mutant.is_negation})
        if reason is None:
            problems.append(f"{where} ({mutant.operator}, {key}) survived:\n" + "\n".join(lines))
    problems += _stale(accepted, found, of)
    if count.get("not tested"):
        problems.append(f"{count['not tested']} mutants were not tested in time: run it again.")
    if score < AIM:
        problems.append(f"{score:.1%} of the valid mutants were killed: {AIM:.0%} must be.")
    figures = {"mutants": total, "sample": len(chosen), "score": score, **count}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(figures | {"survivors": entries}, indent=1), encoding="utf-8")
    negations = [mutant for mutant in chosen if mutant.is_negation]
    dead = sum(of[mutant] in ("killed", "invalid", "equivalent") for mutant in negations)
    summary = (
        f"{killed} of {killed + survived} valid mutants killed ({score:.1%}), "
        f"{dead} of {len(negations)} negated conditions, {len(chosen)} of {total} taken"
    )
    return Outcome(summary, tuple(problems), figures)


def _stale(
    accepted: Mapping[str, str], found: Sequence[Mutant], verdicts: Mapping[Mutant, str]
) -> list[str]:
    """A sentence for each accepted survivor that is none, or that nothing makes any more."""
    if not accepted:
        return []
    texts = {file: (ROOT / file).read_bytes() for file in {mutant.file for mutant in found}}
    of: dict[str, set[str]] = {}
    for mutant in found:
        verdict = verdicts.get(mutant, "not taken")
        of.setdefault(mutant.key(texts[mutant.file]), set()).add(verdict)
    alive = {"survived", "not taken", "not tested"}
    return [
        f"{ACCEPTED.name} accepts {key}, which "
        + ("no change makes any more" if key not in of else f"is {', '.join(sorted(of[key]))}")
        for key in sorted(accepted)
        if not of.get(key, set()) & alive
    ]


def _accepted(path: Path) -> dict[str, str]:
    """Reasons by key. Raises CheckError for an entry without one."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CheckError(f"{path.name} cannot be read: {error}") from error
    for entry in entries:
        if len(str(entry.get("reason", "")).split()) < 3:
            raise CheckError(f"{path.name}: {entry.get('key')} has no reason.")
    return {entry["key"]: entry["reason"] for entry in entries}
