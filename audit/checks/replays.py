"""Replays that sites have reported: whether each report is that site's, and of this contribution.

What a report says of the computation is the site's word, and is shown as attested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit import canonical_json
from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.replays import ReplayReport, SignedReplay, Verdict
from audit.report import Kind
from audit.round_state import RoundFacts
from chain.messages import Commitment, consent_domain

_SHOWN = 8


def check_replays(context: Context, replays: Sequence[SignedReplay]) -> None:
    """For each adds `replay`: it holds when the report is signed by the site's account, is of what
    the chain and the bundle have of that contribution, and says that it came out bit for bit.
    """
    for signed in replays:
        report = signed.report
        place = f"round {report.round_number}, site {report.site}"
        with context.record.group("replay", place):
            wrong = _why_not(context, signed) or _unlike_replayed(report)
            context.record.add("replay", place, not wrong, wrong or _said(report), Kind.ATTESTED)


def _why_not(context: Context, signed: SignedReplay) -> str:
    """Why this is no report of this site about this contribution; "" when it is one."""
    report, contracts, state = signed.report, context.bundle.contracts, context.state
    ours = (contracts.chain_id, contracts.ledger, context.study)
    if state is None or ours != (report.chain_id, report.ledger, report.study):
        return "the report is not about this study on this chain"
    domain = consent_domain(contracts.chain_id, contracts.consent_token)
    try:
        signer = signed.signer(domain)
    except ValueError:
        signer = ""
    if signer != report.site:
        return f"the report is not signed by {report.site}" + f" but by {signer}" * bool(signer)
    facts = state.history.rounds.get(report.round_number)
    if facts is None or facts.sealed is None or report.site not in facts.sealed.members:
        return "the round was not sealed with this site"
    commitment = facts.newest_commitments()[report.site].commitment
    return _other_contribution(report, facts, commitment) or _other_answer(state, signed)


def _other_contribution(report: ReplayReport, facts: RoundFacts, commitment: Commitment) -> str:
    if (report.attempt, report.committed) != (commitment.attempt, commitment.vector_hash):
        return "the report is of another commitment than the sealed one"
    if report.then is not None:
        committed = hashlib.sha256(canonical_json.dumps(report.then)).digest()
        if committed != commitment.environment_hash:
            return "the environment that it states is not the one in the commitment"
    masked = _masked(report.site, facts)
    if masked is not None and report.delivered not in (None, masked):
        return "the masked vector that it states is not the one that was delivered"
    return ""


def _masked(site: str, facts: RoundFacts) -> bytes | None:
    """The 32 bytes that name the masked vector which the chain has of a member
    (`audit.cid.digest_of`); None while it has none.
    """
    if facts.closed is not None and facts.sealed is not None:
        return facts.closed.masked_hashes[facts.sealed.members.index(site)]
    return facts.deliveries.get(site)


def _other_answer(state: StudyState, signed: SignedReplay) -> str:
    """When a reviewer asked on chain, the answer's hash there is that of this very file."""
    report = signed.report
    asked = state.history.challenges.get((report.round_number, report.site, 0))
    if asked is None or asked.answer_hash in (None, signed.file_hash):
        return ""
    return "the site answered the reviewer's challenge on chain with another file"


def _unlike_replayed(report: ReplayReport) -> str:
    if report.verdict is Verdict.REPLAYED:
        return ""
    if report.verdict is Verdict.NOT_REPLAYABLE:
        return f"the site says that it is not replayable: {report.missing or 'a hash is missing'}"
    parts = [
        f"{one.part.value} ({one.count}"
        + ("" if one.largest is None else f", by at most {one.largest} grid steps")
        + ")"
        for one in report.differences
    ]
    return f"the site says that it differs: {', '.join(parts) or 'no part named'}" + _environment(
        report
    )


def _said(report: ReplayReport) -> str:
    return (
        "the site signs that commitment and masked vector came out again, bit for bit, on its"
        f" premises; nobody else has computed them{_environment(report)}"
    )


def _environment(report: ReplayReport) -> str:
    if not report.changed:
        return ""
    more = f" and {len(report.changed) - _SHOWN} more" if len(report.changed) > _SHOWN else ""
    names = ", ".join(report.changed[:_SHOWN])[:400]
    # Names are the site's: none may move a reader's cursor.
    shown = "".join(letter if letter.isprintable() else "?" for letter in names)
    return f"; changed since the round: {shown}{more}"
