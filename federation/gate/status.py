"""What a site can say about its part of a study: from its own chain node and its own journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chain.chain import Chain
from chain.messages import Terms
from federation.app.chain_facts import chain_time
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.site import SiteConfig, connect


@dataclass(frozen=True)
class RoundStatus:
    """One round; `attempt` and `cohort` are of this site's newest commitment, 0 without one.

    `state` is the ledger's word, and `is_member` whether the seal names this site.
    """

    number: int
    state: str
    attempt: int
    cohort: int
    is_member: bool


@dataclass(frozen=True)
class SiteStatus:
    """A site's part of its study; rho in 1e-18.

    `rho_spent` is the ledger's account, `own_tally` this site's, and `cohort_now` the consents
    that a round which opened now would admit here.
    """

    study_id: int
    version: int
    suspended: bool
    account: str
    block: int
    rounds: tuple[RoundStatus, ...]
    rho_spent: int
    rho_ceiling: int
    own_tally: int
    cohort_now: int
    min_cohort: int

    def to_json(self) -> dict[str, Any]:
        """Plain values; rho as decimal strings."""
        value = asdict(self)
        for name in ("rho_spent", "rho_ceiling", "own_tally"):
            value[name] = str(value[name])
        return value


def read_status(folder: Path, last: int = 5) -> SiteStatus:
    """Reads the status, the newest `last` rounds first.

    Raises:
        SiteFolderInvalid, PrivateFileUnsafe, DatabaseUnusable, chain.errors.ChainError
    """
    config = SiteConfig.load(folder)
    keys = SiteKeys.open(folder / "keys")
    site = keys.public.account
    keys.close()
    chain = connect(folder, config)
    study = chain.registry.study(config.study_id)
    terms = chain.registry.terms(config.study_id, study.current_version)
    newest = chain.ledger.round_count(config.study_id)
    numbers = range(newest, max(0, newest - last), -1)
    return SiteStatus(
        study_id=config.study_id,
        version=study.current_version,
        suspended=study.suspended,
        account=site,
        block=chain.head().number,
        rounds=tuple(_round(chain, config.study_id, number, site) for number in numbers),
        rho_spent=chain.ledger.rho_spent(config.study_id),
        rho_ceiling=terms.rho_ceiling,
        own_tally=_own_tally(folder, config.study_id),
        cohort_now=cohort_size_now(chain, terms, config.study_id, site),
        min_cohort=terms.min_cohort,
    )


def cohort_size_now(chain: Chain, terms: Terms, study_id: int, site: str) -> int:
    """How many tokens a round that opened now would admit at a site."""
    lasts = terms.commit_seconds + terms.seal_seconds + terms.delivery_seconds + terms.close_seconds
    block, at = chain.head().number, chain_time(chain) + lasts
    return len(chain.consent.all_active_tokens(study_id, site, terms.purposes, at, block=block))


def _round(chain: Chain, study_id: int, number: int, site: str) -> RoundStatus:
    own = chain.ledger.commitment_of(study_id, number, site)
    return RoundStatus(
        number=number,
        state=chain.ledger.round(study_id, number).state.name.lower(),
        attempt=own.attempt,
        cohort=own.cohort_size,
        is_member=site in chain.ledger.members(study_id, number),
    )


def _own_tally(folder: Path, study_id: int) -> int:
    path = folder / "state.db"
    if not path.exists():
        return 0
    journal = Journal.open(path)
    try:
        return journal.spent(study_id)
    finally:
        journal.close()
