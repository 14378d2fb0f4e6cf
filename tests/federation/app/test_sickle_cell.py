"""A site with sickle-cell records: from its FHIR export, through consent, to its contribution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.checkpoint import initial
from chain.grants import NO_END
from chain.messages import Consent, consent_domain
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.app.train import cohort_series, contribution
from federation.gate.keys import SiteKeys
from federation.gate.records.datasets.sickle_cell.cohort import write_cohort
from federation.gate.records.datasets.sickle_cell.fhir_files import EPOCH
from federation.gate.records.fhir import load_fhir
from federation.gate.records.store import RecordStore
from twin.series import PatientSeries
from twin.sickle_cell.channels import DOSE, WEIGHT
from twin.sickle_cell.model import SickleCellModel

MODEL, PATIENTS, FRACTION_BITS = SickleCellModel(), 4, 24
IntArray = NDArray[np.int64]
HOLDER = "0x{:040d}"
DOMAIN = consent_domain(31337, HOLDER.format(1))
NORM = round(CLIP_NORM * 2**FRACTION_BITS)


@dataclass
class GridTerms:
    """What `contribution` reads of a study's terms."""

    clipping_norm: int = NORM
    fraction_bits: int = FRACTION_BITS


@dataclass
class Centre:
    keys: SiteKeys
    store: RecordStore
    consents: dict[int, Consent]

    def series(self, **changed: int) -> list[PatientSeries | None]:
        consents = {index: replace(one, **changed) for index, one in self.consents.items()}
        return cohort_series(consents, self.keys, self.store, MODEL)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("centre")
    write_cohort(folder / "cohort", seed=3, patients_per_site=PATIENTS, form="fhir")
    keys = SiteKeys.create(folder / "keys")
    with RecordStore.create(folder / "records.db") as store:
        assert load_fhir(store, folder / "cohort" / "centre-2" / "fhir").rejected == 0
        consents = {
            index: _consent(keys, record_id, HOLDER.format(index + 1))
            for index, record_id in enumerate(store.record_ids())
        }
        yield Centre(keys, store, consents)
    keys.close()


def _consent(keys: SiteKeys, record_id: str, holder: str) -> Consent:
    enrolment, _ = keys.enrol(record_id, holder, 1, 1_700_000_000, 1_800_000_000, DOMAIN)
    return Consent(
        purposes=0,
        disease=0,
        use_start=0,
        use_end=NO_END,
        data_start=0,
        data_end=NO_END,
        version=1,
        holder=holder,
        granted_at=1_700_000_000,
        revoked_at=0,
        record_commitment=enrolment.record_commitment,
    )


def _contribution(series: Sequence[PatientSeries | None]) -> IntArray:
    base = initial(MODEL.initial_prior(), MODEL.prior_layout, MODEL.name)
    return contribution(series, base, recommended_recipe(MODEL), GridTerms())


def test_every_record_becomes_a_series_with_its_doses_and_results(centre: Centre) -> None:
    series = centre.series()
    assert len(series) == PATIENTS
    for one in series:
        assert one is not None
        dose = one.value[one.channel == DOSE]
        assert len(dose)
        assert ((dose == 0) | (dose >= 10)).all()
        assert (one.channel < WEIGHT).any()


def test_each_patient_moves_the_sum_and_by_no_more_than_the_clipping_norm(centre: Centre) -> None:
    series = centre.series()
    alone = [_contribution([one]) for one in series]
    for vector in alone:
        assert 0 < int((vector.astype(object) ** 2).sum()) <= NORM**2
    assert np.array_equal(_contribution(series), sum(alone))


def test_a_record_counts_once_however_many_tokens_a_node_shows_for_it(centre: Centre) -> None:
    """Also under an enrolment of the same record for another holder."""
    first = centre.store.record_ids()[0]
    again = _consent(centre.keys, first, HOLDER.format(PATIENTS + 1))
    shown = {**centre.consents, PATIENTS: centre.consents[0], PATIENTS + 1: again}
    series = cohort_series(shown, centre.keys, centre.store, MODEL)
    assert series[PATIENTS:] == [None, None], "they count, and add nothing"
    assert np.array_equal(_contribution(series), _contribution(centre.series()))


def test_doses_are_part_of_what_is_learned(centre: Centre) -> None:
    one = centre.series()[0]
    assert one is not None
    kept = one.channel != DOSE
    times = one.times[kept] - one.times[kept][0]
    without = PatientSeries(times, one.channel[kept], one.value[kept])
    assert not np.array_equal(_contribution([one]), _contribution([without]))


def test_a_data_period_without_records_contributes_exactly_nothing(centre: Centre) -> None:
    long_ago = centre.series(data_start=0, data_end=1)
    assert [len(one) for one in long_ago if one is not None] == [0] * PATIENTS
    assert not _contribution(long_ago).any()


def test_a_data_period_limits_doses_as_it_limits_results(centre: Centre) -> None:
    start = int((EPOCH + timedelta(days=400)).timestamp())
    for whole, cut in zip(centre.series(), centre.series(data_start=start), strict=True):
        assert whole is not None
        assert cut is not None
        assert cut.channel[cut.times == 0.0].tolist()[-1] == DOSE  # what was in force that day
        assert len(cut) < len(whole)
