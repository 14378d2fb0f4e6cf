"""From a cohort's records to one vector of integers: clipped meta-gradients, summed exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import Checkpoint
from audit.codec import clip_and_encode, sum_rows
from audit.recipe import Recipe
from chain.light_dataclass import light_dataclass
from chain.messages import Consent, Terms
from federation.app.learning.learners import learner_named
from federation.app.models import model_named
from federation.gate.keys import SiteKeys
from federation.gate.records.errors import RecordUnknown
from federation.gate.records.store import DataPeriod, RecordStore
from federation.gate.records.to_series import series_of
from twin.protocol import TwinModel
from twin.series import PatientSeries

# What numbers, times or codes in a stored record can make fail. A store that cannot be read at all
# is no such thing: it stops the site's round, whatever any record says.
_UNUSABLE = (ValueError, TypeError, ArithmeticError, LookupError)


@light_dataclass(frozen=True)
class ReadRecord:
    """What was read of one admitted token's record.

    ``series`` is None when the record is unknown, empty, unusable or without room under the
    hospital's ceiling, ``record_id`` when it is unknown to the site.
    """

    index: int
    record_id: str | None
    series: PatientSeries | None


def read_records(
    consents: Mapping[int, Consent],
    keys: SiteKeys,
    records: RecordStore,
    model: TwinModel,
    without_room: Collection[str] = (),
) -> list[ReadRecord]:
    """The admitted tokens' records, in the order of the tokens' indices.

    A token whose record is unknown, empty or unusable counts, and adds nothing, so that no
    commitment tells what a record says. So does a second token of one record: the contract lets
    nobody have one, and a node that shows one all the same does not double what a record adds.

    Args:
        consents: by token index; each consent's data period limits its record.
        without_room: records that the hospital's ceiling lets add nothing; they count as well.
    """
    channels = [(channel.loinc, channel.unit) for channel in model.channels]
    found: list[ReadRecord] = []
    seen: set[str] = set()
    for index, consent in sorted(consents.items()):
        record_id = keys.record_of(consent.record_commitment)
        period = DataPeriod.from_unix(consent.data_start, consent.data_end)
        series = None
        try:
            if record_id is not None and record_id not in seen and record_id not in without_room:
                seen.add(record_id)
                record = records.record(record_id, period)
                series = PatientSeries(*series_of(record, channels))
        except (RecordUnknown, *_UNUSABLE):
            series = None
        found.append(ReadRecord(index, record_id, series))
    return found


def cohort_series(
    consents: Mapping[int, Consent], keys: SiteKeys, records: RecordStore, model: TwinModel
) -> list[PatientSeries | None]:
    """The series alone of `read_records`."""
    return [one.series for one in read_records(consents, keys, records, model)]


def clipped_rows(
    series: Sequence[PatientSeries | None], base: Checkpoint, recipe: Recipe, terms: Terms
) -> NDArray[np.int64]:
    """Each patient's clipped contribution, int64 [patients, D] in grid steps.

    Raises:
        ValueError: the recipe names an unknown model or learner, or base, recipe and terms do not
            fit.
    """
    model = model_named(recipe.model)
    rows = learner_named(recipe.learner).gradients(model, base.prior, series, recipe)
    scaled = rows * np.asarray(recipe.gradient_scale, dtype=np.float64)
    return clip_and_encode(scaled, terms.clipping_norm, terms.fraction_bits)


def contribution(
    series: Sequence[PatientSeries | None], base: Checkpoint, recipe: Recipe, terms: Terms
) -> NDArray[np.int64]:
    """The sum of the patients' clipped contributions, int64 [D] in grid steps, without noise.

    Raises:
        ValueError: as `clipped_rows`.
    """
    return sum_rows(clipped_rows(series, base, recipe, terms))
