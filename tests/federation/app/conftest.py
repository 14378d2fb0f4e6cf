"""A small federation for a module's tests: chain and IPFS are real, Flower's processes are off."""

from collections.abc import Iterator

import pytest

from tests.small_federation import SmallFederation, small_federation


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites, four of six patients at each consenting."""
    with small_federation(tmp_path_factory.mktemp("federation")) as running:
        yield running
