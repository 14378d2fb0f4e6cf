"""A site's folder: settings, keys, records and journal, opened only after the gate said yes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from chain.chain import Chain
from chain.deployment import Deployment
from chain.light_dataclass import light_dataclass
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.record_cap import RecordCap
from federation.gate.records.store import RecordStore
from ipfs.objects import ObjectStore

#: Names the site's folder to the site's own processes; a path, never a secret.
SITE_DIR = "ASSENT_SITE_DIR"
RECORD_TALLY_FILE = "record-tally.db"
#: 1.539: epsilon 10 at delta 1e-6 (Canonne, Kamath and Steinke 2020, corollary 13), for one study
#: at epsilon 8 and a part of another. Above it the bound says little: odds may change e^10-fold.
RECORD_RHO_CEILING = 1_539 * 10**15


class SiteFolderInvalid(Exception):
    """The site's folder lacks something or holds something unusable. The message names it."""


@light_dataclass(frozen=True)
class SiteConfig:
    """Public settings, kept in ``site.json``.

    Attributes:
        study_id: the one study that this folder takes part in.
        rpc_url: JSON-RPC address of the site's own chain node.
        deployment: path of the deployment record, relative to the folder.
        ipfs_api: multiaddress of the site's IPFS node.
        reviewers: the committee that the site expects, as the ethics board told it.
        threshold: approvals that the site expects to be needed (k).
        max_head_age_seconds: refuse a node whose newest block is older; 0 for chains that only
            make a block when there is a transaction.
        record_tally: path of the tally of records that all of the hospital's folders share,
            relative to the folder.
        record_rho_ceiling: what one record may be charged over all studies, in 1e-18.
        replay_days: how long after a round's close deadline its snapshot is kept, so that it can be
            replayed; never less than the terms let a reviewer demand a replay.
    """

    study_id: int
    rpc_url: str
    deployment: str
    ipfs_api: str
    reviewers: tuple[str, ...]
    threshold: int
    max_head_age_seconds: int = 0
    replay_days: int = 90
    record_tally: str = RECORD_TALLY_FILE
    record_rho_ceiling: int = RECORD_RHO_CEILING

    def record_tally_path(self, folder: Path) -> Path:
        """The tally of a folder with these settings."""
        return Path(os.path.normpath(folder / self.record_tally))

    def save(self, folder: Path) -> None:
        """Writes ``site.json`` in one step."""
        temporary = folder / "site.json.part"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(folder / "site.json")

    @classmethod
    def load(cls, folder: Path) -> SiteConfig:
        """Reads ``site.json``.

        Raises:
            SiteFolderInvalid: it is missing, not JSON, or has other members.
        """
        path = folder / "site.json"
        try:
            raw = json.loads(path.read_text())
            config = cls(**raw | {"reviewers": tuple(raw["reviewers"])})
            if type(config.record_rho_ceiling) is not int or config.record_rho_ceiling < 0:
                raise ValueError("record_rho_ceiling is a whole number of 1e-18")
            return config
        except FileNotFoundError as error:
            raise SiteFolderInvalid(
                f"{path} does not exist; run `assent site join` for this folder first"
            ) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise SiteFolderInvalid(f"{path} cannot be used: {error}") from error


def site_folder_from_environment() -> Path:
    """The folder that ``ASSENT_SITE_DIR`` names.

    Raises:
        SiteFolderInvalid: the variable is not set.
    """
    folder = os.environ.get(SITE_DIR)
    if not folder:
        raise SiteFolderInvalid(f"{SITE_DIR} is not set; start the site with `assent site start`")
    return Path(folder)


def connect(
    folder: Path, config: SiteConfig, keys: SiteKeys | None = None, *, timeout: float = 10.0
) -> Chain:
    """The site's own view of the chain; with its keys it can also send.

    Raises:
        SiteFolderInvalid: the deployment record is missing or unreadable.
        chain.errors.ChainError
    """
    try:
        deployment = Deployment.load(folder / config.deployment)
    except (OSError, ValueError) as error:
        raise SiteFolderInvalid(f"{folder / config.deployment} cannot be used: {error}") from error
    return Chain.connect(
        config.rpc_url,
        deployment,
        account=keys.account if keys else None,
        journal=folder / "transactions.db" if keys else None,
        high_water=folder / "high-water.db",
        timeout=timeout,
    )


def open_record_cap(
    folder: Path, config: SiteConfig, chain: Chain, site: str, journal: Journal | None
) -> RecordCap:
    """The ceiling on records in a folder's study; see `RecordCap` for what it raises."""
    path, ceiling = config.record_tally_path(folder), config.record_rho_ceiling
    return RecordCap(path, ceiling, config.study_id, chain, site, journal)


class Site:
    """An opened site folder: everything that training needs.

    Attributes:
        folder, config: where it is and its settings.
        keys, records, journal: its secrets, its patients' records, its durable memory of rounds.
        chain, store: its own chain node and IPFS node.
        cap: the hospital's ceiling on what a record gives to all studies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = SiteConfig.load(folder)
        self.keys = SiteKeys.open(folder / "keys")
        self.records = RecordStore.open(folder / "records.db")
        self.journal = Journal.open(folder / "state.db")
        self.chain = connect(folder, self.config, self.keys)
        self.store = ObjectStore(self.config.ipfs_api)
        self.cap = open_record_cap(folder, self.config, self.chain, self.address, self.journal)

    @property
    def address(self) -> str:
        """The site's chain account."""
        return str(self.keys.account.address)
