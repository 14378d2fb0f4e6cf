"""`assent study withdrawals`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import DeploymentFile, MaybeRpc, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_json, show_table, warn
from scripts.known_contracts import known_contracts
from scripts.trusted_block import TrustBlock, hash_of

if TYPE_CHECKING:
    from audit.remedies import Clock, Withdrawal


def withdrawals(
    study: StudyNumber,
    deployment: DeploymentFile,
    rpc: MaybeRpc = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Work it out of a bundle instead, offline."),
    ] = None,
    trust_block: TrustBlock = "",
    json_: JsonOption = False,
) -> None:
    """List the withdrawn consents of a study, what became of each, and which clocks still run.

    From your node, or from a bundle, which is verified first: exit code 1 when it does not hold.
    """
    code = 0
    if bundle is not None:
        found, code = _of_bundle(study, bundle, trust_block, deployment)
    elif rpc is None:
        raise BadInput("name what to read it from: --rpc, or --bundle")
    else:
        found = _of_node(study, rpc, deployment)
    if json_:
        show_json({"study": study, "withdrawals": [one.to_json() for one in found]})
    else:
        _show(study, found)
    raise typer.Exit(code)


def _of_node(study: int, rpc: str, deployment: Path) -> list[Withdrawal]:
    from audit.withdrawals import withdrawals as ledger
    from study.overview import replay

    chain = connect(rpc, deployment)
    return ledger(replay(chain, study), chain.head().timestamp)


def _of_bundle(
    study: int, bundle: Path, trust_block: str, deployment: Path
) -> tuple[list[Withdrawal], int]:
    from audit.verify import verify_folder

    known = known_contracts(deployment)
    report = verify_folder(bundle, hash_of(trust_block), contracts=known)
    if report.study != study:
        raise BadInput(f"{bundle} is of study {report.study}, not {study}")
    if not report.ok:
        warn(
            f"{len(report.failed)} checks of the bundle do not hold, so what follows is not proven:"
            " `assent verify` names them."
        )
    return list(report.withdrawals), report.exit_code


def _show(study: int, found: list[Withdrawal]) -> None:
    if not found:
        say(f"Nobody has withdrawn a consent to study {study}.")
        return
    show_table(
        f"Withdrawals of study {study}",
        ("consent", "withdrawn", "class", "epsilon", "rounds", "use halted", "class final"),
        [_row(one) for one in found],
    )
    _say_what_to_do(study, found)


def _row(one: Withdrawal) -> tuple[str, ...]:
    from audit.remedies import spans
    from audit.times import moment
    from chain.messages import split_token_id

    _, site, index = split_token_id(one.token_id)
    return (
        f"{site[:6]}…{site[-4:]} no. {index}",
        moment(one.revoked.time),
        one.remedy.value,
        f"{one.bound.epsilon:.3g}" if one.bound else "",
        spans(use.round for use in one.uses),
        _clock(one.halting),
        _clock(one.finishing),
    )


def _clock(clock: Clock) -> str:
    from audit.times import moment

    if clock.ended is None:
        return f"due by {moment(clock.deadline)}"
    return moment(clock.ended) if clock.in_time else f"late, {moment(clock.ended)}"


def _say_what_to_do(study: int, found: list[Withdrawal]) -> None:
    from audit.remedies import Remedy

    waiting = [one for one in found if one.remedy == Remedy.BOUNDED and not one.is_final]
    if waiting:
        base = min(one.last_clean for one in waiting)
        say(
            f"{len(waiting)} of these records may be in models that the study goes on with. To go"
            f" back behind all of them, reviewers sign `assent irb sign-rollback {study} OUT.json"
            f" --to {base} --key FILE`, and `assent study rollback` carries their files."
        )
    say(
        "Rounds: those that may have used the record, for its consent was active as the site read"
        " its cohort and the site was sealed in. Whether it was counted, only a receipt proves."
        " epsilon is over those rounds, abandoned ones included."
    )
