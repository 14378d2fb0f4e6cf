"""One eventful study and its bundle, written once for all tests that only read or copy it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.blocks import Finality
from chain.deploy import deploy
from chain.rpc import connect_node
from stack.hardhat import HardhatNode
from tests.audit.real_study import eventful_study
from tests.world import World


@dataclass(frozen=True)
class Written:
    """A bundle's folder and the block that a reader may trust."""

    folder: Path
    trust_block: bytes

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


@pytest.fixture(scope="session")
def written(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("eventful")
    deployment = deploy(connect_node(hardhat.rpc_url), hardhat.accounts[0], Finality())
    study = eventful_study(World(hardhat.rpc_url, hardhat.accounts, deployment, folder))
    return Written(folder / "bundle", study.write(folder / "bundle"))
