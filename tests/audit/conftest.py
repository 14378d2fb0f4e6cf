"""One eventful study and its bundle, written once for all tests that only read or copy it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.audit.real_study import eventful_study
from tests.world import World


@dataclass(frozen=True)
class Written:
    """A bundle's folder and the block that a reader may trust."""

    folder: Path
    trust_block: bytes

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


@pytest.fixture(scope="module")
def written(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    study = eventful_study(module_world)
    return Written(folder, study.write(folder))
