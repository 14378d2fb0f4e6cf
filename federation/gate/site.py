"""A site's folder: settings, keys, records and journal, opened only after the gate said yes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from chain.chain import Chain
from chain.deployment import Deployment
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.records.store import RecordStore
from ipfs.objects import ObjectStore

#: Names the site's folder to the site's own processes; a path, never a secret.
SITE_DIR = "ASSENT_SITE_DIR"


class SiteFolderInvalid(Exception):
    """The site's folder lacks something or holds something unusable. The message names it."""


@dataclass(frozen=True)
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
    """

    study_id: int
    rpc_url: str
    deployment: str
    ipfs_api: str
    reviewers: tuple[str, ...]
    threshold: int
    max_head_age_seconds: int = 0

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
            return cls(**raw | {"reviewers": tuple(raw["reviewers"])})
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


class Site:
    """An opened site folder: everything that training needs.

    Attributes:
        folder, config: where it is and its settings.
        keys, records, journal: its secrets, its patients' records, its durable memory of rounds.
        chain, store: its own chain node and IPFS node.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = SiteConfig.load(folder)
        self.keys = SiteKeys.open(folder / "keys")
        self.records = RecordStore.open(folder / "records.db")
        self.journal = Journal.open(folder / "state.db")
        self.chain = connect(folder, self.config, self.keys)
        self.store = ObjectStore(self.config.ipfs_api)

    @property
    def address(self) -> str:
        """The site's chain account."""
        return str(self.keys.account.address)
