"""Real studies and their bundles, written once for all tests that only read or copy them."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

import audit.checks.signatures
from audit.bundle import Bundle, read_bundle
from audit.disclosure import Disclosure
from chain import events as ev
from chain.messages import recover
from stack.hardhat import HardhatNode
from tests.audit.histories import contested_study, eventful_study
from tests.audit.real_study import RealStudy
from tests.world import World, deployed


@dataclass(frozen=True)
class Written:
    """A bundle's folder, the block that a reader may trust and the deployment file that he has, the
    keys of all who took part, and what their sites could disclose.
    """

    folder: Path
    trust_block: bytes
    deployment: Path
    accounts: tuple[LocalAccount, ...]
    disclosures: tuple[Disclosure, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """Options of a command that reads the bundle: what its reader knows from elsewhere."""
        block = "0x" + self.trust_block.hex()
        return "--trust-block", block, "--deployment", str(self.deployment)

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


@contextmanager
def _world_apart(folder: Path) -> Iterator[World]:
    """On a node of its own: its clock and its governance are nobody else's."""
    node = HardhatNode(folder / "hardhat.log")
    node.start()
    try:
        node.wait_for_chain()
        yield World(node.rpc_url, node.accounts, deployed(node.rpc_url, node.accounts), folder)
    finally:
        node.stop()


def _written(factory: pytest.TempPathFactory, history: Callable[[World], RealStudy]) -> Written:
    """By the first of pytest's workers that needs it; the others wait for that one."""
    name, shared = history.__name__, factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / f"{name}.pickle"
    with (shared / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_write(factory.mktemp(name), history)))
    folder, trust_block, keys, cohorts = pickle.loads(kept.read_bytes())
    accounts = tuple(Account.from_key(key) for key in keys)
    return Written(folder, trust_block, folder.parent / "deployment.json", accounts, cohorts)


def _write(
    folder: Path, history: Callable[[World], RealStudy]
) -> tuple[Path, bytes, list[bytes], tuple[Disclosure, ...]]:
    """As `Written`, but for the accounts' keys instead of the accounts."""
    with _world_apart(folder) as world:
        study = history(world)
        trust_block = study.write(folder / "bundle")
        world.deployment.save(folder / "deployment.json")
        keys = [bytes(account.key) for account in world.accounts]
        return folder / "bundle", trust_block, keys, tuple(study.disclosures.values())


@pytest.fixture(scope="module")
def moving_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One deployment for a module whose tests move the clock on."""
    with _world_apart(tmp_path_factory.mktemp("moving")) as world:
        yield world


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return _written(tmp_path_factory, eventful_study)


@pytest.fixture(scope="session")
def contested(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return _written(tmp_path_factory, contested_study)


@pytest.fixture(scope="session")
def bundle(written: Written) -> Bundle:
    return read_bundle(written.folder)


@pytest.fixture(scope="module")
def remembered() -> Iterator[None]:
    """Pure, slow functions, remembered over the hundreds of bundles that differ in one place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit.checks.signatures, "recover", functools.cache(recover))
        patch.setattr(ev, "decode", functools.cache(ev.decode))
        yield
