"""Everything that a round will need, asked one by one: each answer says what to do when it is no.

Checks that need an earlier one are reported as not possible, never left out, so that a list always
has the same lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import psutil

from audit.cid import cid_of_sha256
from chain.chain import Chain
from chain.errors import ChainError
from chain.messages import Consent, Study, Terms
from chain.sqlite_file import SqliteFileUnusable
from federation.gate.flower_settings import FlowerSettings, ask_superlink, read_authority
from federation.gate.fork_server.libraries import (
    FLWR_VERSION,
    UnusableEnvironmentError,
    check_flwr_version,
)
from federation.gate.fork_server.verdict import GateRefused
from federation.gate.gate import check_study
from federation.gate.joining import JoinRefused, refuse_unless_named
from federation.gate.keys import KeyFolderInvalid, SiteKeys
from federation.gate.private_database import DatabaseUnusable
from federation.gate.private_files import PrivateFileUnsafe, require_private_folder
from federation.gate.record_counts import (
    consents_now,
    count_records,
    count_without_results,
)
from federation.gate.record_tally import RecordTallyRefused
from federation.gate.records.errors import RecordsError, StoreBusy, StoreCorrupt, StoreRefused
from federation.gate.records.store import RecordStore
from federation.gate.site import SiteConfig, SiteFolderInvalid, connect
from ipfs.objects import ObjectStore, ObjectStoreError, ObjectStoreUnreachable

#: A site's two long processes and a round's children, measured at about 1.4 GB.
NEEDED_MEMORY = 2 * 10**9
#: A commitment costs about 250,000 gas; a round may need several.
NEEDED_GAS = 2_000_000
#: Seconds that a block may lie in the future of this machine's clock.
CLOCK_TOLERANCE = 120

_SECRET_SUFFIXES = (".db", ".key", ".secret")
_T = TypeVar("_T")
#: What a site can meet with on the way: each says in its message what it is about.
KNOWN_TROUBLE = (
    ChainError,
    DatabaseUnusable,
    GateRefused,
    JoinRefused,
    KeyFolderInvalid,
    ObjectStoreError,
    OSError,
    PrivateFileUnsafe,
    RecordTallyRefused,
    RecordsError,
    SiteFolderInvalid,
    SqliteFileUnusable,
    UnusableEnvironmentError,
    ValueError,
)
#: These say what to do by themselves: a full disk needs room, and not the check's usual remedy.
_SAY_WHAT_TO_DO = (DatabaseUnusable, SqliteFileUnusable, StoreBusy, StoreCorrupt, StoreRefused)
AS_THE_LINE_SAYS = "do what its line says"


class Outcome(StrEnum):
    """What became of a check."""

    HOLDS = "holds"
    FAILS = "fails"
    WAITS = "waits"
    """Another check fails that it needs: mended there, it can be made."""


@dataclass(frozen=True)
class Check:
    """What was asked, what became of it, what was found, and what to do where it does not hold.

    `warning` is what somebody should know of although it holds.
    """

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""
    warning: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.HOLDS

    @classmethod
    def holds(cls, name: str, found: str, warning: str = "") -> Check:
        return cls(name, Outcome.HOLDS, found, warning=warning)

    @classmethod
    def fails(cls, name: str, found: str, remedy: str) -> Check:
        return cls(name, Outcome.FAILS, found, remedy)

    @classmethod
    def waits(cls, name: str, missing: object) -> Check:
        """`missing`: what another line lacks."""
        return cls(name, Outcome.WAITS, f"not asked: {missing}", "mend the lines above first")


class _Missing(Exception):
    """A check cannot be made because an earlier one failed."""


class _Failed(Exception):
    """A check does not hold."""


class Preflight:
    """The checks of one site folder; `run` makes them all and raises for none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config: SiteConfig | None = None
        self._keys: SiteKeys | None = None
        self._chain: Chain | None = None
        self._terms: Terms | None = None
        self._study: Study | None = None
        self._consents: list[Consent] | None = None
        self._has_records = False
        self._warning = ""

    def run(self) -> Iterator[Check]:
        """The checks in order, each as soon as it is made."""
        for name, ask, remedy in self._checks():
            self._warning = ""
            try:
                yield Check.holds(name, ask(), self._warning)
            except _Missing as missing:
                yield Check.waits(name, missing)
            except _Failed as failed:
                yield Check.fails(name, str(failed), remedy)
            except _SAY_WHAT_TO_DO as error:
                yield Check.fails(name, str(error), AS_THE_LINE_SAYS)
            except KNOWN_TROUBLE as error:
                yield Check.fails(name, str(error), remedy)
        if self._keys is not None:
            self._keys.close()

    def _checks(self) -> list[tuple[str, Callable[[], str], str]]:
        return [
            (
                "folder",
                self._ask_folder,
                "give the folder to the site's user, then chmod -R go= it",
            ),
            (
                "keys",
                self._ask_keys,
                "do what its line says; restore the site's backup only for a key that is lost",
            ),
            ("settings", self._ask_settings, "run `assent site join`"),
            ("records", self._ask_records, "run `assent site load`"),
            ("flwr", self._ask_flwr, "install the site's locked requirements again"),
            ("memory", self._ask_memory, "close other programs or use a larger machine"),
            ("chain", self._ask_chain, "start the site's chain node; check proxy and firewall"),
            ("chain is fresh", self._ask_fresh, "let the node catch up with its network"),
            ("clock", self._ask_clock, "set this machine's clock, by NTP for instance"),
            ("balance", self._ask_balance, "have the network's operator fund the site's account"),
            ("study", self._ask_study, "ask the coordinator and the reviewers; do not start"),
            (
                "site in terms",
                self._ask_site,
                "tell the sponsor; the terms or the folder are wrong",
            ),
            (
                "not barred",
                self._ask_barred,
                "ask a reviewer of the study to readmit this site (`assent irb readmit`)",
            ),
            ("IPFS", self._ask_ipfs, "start the site's IPFS node and connect it to the study's"),
            ("SuperLink", self._ask_superlink, "check address, authority, proxy and firewall"),
            (
                "cohort",
                self._ask_cohort,
                "enrol more patients; smaller cohorts take part in no round",
            ),
            (
                "record ceiling",
                self._ask_record_ceiling,
                "see what the line says of the hospital's tally of records",
            ),
        ]

    # -- this machine ------------------------------------------------------------------------

    def _ask_folder(self) -> str:
        require_private_folder(self._folder)
        loose = [
            path.relative_to(self._folder).as_posix()
            for path in sorted(self._folder.rglob("*"))
            if path.suffix in _SECRET_SUFFIXES and not _is_private(path)
        ]
        if loose:
            raise _Failed(f"open to other users: {', '.join(loose[:5])}")
        return "closed to other users"

    def _ask_keys(self) -> str:
        keys = SiteKeys.open(self._folder / "keys")
        if keys.account.address != keys.public.account:
            raise _Failed("the account key is not the one in public.json")
        _ = (keys.enrolment_account, keys.noise_secret)
        self._keys = keys
        return f"account {keys.public.account}"

    def _ask_settings(self) -> str:
        self._config = SiteConfig.load(self._folder)
        FlowerSettings.load(self._folder)
        return f"study {self._config.study_id}"

    def _ask_records(self) -> str:
        with RecordStore.open(self._folder / "records.db") as records:
            count = len(records.record_ids())
        if count == 0:
            raise _Failed("no usable record is loaded")
        self._has_records = True
        return f"{count} usable records"

    def _ask_flwr(self) -> str:
        check_flwr_version()
        return FLWR_VERSION

    def _ask_memory(self) -> str:
        free = psutil.virtual_memory().available
        if free < NEEDED_MEMORY:
            raise _Failed(f"{free / 1e9:.1f} GB free; a round needs {NEEDED_MEMORY / 1e9:.0f} GB")
        return f"{free / 1e9:.1f} GB free"

    # -- the chain ---------------------------------------------------------------------------

    def _ask_chain(self) -> str:
        config = _require(self._config, "no settings")
        self._chain = connect(self._folder, config)
        deployment = self._chain.deployment
        return f"chain {deployment.chain_id}, its contracts at {deployment.registry} and two more"

    def _ask_fresh(self) -> str:
        config = _require(self._config, "no settings")
        head = _require(self._chain, "no chain").head()
        age = max(0, int(time.time()) - head.timestamp)
        limit = config.max_head_age_seconds
        if limit and age > limit:
            raise _Failed(f"block {head.number} is {age} s old; at most {limit} s are allowed")
        return f"block {head.number}, {age} s old"

    def _ask_clock(self) -> str:
        ahead = _require(self._chain, "no chain").head().timestamp - int(time.time())
        if ahead > CLOCK_TOLERANCE:
            raise _Failed(f"the newest block is {ahead} s in the future of this machine's clock")
        return "not behind the chain" if ahead <= 0 else f"{ahead} s behind the chain"

    def _ask_balance(self) -> str:
        chain, keys = _require(self._chain, "no chain"), _require(self._keys, "no keys")
        balance = chain.w3.eth.get_balance(chain.w3.to_checksum_address(keys.public.account))
        needed = NEEDED_GAS * chain.w3.eth.gas_price
        if balance < needed:
            raise _Failed(f"{balance / 1e18:.6f} ether; a round may cost {needed / 1e18:.6f}")
        return f"{balance / 1e18:.4f} ether"

    def _ask_study(self) -> str:
        chain, config = _require(self._chain, "no chain"), _require(self._config, "no settings")
        self._study = check_study(chain, config)
        self._terms = chain.registry.terms(config.study_id, self._study.current_version)
        return f"version {self._study.current_version} is in force"

    def _ask_site(self) -> str:
        chain, keys = _require(self._chain, "no chain"), _require(self._keys, "no keys")
        terms, config = _require(self._terms, "no terms"), _require(self._config, "no settings")
        refuse_unless_named(chain, keys, config.study_id, terms)
        return f"one of {len(terms.sites)} sites"

    def _ask_barred(self) -> str:
        chain, keys = _require(self._chain, "no chain"), _require(self._keys, "no keys")
        config = _require(self._config, "no settings")
        barred_for = chain.ledger.barred_for(config.study_id, keys.public.account)
        if barred_for:
            raise _Failed(
                f"for round {barred_for}: sealed in and nothing delivered, or a challenge not"
                " answered in time"
            )
        return "commitments are accepted"

    def _ask_cohort(self) -> str:
        chain, keys = _require(self._chain, "no chain"), _require(self._keys, "no keys")
        terms, config = _require(self._terms, "no terms"), _require(self._config, "no settings")
        self._consents = consents_now(chain, terms, config.study_id, keys.public.account)
        size = len(self._consents)
        if size < terms.min_cohort:
            raise _Failed(
                f"{size} active consents; the study needs {terms.min_cohort} at each site"
            )
        self._warn_of_consents_without_results(keys, self._consents)
        return f"{size} active consents, at least {terms.min_cohort} needed"

    def _warn_of_consents_without_results(self, keys: SiteKeys, consents: list[Consent]) -> None:
        if not self._has_records:
            return  # said already
        with RecordStore.open(self._folder / "records.db") as records:
            without = count_without_results(consents, keys, records)
        if without:
            self._warning = (
                f"Of {len(consents)} patients who said yes {without} have no result here that their"
                " consent lets a round use: they count and contribute nothing. Load the newest"
                " export of every enrolled patient and mend what it rejects; a patient whose record"
                " was merged into another has to be enrolled with that one; after a restore, load"
                " and enrol again whoever was enrolled since the backup"
            )

    def _ask_record_ceiling(self) -> str:
        chain, keys = _require(self._chain, "no chain"), _require(self._keys, "no keys")
        terms, config = _require(self._terms, "no terms"), _require(self._config, "no settings")
        consents = _require(self._consents, "no cohort")
        counts = count_records(self._folder, config, chain, keys, terms, consents)
        if counts.reaching_it:
            self._warning = (
                f"{counts.in_words} Speak with the sponsor before a round is paid for that learns"
                " little; the ceiling is `record_rho_ceiling` in site.json, and your hospital's"
            )
        return (
            f"rho {counts.ceiling / 10**18:.6g} over all studies, {counts.studies} so far;"
            f" {counts.at_ceiling} of {counts.records} records have reached it,"
            f" {counts.reaching_it} would in this study"
        )

    # -- other services ----------------------------------------------------------------------

    def _ask_ipfs(self) -> str:
        api = _require(self._config, "no settings").ipfs_api
        # Of all its objects a site needs the recipe first; without terms any answer will do.
        with ObjectStore(api) as store:
            if self._terms is None:
                raise _Missing("no terms, so no object to ask for")
            try:
                store.get(cid_of_sha256(self._terms.recipe_hash))
            except ObjectStoreUnreachable:
                raise
            except ObjectStoreError as error:
                raise _Failed(
                    f"it answers, but the study's recipe is not there ({error})"
                ) from error
        return "the study's recipe is there"

    def _ask_superlink(self) -> str:
        settings = FlowerSettings.load(self._folder)
        ca = self._folder / settings.ca
        read_authority(ca)
        return ask_superlink(settings, ca)


def _require(value: _T | None, missing: str) -> _T:
    if value is None:
        raise _Missing(missing)
    return value


def _is_private(path: Path) -> bool:
    status = path.lstat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077
