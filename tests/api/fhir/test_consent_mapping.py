"""Any grant becomes a valid Consent that says just that grant."""

import copy
import json
from typing import Any

from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from api.fhir.consent_resource import consent_of_grant, consent_resource
from api.fhir.consent_versions import Version
from api.fhir.naming import (
    Naming,
    disclosure_of_id,
    id_of_disclosure,
    id_of_token,
    token_of_id,
)
from api.fhir.saying_the_same import first_difference
from api.fhir.times import instant, period
from audit.cid import sha256
from audit.data_use import ACTIVITIES, KNOWN, USES
from audit.history import Token
from audit.round_state import Moment
from audit.times import LAST_SECOND
from chain.messages import Grant, Purpose, token_id
from tests.api.fhir.r4 import leaves, valid

NAMES = Naming("https://h.example/fhir", 1, "0x" + "1" * 40, "0x" + "2" * 40, "0x" + "3" * 40)
UINT40 = 2**40 - 1


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    """Every grant that the contract would take, and periods that no calendar has."""
    bits = [bit for bit in range(64) if KNOWN >> bit & 1]
    purposes = sum(1 << bit for bit in draw(st.sets(st.sampled_from(bits), min_size=1)))
    specific = bool(purposes & Purpose.DISEASE_SPECIFIC_RESEARCH)
    address = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    moments = st.tuples(st.integers(0, UINT40 - 1), st.integers(1, UINT40)).filter(
        lambda pair: pair[0] < pair[1]
    )
    use, data = draw(moments), draw(moments)
    word = st.binary(min_size=32, max_size=32)
    return Grant(
        study_id=draw(st.integers(1, 2**64 - 1)),
        terms_hash=draw(word),
        site=_checksum(draw(address)),
        holder=_checksum(draw(address)),
        purposes=purposes,
        disease=draw(st.integers(1, 2**24 - 1)) if specific else 0,
        use_start=use[0],
        use_end=use[1],
        data_start=data[0],
        data_end=data[1],
        # Not one of the other hashes, so that a test can look for it.
        record_commitment=sha256(draw(word)),
        consent_text_hash=draw(word),
        language=draw(st.one_of(st.just(b"de-AT\0\0\0"), st.binary(min_size=8, max_size=8))),
        revocation_counter=draw(st.integers(0, 2**64 - 1)),
        deadline=draw(st.integers(0, UINT40)),
    )


def _checksum(address: str) -> str:
    return str(to_checksum_address(address))


def consent_of(grant: Grant, version: Version) -> dict[str, Any]:
    named = token_id(grant.study_id, grant.site, 2**32 - 1)
    granted = Moment(0, 1, 1_790_000_000)
    token = Token(named, 2**32 - 1, grant, 1, b"\0" * 32, granted)
    return consent_resource(token, version, NAMES)


@settings(max_examples=25)
@given(grants(), st.booleans())
def test_every_grant_is_a_valid_consent_without_personal_data(grant: Grant, active: bool) -> None:
    version = Version(3, 1_790_000_001, active, revoked=not active)
    found = valid(consent_of(grant, version))
    assert found["status"] == ("active" if active else "inactive")
    written = json.dumps(found)
    assert grant.record_commitment.hex() not in written
    assert not {"name", "birthDate", "display", "telecom"} & {
        path.rpartition(".")[2] for path, _ in leaves(found, "Consent")
    }


@settings(max_examples=25)
@given(grants())
def test_the_codings_hold_every_bit_of_the_purposes(grant: Grant) -> None:
    provision = consent_of_grant(grant, NAMES)["provision"]
    codes = [one["code"] for one in provision.get("purpose", [])]
    # A permission without a purpose would be one for all purposes.
    assert provision["type"] == ("permit" if codes else "deny")
    restricting = [one["valueCoding"]["code"] for one in provision.get("modifierExtension", [])]
    named = {"training": Purpose.TRAINING, "evaluation": Purpose.EVALUATION}

    def bits(listed: list[str]) -> int:
        return sum(
            int(named[code]) if code in named else 1 << int(code.removeprefix("DUO:"))
            for code in listed
        )

    assert bits(codes) == grant.purposes & (USES | ACTIVITIES)
    assert bits(restricting) == grant.purposes & ~(USES | ACTIVITIES)


@settings(max_examples=20)
@given(grants(), st.data())
def test_a_filed_consent_that_says_anything_else_is_found_out(
    grant: Grant, data: st.DataObject
) -> None:
    expected = consent_of_grant(grant, NAMES)
    filed = copy.deepcopy(expected) | {"status": "proposed"}
    assert first_difference(expected, filed) is None
    places = list(_places(filed["provision"], ("provision",)))
    places += [("patient", "identifier", "value"), ("policyRule", "coding", 0, "code")]
    place = data.draw(st.sampled_from(places))
    _change(filed, place, data)
    assert first_difference(expected, filed) is not None


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _places(one, (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _places(one, (*path, place))
    else:
        yield path


def _change(filed: Any, place: tuple[Any, ...], data: st.DataObject) -> None:
    """Another value, one more element, or one less."""
    parent = filed
    for step in place[:-1]:
        parent = parent[step]
    how = data.draw(st.sampled_from(["other", "more", "less"]))
    if how == "less" and place[-1] != "type":
        del parent[place[-1]]
    elif how == "more":
        parent["somethingElse"] = "said"
    else:
        parent[place[-1]] += "1"


@given(st.integers(0, UINT40 - 1), st.integers(1, UINT40))
def test_a_period_holds_the_seconds_of_the_chains_interval(start: int, length: int) -> None:
    end = start + length
    shown = period(start, end)
    assert shown["start"] == instant(start)
    assert shown.get("end") == (instant(end - 1) if end - 1 <= LAST_SECOND else None)


@given(st.integers(0, 2**256 - 1), st.integers(1, 2**32 - 1))
def test_ids_name_one_thing_each(token: int, number: int) -> None:
    assert token_of_id(id_of_token(token)) == token
    id_ = id_of_disclosure(token, number)
    assert len(id_) <= 64
    assert disclosure_of_id(id_) == (token, number)
    assert disclosure_of_id("zz" + id_[2:]) != (token, number) or id_.startswith("zz")


def test_an_order_of_codings_says_nothing_and_a_repetition_does() -> None:
    one = {"category": [{"a": "1"}, {"a": "2"}]}
    same = {"category": [{"a": "2"}, {"a": "1"}], "status": "active"}
    assert first_difference(one, same) is None
    twice = {"category": [{"a": "2"}, {"a": "2"}], "status": "active"}
    assert first_difference(one, twice) == "Consent.category[1].a"
