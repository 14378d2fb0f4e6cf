"""The coordinator's folder: its settings, key, journal and the evidence of rounds under way."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_account import Account

from chain.chain import Chain
from chain.deployment import Deployment
from ipfs.objects import ObjectStore

#: Names the coordinator's folder to the ServerApp's process; a path, never a secret.
COORDINATOR_DIR = "ASSENT_COORDINATOR_DIR"


class CoordinatorFolderInvalid(Exception):
    """The coordinator's folder lacks something. The message names it."""


@dataclass(frozen=True)
class CoordinatorConfig:
    """Public settings, kept in ``coordinator.json``.

    Attributes:
        study_id: the study this coordinator runs.
        rpc_url: JSON-RPC address of the coordinator's own chain node.
        deployment: path of the deployment record.
        ipfs_api: multiaddress of the coordinator's IPFS node.
    """

    study_id: int
    rpc_url: str
    deployment: str
    ipfs_api: str

    def save(self, folder: Path) -> None:
        (folder / "coordinator.json").write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> CoordinatorConfig:
        path = folder / "coordinator.json"
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise CoordinatorFolderInvalid(f"cannot read {path}: {error}") from error


@dataclass(frozen=True)
class MaskedDelivery:
    """What one site delivered to one round.

    Attributes:
        masked: the masked vector's bytes, uint64 little endian.
        signature: the site's EIP-712 MaskedDelivery signature, 65 bytes.
    """

    masked: bytes
    signature: bytes


class Coordinator:
    """An opened coordinator folder with its chain and IPFS connections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = CoordinatorConfig.load(folder)
        key = (folder / "account.key").read_text().strip()
        self.account = Account.from_key(key)
        self.chain = Chain.connect(
            self.config.rpc_url,
            Deployment.load(Path(self.config.deployment)),
            account=self.account,
            journal=folder / "transactions.db",
            high_water=folder / "high-water.db",
        )
        self.store = ObjectStore(self.config.ipfs_api)

    @classmethod
    def from_environment(cls) -> Coordinator:
        """Opens the folder that ``ASSENT_COORDINATOR_DIR`` names."""
        folder = os.environ.get(COORDINATOR_DIR)
        if not folder:
            raise CoordinatorFolderInvalid(f"{COORDINATOR_DIR} is not set for the SuperLink")
        return cls(Path(folder))

    def deliveries(self, round_number: int) -> dict[str, MaskedDelivery]:
        """Deliveries of a round that were kept on disk, by site."""
        kept = {}
        for masked in sorted(self._round_folder(round_number).glob("*.masked")):
            signature = masked.with_suffix(".signature")
            if signature.exists():
                kept[masked.stem] = MaskedDelivery(masked.read_bytes(), signature.read_bytes())
        return kept

    def keep_delivery(self, round_number: int, site: str, delivery: MaskedDelivery) -> None:
        """Writes a delivery down before it counts, so that a restart can still close the round."""
        folder = self._round_folder(round_number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_durably(folder / f"{site}.masked", delivery.masked)
        _write_durably(folder / f"{site}.signature", delivery.signature)

    def destroy_deliveries(self, round_number: int) -> None:
        """Deletes the masked vectors of a round that was not closed."""
        folder = self._round_folder(round_number)
        for path in folder.glob("*"):
            path.unlink()
        if folder.exists():
            folder.rmdir()

    def takes(self, name: str) -> bool:
        """Whether a file of this name was in the folder; it is not any more."""
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def note(self, round_number: int, phase: str, **facts: Any) -> None:
        """Appends one line to ``progress.jsonl``, which the study's operator watches."""
        line = {"time": round(time.time(), 3), "round": round_number, "phase": phase, **facts}
        with (self.folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _round_folder(self, round_number: int) -> Path:
        return self.folder / "rounds" / str(round_number)


def _write_durably(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
