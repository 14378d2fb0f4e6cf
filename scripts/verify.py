"""The `assent verify` command: a reviewer checks a whole study, trusting nobody."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from audit.disclosure import Disclosure
from audit.privacy import RHO_UNIT
from audit.report import Kind, Report, RoundSummary
from audit.spending import Spending
from audit.times import utc
from audit.verify import verify_folder
from scripts.connection import DeploymentFile
from scripts.console import BadInput, JsonOption, say, show_facts, show_table, tick
from scripts.keys import read_x25519
from scripts.known_contracts import KnownStudy, known_contracts
from scripts.replay_files import read_replays
from scripts.trusted_block import TrustBlock, hash_of

_ROUNDS = 40
"""Rounds that are listed without --all."""


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle: its folder, or its one file.")],
    deployment: DeploymentFile,
    trust_block: TrustBlock = "",
    study: KnownStudy = None,
    disclosure: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A cohort that a site has disclosed to you (`assent site disclose`); may be"
            " repeated. Every token in it is checked.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your key that opens them: `assent irb disclosure-key`."),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What a site reports of a replay (`assent site replay --out`); may be repeated. It"
            " is the site's word.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show every check, not one line for each kind.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute every round of a study from its bundle, offline.

    Exit code 0 when every check holds, 1 when one does not, 2 when the bundle cannot be read. A
    fault of a site that is on record, and for which it was barred, is shown and leaves 0: the
    evidence holds.
    """
    report = verify_folder(
        bundle,
        hash_of(trust_block),
        _opened(disclosure or [], key),
        read_replays(replay or []),
        known_contracts(deployment),
        study,
    )
    if as_json:
        show_json_of(report)
    else:
        _show(report, every=every, given=bool(trust_block), named=study is not None)
    raise typer.Exit(report.exit_code)


def show_json_of(report: Report) -> None:
    """The report as one JSON object on stdout, a check at a time: there may be 100,000."""
    text = json.dumps(report.to_json(checks=()), indent=2, sort_keys=True)
    before, after = text.split('"checks": []')
    print(before, end='"checks": [')
    for number, check in enumerate(report.checks):
        one = json.dumps(check.to_json(), indent=2, sort_keys=True)
        print("," if number else "", textwrap.indent(one, " " * 4), sep="\n", end="")
    print("\n  ]" if report.checks else "]", end=f"{after}\n")


def _opened(files: Sequence[Path], key: Path | None) -> list[Disclosure]:
    if not files:
        return []
    from study.disclosure_envelope import MAX_BYTES, open_disclosure

    if key is None:
        raise BadInput("--disclosure is encrypted: name the key that opens it with --key")
    private, opened = read_x25519(key), []
    for file in files:
        if file.stat().st_size > MAX_BYTES:
            raise BadInput(f"{file} is larger than {MAX_BYTES} bytes")
        opened.append(open_disclosure(file.read_bytes(), private))
    return opened


def _show(report: Report, *, every: bool, given: bool, named: bool) -> None:
    show_facts(f"Study {report.study} on chain {report.chain_id}", _whose(report))
    show_table(
        "Rounds",
        ("round", "state", "sites", "patients", "rho so far", "epsilon so far", "why it ended"),
        [_round(one) for one in (report.rounds if every else report.rounds[-_ROUNDS:])],
    )
    if not every and len(report.rounds) > _ROUNDS:
        say(f"The last {_ROUNDS} of {len(report.rounds)} rounds: `--all` shows every one.")
    if report.privacy is not None:
        say(_spent(report.privacy))
    rows = (
        [(tick(c.ok), c.name, c.object, c.kind.value, c.detail) for c in report.checks]
        if every
        else _by_name(report)
    )
    if every:
        show_table("Checks", ("", "check", "object", "kind", "detail"), rows)
    else:
        show_table("Checks", ("", "check", "how many", "kind"), rows)
        show_table(
            "What does not hold",
            ("check", "object", "detail"),
            [(c.name, c.object, c.detail) for c in report.failed],
        )
    show_table(
        "Faults on record",
        ("check", "object", "detail"),
        [(c.name, c.object, c.detail) for c in report.faults],
    )
    attested = sum(check.kind.value == "attested" for check in report.checks)
    if attested:
        say(
            f"{attested} checks rest on what a site attested, or on the proven contract's own rule:"
            " see `--all`."
        )
    replayed = {check.object for check in report.checks if check.name == "replay" and check.ok}
    sealed = sum(len(round_.members) for round_ in report.rounds)
    if sealed:
        say(f"Replayed, by the sites' word: {len(replayed)} of {sealed} sealed contributions.")
    when = "time unknown" if report.block_time is None else utc(report.block_time)
    end = f"block {report.block_number} (0x{report.block_hash.hex()}), {when}"
    if report.ok:
        say(
            f"All {len(report.checks)} checks hold, up to {end}. What came later is not in it.",
            style="green",
        )
        if not named:
            say(
                f"That is so of study {report.study}. Anybody may propose a study in the same"
                " contracts, with other sites, and with you among its reviewers: see that it is the"
                " number that you ask about, or give --study.",
                style="yellow",
            )
        return
    say(
        f"{len(report.failed)} of {len(report.checks)} checks do not hold, up to {end}.",
        style="bold red",
    )
    if not report.trusted and given:
        say(
            "The bundle does not end with the block that you trust. Ask two sites again for the"
            f" hash of block {report.block_number}: if it is not the one above, somebody shows you"
            " another history."
        )
    elif not report.trusted:
        say(
            "The bundle is not anchored: ask two sites for the hash of that block and give it "
            "with --trust-block."
        )


def _whose(report: Report) -> list[tuple[str, object]]:
    """What a reader knows from elsewhere, and has to find again."""
    contracts, seats = report.contracts, report.committee
    rows: list[tuple[str, object]] = [
        ("registry", contracts.registry),
        ("consents", contracts.consent_token),
        ("ledger", contracts.ledger),
    ]
    if seats is not None:
        of = f"reviewers, {seats.threshold} of {len(seats.reviewers)} have to agree"
        rows += [(of if not number else "", who) for number, who in enumerate(seats.reviewers)]
    return rows


def _round(one: RoundSummary) -> tuple[object, ...]:
    """rho and epsilon are of all rounds up to it."""
    rho = epsilon = "not charged"
    if one.charge is not None:
        rho, epsilon = f"{one.charge.rho_spent / RHO_UNIT:.6f}", f"{one.charge.epsilon:.3f}"
    why = one.reason.replace("_", " ")
    state = "retired" if one.retired else one.state
    return one.number, state, len(one.members), one.cohort, rho, epsilon, why


def _spent(all_of_it: Spending) -> str:
    return (
        "Privacy spent in all by the ledger's charges, abandoned rounds included: epsilon"
        f" {all_of_it.epsilon:.3f} of {all_of_it.epsilon_ceiling:.3f} at delta"
        f" {all_of_it.delta:.3g} (rho {all_of_it.rho_spent / RHO_UNIT:.6f} of"
        f" {all_of_it.rho_ceiling / RHO_UNIT:.6f})."
    )


def _by_name(report: Report) -> list[tuple[object, ...]]:
    made: Counter[tuple[str, Kind]] = Counter()
    held: Counter[tuple[str, Kind]] = Counter()
    for check in report.checks:
        made[check.name, check.kind] += 1
        held[check.name, check.kind] += check.ok
    return [
        (tick(held[one] == count), one[0], f"{held[one]} of {count}", one[1].value)
        for one, count in made.items()
    ]
