"""What becomes of the records of a site's cohort: counts, and no record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chain.chain import Chain
from chain.messages import Consent, Terms, rho_of_round, token_id
from federation.app.chain_facts import chain_time
from federation.app.opening import round_seconds
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.record_cap import record_ids_of
from federation.gate.records.errors import RecordUnknown
from federation.gate.records.store import DataPeriod, RecordStore
from federation.gate.site import SiteConfig, connect, open_record_cap


@dataclass(frozen=True)
class RecordCounts:
    """How many of a cohort's records the ceiling stops; no record is named.

    `at_ceiling` have no room for one more round of the study, `reaching_it` have none for all that
    the study may still spend; the former are among the latter. `rho` values are in 1e-18.
    """

    records: int
    at_ceiling: int
    reaching_it: int
    ceiling: int
    studies: int

    @property
    def in_words(self) -> str:
        """What it means to the study."""
        return (
            f"Of {self.records} records {self.at_ceiling} have reached the hospital's ceiling of"
            f" rho {self.ceiling / 10**18:.6g} over all its studies: they count and contribute"
            f" nothing. {self.reaching_it} will have by the time this study's budget is used up."
        )


def count_records(
    folder: Path,
    config: SiteConfig,
    chain: Chain,
    keys: SiteKeys,
    terms: Terms,
    consents: Sequence[Consent],
) -> RecordCounts:
    """Of the records behind consents, under the terms in force.

    Raises:
        RecordTallyRefused, PrivateFileUnsafe, DatabaseUnusable, chain.errors.ChainError
    """
    study_id, site = config.study_id, keys.public.account
    rho = rho_of_round(terms.noise_multiplier)
    left = max(rho, terms.rho_ceiling - chain.ledger.rho_spent(study_id))
    with (
        open_journal(folder) as journal,
        closing(open_record_cap(folder, config, chain, site, journal)) as cap,
    ):
        totals = cap.totals(record_ids_of(consents, keys)).values()
        return RecordCounts(
            records=len(totals),
            at_ceiling=sum(total + rho > cap.ceiling for total in totals),
            reaching_it=sum(total + left > cap.ceiling for total in totals),
            ceiling=cap.ceiling,
            studies=cap.tally.account_count(),
        )


def read_record_counts(folder: Path) -> tuple[RecordCounts, Path]:
    """Of the records that a round which opened now would admit, and the tally's file.

    Raises: as `count_records`, and SiteFolderInvalid.
    """
    config = SiteConfig.load(folder)
    chain = connect(folder, config)
    terms = chain.registry.terms(
        config.study_id, chain.registry.study(config.study_id).current_version
    )
    with closing(SiteKeys.open(folder / "keys")) as keys:
        consents = consents_now(chain, terms, config.study_id, keys.public.account)
        counts = count_records(folder, config, chain, keys, terms, consents)
    return counts, config.record_tally_path(folder)


def count_anew(folder: Path) -> None:
    """Has the tally count a folder's study from the chain alone, past rounds for every record.

    For a hospital whose tally is lost. A study that is counted already stays as it is.

    Raises: as `count_records`, and SiteFolderInvalid.
    """
    config = SiteConfig.load(folder)
    with closing(SiteKeys.open(folder / "keys")) as keys:
        site = keys.public.account
    with closing(open_record_cap(folder, config, connect(folder, config), site, None)) as cap:
        cap.make_anew()


def consents_now(chain: Chain, terms: Terms, study_id: int, site: str) -> list[Consent]:
    """What a round that opened now would admit at a site."""
    block, at = chain.head().number, chain_time(chain) + round_seconds(terms)
    active = chain.consent.all_active_tokens(study_id, site, terms.purposes, at, block=block)
    tokens = [token_id(study_id, site, index) for index in sorted(active)]
    return list(chain.consent.consents(tokens, block=block))


def count_without_results(consents: Iterable[Consent], keys: SiteKeys, records: RecordStore) -> int:
    """Of how many consents nothing is in the store that a round could use: they count in a cohort,
    and their patients give nothing without knowing it.

    Raises:
        records.errors.RecordsError, DatabaseUnusable
    """
    return sum(not _has_results(consent, keys, records) for consent in consents)


def _has_results(consent: Consent, keys: SiteKeys, records: RecordStore) -> bool:
    record_id = keys.record_of(consent.record_commitment)
    if record_id is None:
        return False
    try:
        period = DataPeriod.from_unix(consent.data_start, consent.data_end)
        record = records.record(record_id, period)
    except RecordUnknown:
        return False
    return bool(record.observations)


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal | None]:
    """The site's journal; None before its first round."""
    path = folder / "state.db"
    if not path.exists():
        yield None
        return
    with closing(Journal.open(path)) as journal:
        yield journal
