"""A history carried on piece by piece is the one replayed at once, and earlier ones stay."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.consent_state import StudyState
from audit.history import History
from audit.replay import extended, replay
from chain.events import EventRecord
from tests.audit.conftest import Written


def answers(state: StudyState) -> list[Any]:
    """What is asked of a state while later events come."""
    sites = list(state.history.tokens)
    return [
        state.is_usable,
        state.standing,
        state.reviewers,
        state.history.rho_spent,
        state.history.versions.keys(),
        [(facts.number, facts.state) for facts in state.history.rounds.values()],
        [(state.minted_count(site), state.epoch(site), state.barred_for(site)) for site in sites],
        [state.active_indices(site, 0, state.time) for site in sites],
    ]


@given(data=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_piece_by_piece_is_the_same_as_at_once(written: Written, data: st.DataObject) -> None:
    found = json.loads((written.folder / "chain" / "events.json").read_text(encoding="utf-8"))
    records = [EventRecord.from_json(one) for one in found]
    study = max(record.study_id for record in records)
    ends = [
        place
        for place in range(1, len(records))
        if records[place].block_number != records[place - 1].block_number
    ]
    cuts = sorted(data.draw(st.sets(st.sampled_from(ends), min_size=1, max_size=6)))

    history = History(study)
    for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        before = StudyState(history, len(history.moments), records[start].block_timestamp)
        said = repr(answers(before))
        history = extended(history, records[start:end])
        assert repr(answers(before)) == said
    assert history == replay(records, study)
