"""Every lie that has been thought of, in one list."""

from __future__ import annotations

from tests.audit.misbehaviour.elsewhere import ELSEWHERE, NOT_DETECTABLE
from tests.audit.misbehaviour.kinds import Entry
from tests.audit.misbehaviour.of_chain import of_chain
from tests.audit.misbehaviour.of_coordinator import of_coordinator
from tests.audit.misbehaviour.of_people import of_people
from tests.audit.misbehaviour.of_sites import of_sites
from tests.audit.misbehaviour.of_storage import of_storage
from tests.audit.misbehaviour.refused import refused_lies

CATALOGUE: tuple[Entry, ...] = (
    *of_coordinator.entries,
    *of_sites.entries,
    *of_people.entries,
    *of_storage.entries,
    *of_chain.entries,
    *refused_lies.entries,
    *ELSEWHERE,
    *NOT_DETECTABLE,
)
