"""The withdrawal ledger, worked out again: for each revoked consent, what became of it and when."""

from __future__ import annotations

from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.remedies import Remedy, Withdrawal, spans
from audit.report import Kind
from audit.round_state import Moment
from audit.times import utc
from audit.withdrawals import withdrawals


def check_withdrawals(context: Context) -> None:
    """Adds `withdrawal` for every revoked consent."""
    state = context.state
    if state is None:
        return
    now = context.header.timestamp if context.header else state.time
    found = withdrawals(state, now)
    for one in found:
        with context.record.group("withdrawal", f"token {one.token_id}"):
            _check_withdrawal(context, state, one)
    context.withdrawals = tuple(found)
    if not found:
        where = f"study {context.study}"
        context.record.add("withdrawal", where, True, "nobody has withdrawn a consent")


def _check_withdrawal(context: Context, state: StudyState, withdrawal: Withdrawal) -> None:
    """Nothing was made of a record after its use had to halt; the class is final, or has time."""
    late = [
        use.round
        for use in withdrawal.uses
        if (closed := state.history.rounds[use.round].closed_at) is not None
        and _is_after(closed, withdrawal)
    ]
    where, detail = f"token {withdrawal.token_id}", _words(withdrawal)
    if late:
        numbers = spans(late)
        detail = f"rounds {numbers} closed with it after its use had to halt; {detail}"
    kind = Kind.RECOMPUTED if withdrawal.is_final else Kind.PENDING
    context.record.add("withdrawal", where, not late, detail, kind)


def _is_after(closed: Moment, withdrawal: Withdrawal) -> bool:
    if closed.position < withdrawal.revoked.position:
        return False
    halting = withdrawal.halting
    if halting.at_once:
        return True
    return halting.ended is not None and closed.time > halting.ended


def _words(withdrawal: Withdrawal) -> str:
    bound, halting, finishing = withdrawal.bound, withdrawal.halting, withdrawal.finishing
    said = withdrawal.remedy.value
    if bound is not None:
        numbers = spans(use.round for use in withdrawal.uses)
        said += f", epsilon {bound.epsilon:.3g} at delta {bound.delta:.1g} over rounds {numbers}"
    if withdrawal.remedy != Remedy.NOT_USED:
        descending = spans(one.round for one in withdrawal.descending)
        said += f"; checkpoints of rounds {descending} descend from it"
    halted = "has to halt" if halting.ended is None else "halted"
    final = "final" if withdrawal.is_final else "has to be final"
    return (
        f"{said}; revoked at {utc(withdrawal.revoked.time)} (block {withdrawal.revoked.block}), its"
        f" use {halted} by {utc(halting.ended or halting.deadline)}, the class is {final} by"
        f" {utc(finishing.ended or finishing.deadline)}"
    )
