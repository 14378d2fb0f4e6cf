"""Where a round stands: who has committed, who is missing, how long is left, what can be done."""

from __future__ import annotations

from api.blocks import BlockShown
from api.index.state import study_state
from api.problems import NotFound
from api.review.chain_time import chain_time
from api.review.reading import looking, newest_indexed
from api.service import Service
from api.sites.models import Deadline, RoundProgress, SiteInRound
from api.sites.next_steps import Situation, next_steps
from audit.round_state import Committing, RoundFacts
from audit.times import moment
from chain.chain import Block, Chain
from chain.messages import RoundState
from study.terms_text import duration

_UNDER_WAY = (RoundState.OPEN, RoundState.SEALED)


def round_progress(service: Service, chain: Chain, study_id: int, number: int) -> RoundProgress:
    """As of the newest indexed block; whether commitments are current is asked of that block.

    Raises:
        NotFound: there is no such study or round.
        chain.errors.ChainError
    """
    with looking(service) as database:
        as_of = newest_indexed(database)
        state = study_state(database, study_id)
    facts = state.history.rounds.get(number)
    if facts is None:
        raise NotFound(f"study {study_id} has no round {number}")
    terms = state.history.versions[facts.opened.version].terms
    block = Block(as_of.number, bytes.fromhex(as_of.hash[2:]), as_of.timestamp)
    current = {
        site
        for site in terms.sites
        if facts.state in _UNDER_WAY
        and chain.ledger.is_current(study_id, number, site, block=as_of.number)
    }
    situation = Situation(state, facts, terms, frozenset(current), chain_time(block, service.clock))
    return _told(situation, study_id, as_of)


def _told(situation: Situation, study_id: int, as_of: BlockShown) -> RoundProgress:
    facts, now = situation.facts, situation.now
    return RoundProgress(
        study_id=study_id,
        number=facts.number,
        state=facts.state.name.lower(),  # type: ignore[arg-type]
        version=facts.opened.version,
        as_of=as_of,
        now=now,
        words=_words(situation),
        deadlines=_deadlines(facts, now) if facts.state in _UNDER_WAY else [],
        committed=len(facts.newest_commitments()),
        missing=situation.missing(),
        sites=[_site(situation, site) for site in situation.terms.sites],
        next=next_steps(situation),
    )


def _words(situation: Situation) -> str:
    facts, total = situation.facts, len(situation.terms.sites)
    name = f"Round {facts.number}"
    match facts.state:
        case RoundState.OPEN:
            return (
                f"{name} is open: {len(situation.current)} of {total} sites have a current"
                f" commitment; sealing takes {situation.terms.min_sites}."
            )
        case RoundState.SEALED:
            members = len(facts.sealed.members) if facts.sealed else 0
            return f"{name} is sealed with {members} of {total} sites, and charged."
        case RoundState.CLOSED:
            return f"{name} is closed."
        case _:
            reason = facts.aborted.reason.name.lower().replace("_", " ") if facts.aborted else "?"
            return f"{name} was abandoned ({reason})."


def _deadlines(facts: RoundFacts, now: int) -> list[Deadline]:
    opened = facts.opened
    listed = (
        ("commit", opened.commit_deadline, "sites commit"),
        ("seal", opened.seal_deadline, "the round is sealed"),
        ("delivery", opened.delivery_deadline, "members deliver"),
        ("close", opened.close_deadline, "the round is closed"),
    )
    told = []
    for act, at, what in listed:
        left = max(0, at - now)
        rest = f"{_roughly(left)} left" if left else "over"
        told.append(
            Deadline(act=act, at=at, seconds_left=left, words=f"{what} before {moment(at)}: {rest}")
        )
    return told


def _roughly(seconds: int) -> str:
    """Time left in the largest unit of which there are two or more, rounded down."""
    for unit in (86_400, 3600, 60):
        if seconds >= 2 * unit:
            return duration(seconds // unit * unit) if seconds // unit * unit else f"{seconds} s"
    return f"{seconds} s"


def _site(situation: Situation, site: str) -> SiteInRound:
    facts = situation.facts
    committing = facts.newest_commitments().get(site)
    current = site in situation.current
    state, words = _standing(situation, site, committing)
    return SiteInRound(
        site=site,
        state=state,  # type: ignore[arg-type]
        attempt=committing.commitment.attempt if committing else 0,
        cohort=committing.commitment.cohort_size if committing else 0,
        block_number=committing.commitment.block_number if committing else None,
        current=current,
        words=words,
    )


def _standing(situation: Situation, site: str, committing: Committing | None) -> tuple[str, str]:
    facts = situation.facts
    if facts.sealed is not None:
        if site not in facts.sealed.members:
            return "left-out", "is not among the round's contributors"
        if site in facts.deliveries:
            return "delivered", "has put its delivery on record"
        return "sealed", "is a contributor; its delivery shows when the round closes"
    barred = situation.state.barred_for(site)
    if barred:
        return "barred", f"is barred for round {barred} until a reviewer readmits it"
    if committing is None:
        return "missing", "has committed nothing"
    if facts.state == RoundState.OPEN and site not in situation.current:
        return "out-of-date", "a consent ended after it committed: it has to commit again"
    return "committed", f"committed to {committing.commitment.cohort_size} patients"
