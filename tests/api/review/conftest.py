"""One study for all tests of a module that ask of its documents or its bundle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipfs.objects import ObjectStore
from tests.api.review.serving import Served, serving
from tests.audit.acts import challenge
from tests.audit.real_study import RealStudy
from tests.kubo import kubo_api
from tests.world import World


@pytest.fixture(scope="session")
def ipfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An IPFS node of the tests' own; its API's address."""
    with kubo_api(tmp_path_factory.mktemp("ipfs")) as api:
        yield api


@dataclass(frozen=True)
class Reviewed:
    """A study with one closed round, all of whose objects are on IPFS, and its service.

    `silent`: a site that was asked for a replay of the round and never answered, on record; ""
    unless the module says `A_SITE_IS_SILENT`.
    """

    study: RealStudy
    served: Served
    silent: str

    @property
    def number(self) -> int:
        return self.study.number


@pytest.fixture(scope="module")
def reviewed(
    module_world: World,
    ipfs: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Reviewed]:
    module_world.sites = module_world.sites[:3]
    is_silent = getattr(request.module, "A_SITE_IS_SILENT", False)
    study = RealStudy(module_world, {"answer_seconds": 1} if is_silent else {})
    for site in module_world.sites:
        for _ in range(2):
            study.patient(site)
    asked, silent = study.round(), ""
    if is_silent:
        silent = module_world.sites[0].address
        challenge(module_world, study.number, asked, silent, 0, module_world.reviewers[0])
        module_world.wait(2)
        study.chain.ledger.fault(study.number, asked, silent, 0)
    with ObjectStore(ipfs) as store:
        for data in {*study.files.values(), *study.objects.values()}:
            store.put(data)
    with serving(module_world, Path(tmp_path_factory.mktemp("api")), ipfs) as served:
        yield Reviewed(study, served, silent)
