"""A study as it stands: its history replayed from a node's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.consent_state import StudyState
from audit.round_state import RoundFacts
from audit.withdrawal_study import may_have_used
from chain.errors import RegistryStudyUnknown
from chain.messages import Study, split_token_id

if TYPE_CHECKING:
    from chain.chain import Chain


def require_study(chain: Chain, study_id: int, version: int = 1) -> Study:
    """A study's standing. Raises RegistryStudyUnknown when there is none, or no such version."""
    study = chain.registry.study(study_id)
    if not 1 <= version <= study.proposed_version:
        raise RegistryStudyUnknown(study_id)
    return study


def replay(chain: Chain, study_id: int) -> StudyState:
    """Every event of the study, replayed; the node is believed here, unlike in `assent verify`.

    Raises:
        RegistryStudyUnknown, chain.errors.ChainError, audit.errors.HistoryInvalid
    """
    require_study(chain, study_id)
    return StudyState.replay(chain.events_of((0, study_id)), study_id)


@dataclass(frozen=True)
class TokenRound:
    """Whether one round could have used a token's record: the site's commitment is of that time.

    Attributes:
        used: True: the record was in the site's cohort, if the site did as it committed; False: it
            was not; None: the site has committed nothing (yet).
    """

    number: int
    state: str
    used: bool | None

    @property
    def says(self) -> str:
        """In words; what the site did is for a receipt to prove."""
        return _USED[self.used]


_USED = {True: "may have used it", False: "did not use it", None: "the hospital sent nothing"}


def rounds_of_token(state: StudyState, token_id: int) -> list[TokenRound]:
    """Every round of the study, as seen from one token: by chain facts alone, as sites admit.

    A site admits a token that is active to the close deadline, at the block of its commitment.
    """
    _, site, _ = split_token_id(token_id)
    rounds = []
    for number, facts in state.history.rounds.items():
        used = _used(state, facts, site, token_id)
        rounds.append(TokenRound(number, facts.state.name.lower(), used))
    return rounds


def _used(state: StudyState, facts: RoundFacts, site: str, token_id: int) -> bool | None:
    committing = facts.newest_commitments().get(site)
    if committing is None:
        return None
    if facts.sealed and site not in facts.sealed.members:
        return False
    return may_have_used(state, facts, committing, token_id)
