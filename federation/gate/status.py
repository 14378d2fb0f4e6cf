"""What a site can say about its part of a study: from its own chain node and its own journal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.times import moment
from chain.chain import Chain
from federation.gate.challenges import OpenChallenge, open_challenges
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.record_counts import (
    RecordCounts,
    consents_now,
    count_records,
    open_journal,
)
from federation.gate.replay_window import replay_until
from federation.gate.site import SiteConfig, connect
from federation.gate.snapshots import Snapshots


@dataclass(frozen=True)
class RoundStatus:
    """One round; `attempt` and `cohort` are of this site's newest commitment, 0 without one.

    `state` is the ledger's word, `is_member` whether the seal names this site, `delivered` whether
    this site has made its delivery, and `on_record` whether the ledger has that. `replay_until` is
    the last second (since 1970) at which it can be replayed here, 0 when it cannot.
    """

    number: int
    state: str
    attempt: int
    cohort: int
    is_member: bool
    delivered: bool
    on_record: bool
    replay_until: int


@dataclass(frozen=True)
class SiteStatus:
    """A site's part of its study; rho in 1e-18, times in seconds since 1970.

    `barred_for` is the round that this site is barred for, 0 when it is not; `charged_aborts` of
    `max_charged_aborts` sealed rounds were aborted since the last suspension. `rho_spent` is the
    ledger's account, `own_tally` this site's, and `cohort_now` the consents that a round which
    opened now would admit here; `records` is what the hospital's ceiling means to their records.
    """

    study_id: int
    version: int
    suspended: bool
    approved_until: int
    barred_for: int
    charged_aborts: int
    max_charged_aborts: int
    challenges: tuple[OpenChallenge, ...]
    account: str
    block: int
    rounds: tuple[RoundStatus, ...]
    rho_spent: int
    rho_ceiling: int
    own_tally: int
    cohort_now: int
    min_cohort: int
    records: RecordCounts

    def to_json(self) -> dict[str, Any]:
        """Plain values; rho as decimal strings."""
        value = asdict(self)
        for name in ("rho_spent", "rho_ceiling", "own_tally"):
            value[name] = str(value[name])
        value["records"]["ceiling"] = str(value["records"]["ceiling"])
        for challenge in value["challenges"]:
            challenge["token_id"] = str(challenge["token_id"])
        return value

    @property
    def remedies(self) -> list[str]:
        """What somebody has to do before, or so that, this site takes part in rounds."""
        found = []
        if self.barred_for:
            found.append(
                f"This site is barred for round {self.barred_for}: it was sealed in and did not"
                " deliver, or did not answer a challenge. Its commitments are refused until a"
                " reviewer readmits it: show the study's reviewers why, and ask one for `assent irb"
                " readmit`."
            )
        found += [
            f"Answer before {moment(challenge.answer_by)} or be barred: round"
            f" {challenge.round_number}, {challenge.asks_for}. Use `assent site answer`."
            for challenge in self.challenges
        ]
        found += [
            f"Round {one.number} is still sealed. This site's delivery goes on record by itself"
            " before the delivery deadline while the site runs; `assent site record-delivery`"
            " does it now."
            for one in self.rounds
            if one.state == "sealed" and one.delivered and not one.on_record
        ]
        if self.records.reaching_it:
            found.append(self.records.in_words)
        if self.charged_aborts >= self.max_charged_aborts:
            found.append(
                f"No round opens: {self.charged_aborts} sealed rounds were aborted. The reviewers"
                " have to suspend and resume the study."
            )
        return found


def read_status(folder: Path, last: int = 5) -> SiteStatus:
    """Reads the status, the newest `last` rounds first.

    Raises:
        SiteFolderInvalid, PrivateFileUnsafe, DatabaseUnusable, RecordTallyRefused
        chain.errors.ChainError
    """
    config = SiteConfig.load(folder)
    with closing(SiteKeys.open(folder / "keys")) as keys:
        return _read_status(folder, config, keys, last)


def _read_status(folder: Path, config: SiteConfig, keys: SiteKeys, last: int) -> SiteStatus:
    site = keys.public.account
    chain = connect(folder, config)
    study = chain.registry.study(config.study_id)
    terms = chain.registry.terms(config.study_id, study.current_version)
    newest = chain.ledger.round_count(config.study_id)
    numbers = range(newest, max(0, newest - last), -1)
    consents = consents_now(chain, terms, config.study_id, site)
    with open_journal(folder) as journal:
        kept = Snapshots(journal).rounds() if journal else {}
        rounds = tuple(_round(chain, journal, kept, config, number, site) for number in numbers)
        own_tally = journal.spent(config.study_id) if journal else 0
    return SiteStatus(
        study_id=config.study_id,
        version=study.current_version,
        suspended=study.suspended,
        approved_until=study.approved_until,
        barred_for=chain.ledger.barred_for(config.study_id, site),
        charged_aborts=chain.ledger.charged_aborts(config.study_id),
        max_charged_aborts=terms.max_charged_aborts,
        challenges=tuple(open_challenges(chain, config.study_id, site)),
        account=site,
        block=chain.head().number,
        rounds=rounds,
        rho_spent=chain.ledger.rho_spent(config.study_id),
        rho_ceiling=terms.rho_ceiling,
        own_tally=own_tally,
        cohort_now=len(consents),
        min_cohort=terms.min_cohort,
        records=count_records(folder, config, chain, keys, terms, consents),
    )


def _round(
    chain: Chain,
    journal: Journal | None,
    kept: Mapping[tuple[int, int], bool],
    config: SiteConfig,
    number: int,
    site: str,
) -> RoundStatus:
    study_id = config.study_id
    opened = chain.ledger.round(study_id, number)
    own = chain.ledger.commitment_of(study_id, number, site)
    until = 0
    # Absent: nothing was kept, or its window is over. True: a record was taken out.
    if kept.get((study_id, number)) is False:
        terms = chain.registry.terms(study_id, opened.version)
        until = replay_until(opened, terms, config.replay_days)
    return RoundStatus(
        number=number,
        state=opened.state.name.lower(),
        attempt=own.attempt,
        cohort=own.cohort_size,
        is_member=site in chain.ledger.members(study_id, number),
        delivered=journal is not None and journal.delivered(study_id, number) is not None,
        on_record=any(chain.ledger.delivery_of(study_id, number, site)),
        replay_until=until,
    )
