"""Chains that go back: a real reorganisation on a Hardhat node of the tests' own."""

import dataclasses
from pathlib import Path

from tests.world import World


def mine(world: World, blocks: int) -> None:
    """Blocks with nothing in them."""
    world.chain().w3.provider.make_request("hardhat_mine", [hex(blocks)])  # type: ignore[arg-type]


def snapshot(world: World) -> str:
    """What `go_back` goes back to."""
    answer = world.chain().w3.provider.make_request("evm_snapshot", [])  # type: ignore[arg-type]
    return str(answer["result"])


def go_back(world: World, to: str, folder: Path) -> World:
    """What came after a snapshot never happened; the same people, who know of nothing they sent.

    `folder` is an empty one, for their journals.
    """
    provider = world.chain().w3.provider
    assert provider.make_request("evm_revert", [to])["result"]  # type: ignore[arg-type]
    # Otherwise the same blocks could come again: the clock went back, too.
    provider.make_request("evm_increaseTime", [7])  # type: ignore[arg-type]
    folder.mkdir()
    return dataclasses.replace(world, folder=folder, _chains={})
