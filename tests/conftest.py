"""Shared by all tests: real Hardhat nodes, and fresh deployments of the contracts on them."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from chain.deployment import Deployment
from stack import rpc
from stack.hardhat import HardhatNode
from tests.world import World, deployed

# A runner in the background ignores Ctrl-C, and every process started by a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes import web3, torch and opacus, and many containers forbid Python to keep
# what it compiles: each would compile thousands of files again, which is most of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Threads of torch that have nothing to do wait asleep. By default each spins, on a core that
# another test needs: that was over half of the CPU time of every test that computes with torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A test says what must hold, never how fast: a busy machine is no failure.
settings.register_profile("assent", deadline=None)
settings.load_profile("assent")


def _running(folder: Path) -> Iterator[HardhatNode]:
    node = HardhatNode(folder / "hardhat.log")
    node.start()
    try:
        node.wait_for_chain()
        yield node
    finally:
        node.stop()


def _deployed(node: HardhatNode) -> Deployment:
    return deployed(node.rpc_url, node.accounts)


@pytest.fixture(scope="session")
def hardhat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardhatNode]:
    """One node for all that lasts longer than a test; everyone leaves its clock alone."""
    yield from _running(tmp_path_factory.mktemp("hardhat"))


@pytest.fixture(scope="session")
def rewound_hardhat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardhatNode]:
    """One node for all tests with contracts of their own: each begins where the first began."""
    yield from _running(tmp_path_factory.mktemp("rewound"))


@pytest.fixture
def own_hardhat(tmp_path: Path) -> Iterator[HardhatNode]:
    """A node for one test, which may change what no rewinding undoes, or kill it."""
    yield from _running(tmp_path)


@dataclass
class _Beginning:
    """Contracts that nobody has used, and the snapshot that they are in."""

    rpc_url: str
    deployment: Deployment
    snapshot: str

    def return_to(self) -> None:
        """State and clock are again as they were. Serves once for each snapshot, so takes one."""
        assert rpc.call(self.rpc_url, "evm_revert", self.snapshot, timeout=60) is True
        self.snapshot = rpc.call(self.rpc_url, "evm_snapshot")


@pytest.fixture(scope="session")
def _beginning(rewound_hardhat: HardhatNode) -> _Beginning:
    url = rewound_hardhat.rpc_url
    return _Beginning(url, _deployed(rewound_hardhat), rpc.call(url, "evm_snapshot"))


@pytest.fixture
def deployment(_beginning: _Beginning) -> Deployment:
    """Fresh contracts on `rewound_hardhat`, whose clock a test may move on."""
    _beginning.return_to()
    return _beginning.deployment


@pytest.fixture
def world(rewound_hardhat: HardhatNode, deployment: Deployment, tmp_path: Path) -> World:
    """Fresh contracts, and everyone who acts on them, on `rewound_hardhat`."""
    return World(rewound_hardhat.rpc_url, rewound_hardhat.accounts, deployment, tmp_path)


@pytest.fixture
def own_world(own_hardhat: HardhatNode, tmp_path: Path) -> World:
    """As `world`, on a node of its own."""
    return World(own_hardhat.rpc_url, own_hardhat.accounts, _deployed(own_hardhat), tmp_path)


@pytest.fixture(scope="module")
def module_world(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One deployment for a module whose tests only add to it."""
    folder = tmp_path_factory.mktemp("world")
    return World(hardhat.rpc_url, hardhat.accounts, _deployed(hardhat), folder)
