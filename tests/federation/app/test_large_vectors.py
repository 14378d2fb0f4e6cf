"""A round whose vectors and checkpoint are over 1 MiB, from the chain to the verified bundle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.bundle import read_bundle
from audit.cid import is_cid_of_large
from audit.object_names import cid_of_checkpoint, cid_of_masked
from audit.recipe import Recipe
from audit.verify import verify
from chain.messages import RoundState
from federation.app.chain_facts import closed_event
from federation.app.learning import learners
from federation.app.learning.recipe import recommended_recipe
from federation.gate.lineage import check_base_follows
from study.bundle import gather_bundle
from study.checkpoints import fetch_checkpoint
from tests.small_federation import SmallFederation, small_federation
from twin.log_linear import LogLinearModel
from twin.protocol import TwinModel
from twin.series import PatientSeries

CODES = 131_100
"""8 bytes for each are over 1 MiB."""


class MeanByCode:
    """Learns a mean for each of many codes: of each lab's results, spread over its codes."""

    name = "mean-by-code"

    def layout(self, model: TwinModel) -> tuple[tuple[str, tuple[int, ...]], ...]:
        return (("mean", (CODES,)),)

    def start(self, model: TwinModel) -> dict[str, NDArray[np.float64]]:
        return {"mean": np.zeros(CODES)}

    def scale(self, model: TwinModel) -> NDArray[np.float64]:
        return np.ones(CODES)

    def gradients(
        self,
        model: TwinModel,
        at: NDArray[np.float64],
        patients: Sequence[PatientSeries | None],
        recipe: Recipe,
    ) -> NDArray[np.float64]:
        rows = np.zeros((len(patients), CODES))
        for row, one in zip(rows, patients, strict=True):
            if one is not None:
                row += np.resize(np.asarray(one.value), CODES) - at
        return rows


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites of two patients each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(learners.LEARNERS, MeanByCode.name, MeanByCode())
        recipe = recommended_recipe(LogLinearModel(), MeanByCode.name)
        patch.setattr(SmallFederation, "recipe", staticmethod(lambda: recipe))
        folder = tmp_path_factory.mktemp("large")
        with small_federation(folder, patients=2, granting=2) as running:
            yield running


def test_a_round_over_1_mib_closes_is_gathered_from_ipfs_and_verifies(
    large: SmallFederation, tmp_path: Path
) -> None:
    chain, study, terms = large.chain, large.study_id, large.terms
    number = large.run_round()
    assert large.state(number) == RoundState.CLOSED
    following = large.open_round()
    with large.coordinator().store as store:
        # each site recomputes the round before it trains on what that made
        check_base_follows(chain, store, study, following)
        newest = fetch_checkpoint(chain, store, study)
        trusted = gather_bundle(chain, store, study, tmp_path / "bundle")
    assert newest.checkpoint.prior.any()
    bundle = read_bundle(tmp_path / "bundle")
    report = verify(bundle, trusted)
    assert report.ok, report.failed
    assert [one.state for one in report.rounds] == ["closed", "open"]
    _, closed = closed_event(chain, study, number)
    masked = {cid_of_masked(digest, terms) for digest in closed.masked_hashes}
    checkpoints = {
        cid_of_checkpoint(digest, terms) for digest in (terms.initial_checkpoint, newest.sha256)
    }
    assert newest.cid in checkpoints
    assert {cid for cid in bundle.objects if is_cid_of_large(cid)} == masked | checkpoints
    assert len(bundle.objects) == len(masked) + len(checkpoints) + 1
