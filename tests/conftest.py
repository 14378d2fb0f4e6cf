"""Shared by all tests: a real Hardhat node, and a fresh deployment of the contracts on it."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from chain.deployment import Deployment
from stack.hardhat import HardhatNode
from tests.world import World, deployed

# A runner in the background ignores Ctrl-C, and every process started by a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes import web3, torch and opacus, and many containers forbid Python to keep
# what it compiles: each would compile thousands of files again, which is most of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

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
    """One node for all tests that leave its clock alone."""
    yield from _running(tmp_path_factory.mktemp("hardhat"))


@pytest.fixture
def own_hardhat(tmp_path: Path) -> Iterator[HardhatNode]:
    """A node for one test, which may move its clock or kill it. Starts in a few seconds."""
    yield from _running(tmp_path)


@pytest.fixture
def deployment(hardhat: HardhatNode) -> Deployment:
    """Fresh contracts on the shared node."""
    return _deployed(hardhat)


@pytest.fixture
def world(hardhat: HardhatNode, deployment: Deployment, tmp_path: Path) -> World:
    """Fresh contracts, and everyone who acts on them, on the shared node."""
    return World(hardhat.rpc_url, hardhat.accounts, deployment, tmp_path)


@pytest.fixture
def own_world(own_hardhat: HardhatNode, tmp_path: Path) -> World:
    """As `world`, on a node of its own."""
    return World(own_hardhat.rpc_url, own_hardhat.accounts, _deployed(own_hardhat), tmp_path)


@pytest.fixture(scope="module")
def module_world(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One deployment for a module whose tests only add to it."""
    folder = tmp_path_factory.mktemp("world")
    return World(hardhat.rpc_url, hardhat.accounts, _deployed(hardhat), folder)
