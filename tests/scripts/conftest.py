"""Services and hospitals that the commands' tests share."""

from pathlib import Path

import pytest

from tests.hospital import Hospital, Services, services, site_world
from tests.world import World

__all__ = ["services", "site_world"]


@pytest.fixture(scope="session")
def ready_hospital(
    site_world: World, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Hospital:
    """Joined, with records and consents; tests leave it as it is."""
    return Hospital.ready(site_world, services, tmp_path_factory.mktemp("ready"))


@pytest.fixture
def hospital(site_world: World, services: Services, tmp_path: Path) -> Hospital:
    """A fresh folder with a funded account."""
    return Hospital.make(site_world, services, tmp_path)
