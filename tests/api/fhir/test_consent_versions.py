"""A version begins at each second at which a consent's state turns, and stays as it was."""

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from api.fhir.consent_versions import asked_of, newest_version, versions
from audit.consent_state import StudyState
from audit.history import History, Standing, Token, VersionFacts
from audit.round_state import Moment
from chain.messages import Grant, LateRevocation, Purpose, Terms, language_tag, token_id

SITE, HOLDER = "0x" + "11" * 20, "0x" + "22" * 20
ASKED = Purpose.HEALTH_RESEARCH | Purpose.TRAINING
END = 60
TERMS = Terms(
    *(b"\1" * 32 for _ in range(6)),
    purposes=ASKED,
    disease=0,
    coordinator=HOLDER,
    sites=(SITE,),
    min_cohort=1,
    min_sites=1,
    tolerated_colluders=0,
    vector_length=1,
    fraction_bits=20,
    clipping_norm=1,
    noise_multiplier=1,
    delta=1,
    rho_ceiling=1,
    commit_seconds=1,
    seal_seconds=1,
    delivery_seconds=1,
    close_seconds=1,
    challenge_seconds=1,
    answer_seconds=1,
    waiting_rounds=0,
    max_charged_aborts=1,
    late_revocation=LateRevocation.ABANDON,
)
GRANT = Grant(
    study_id=1,
    terms_hash=b"\1" * 32,
    site=SITE,
    holder=HOLDER,
    purposes=ASKED,
    disease=0,
    use_start=0,
    use_end=END,
    data_start=0,
    data_end=END,
    record_commitment=b"\1" * 32,
    consent_text_hash=b"\1" * 32,
    language=language_tag("en"),
    revocation_counter=0,
    deadline=END,
)


@st.composite
def lives(draw: st.DrawFn) -> tuple[StudyState, Token]:
    """A token in a study that is suspended, resumed, renewed and amended at any times."""
    changes = draw(st.integers(0, 5))
    times = sorted(draw(st.lists(st.integers(1, END), min_size=changes + 2, max_size=changes + 2)))
    granted_at = draw(st.integers(1, changes + 1))
    revoked_at = draw(st.none() | st.integers(granted_at + 1, changes + 2))
    history = History(1)
    # The first event puts the study in force; the token and its end have places among the others.
    placed = ["standing"] + ["standing"] * changes
    placed.insert(granted_at, "granted")
    if revoked_at is not None:
        placed.insert(revoked_at, "revoked")
        times.append(times[-1])
    token = None
    for position, (kind, time) in enumerate(zip(placed, times, strict=False)):
        moment = Moment(position, position + 1, time)
        history.moments.append(moment)
        if kind == "standing":
            history.standings.append(_standing(draw, moment, first=position == 0))
        elif kind == "granted":
            start = draw(st.integers(0, END - 1))
            grant = dataclasses.replace(
                GRANT,
                use_start=start,
                use_end=draw(st.integers(start + 1, END + 5)),
                purposes=ASKED | draw(st.sampled_from([0, Purpose.NOT_FOR_PROFIT])),
            )
            token = Token(token_id(1, SITE, 0), 0, grant, 1, b"\1" * 32, moment)
            history.tokens[SITE] = [token]
        else:
            assert token is not None
            token.revoked = moment
    moment = history.moments[0]
    wider = dataclasses.replace(TERMS, purposes=ASKED | Purpose.NOT_FOR_PROFIT)
    for version, terms in ((1, TERMS), (2, wider)):
        history.versions[version] = VersionFacts(version, terms, b"\1" * 32, moment)
    assert token is not None
    return StudyState(history, len(history.moments), END + 10), token


def _standing(draw: st.DrawFn, moment: Moment, first: bool) -> Standing:
    return Standing(
        moment,
        current_version=1 if first else draw(st.sampled_from([1, 2])),
        consent_version=1 if first else draw(st.sampled_from([1, 2])),
        suspended=False if first else draw(st.booleans()),
        approved_until=draw(st.integers(moment.time, END + 5)),
    )


def known_at(state: StudyState, now: int) -> StudyState:
    """The study with every event until a second."""
    count = sum(moment.time <= now for moment in state.history.moments)
    return StudyState(state.history, count, now)


@settings(max_examples=50)
@given(lives(), st.integers(0, END + 10))
def test_at_every_second_the_newest_version_is_what_the_predicate_says(
    life: tuple[StudyState, Token], passed: int
) -> None:
    state, token = life
    now = token.granted.time + passed
    then = known_at(state, now)
    newest = newest_version(state, token, now)
    assert newest.active == then.is_consent_active(token.token_id, asked_of(then), now)
    assert newest.revoked == (token.revoked is not None and token.revoked.time <= now)
    assert not (newest.active and newest.revoked)


@settings(max_examples=50)
@given(lives(), st.data())
def test_what_was_a_version_stays_one(life: tuple[StudyState, Token], data: st.DataObject) -> None:
    state, token = life
    moments = state.history.moments
    first = token.granted.position + 1
    some = data.draw(st.integers(first, len(moments)))
    # As it was told after any event, before what came next.
    told_at = moments[some - 1].time
    before = versions(StudyState(state.history, some, told_at), token, told_at)
    after = versions(state, token, END + 10)
    assert after[: len(before)] == before
    assert [one.number for one in after] == list(range(1, len(after) + 1))
    assert before[0].since == token.granted.time
    assert [one.since for one in after] == sorted(one.since for one in after)


@settings(max_examples=50)
@given(lives(), st.booleans())
def test_an_answer_of_the_chain_that_no_event_explains_is_a_version_more(
    life: tuple[StudyState, Token], active: bool
) -> None:
    state, token = life
    known = newest_version(state, token, END)
    told = newest_version(state, token, END, active)
    assert told.active == active
    assert told.number == known.number + (active != known.active)
