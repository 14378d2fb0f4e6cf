"""One-time codes: what they give to whom, and what nobody can do without one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.enrolment_code import CodeInvalid, EnrolmentCode

SITE, HOLDER, OTHER = ("0x" + digit * 40 for digit in "123")


@given(st.binary(min_size=16, max_size=16))
def test_a_code_is_read_as_people_type_it_and_from_a_link(secret: bytes) -> None:
    code = EnrolmentCode(secret)
    shown = code.text
    misread = shown.replace("O", "0").replace("I", "1").replace("B", "8")
    for typed in (shown, shown.lower(), misread, shown.replace("-", " "), shown.replace("-", "")):
        assert EnrolmentCode.parse(typed) == code
    assert EnrolmentCode.parse(code.link("https://assent.example.org/")) == code
    assert code.link("https://a.example").startswith("https://a.example/enrol#")


@pytest.mark.parametrize("typed", ["", "ABCDE", "A" * 25 + "B", "A" * 27, "Ä" * 26, "9" * 26])
def test_what_is_no_code_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(CodeInvalid) as refused:
        EnrolmentCode.parse(typed)
    assert not typed or typed not in str(refused.value)


def test_a_claim_is_for_one_study_site_and_holder_and_needs_the_code() -> None:
    code, other = EnrolmentCode.make(), EnrolmentCode.make()
    claim = code.claim(7, SITE, HOLDER)
    assert code.is_claim(claim, 7, SITE, HOLDER)
    assert not code.is_claim(claim, 8, SITE, HOLDER)
    assert not code.is_claim(claim, 7, OTHER, HOLDER)
    assert not code.is_claim(claim, 7, SITE, OTHER)
    assert not other.is_claim(claim, 7, SITE, HOLDER)


def test_only_the_code_opens_an_enrolment_and_nothing_of_it_shows_the_code() -> None:
    code = EnrolmentCode.make()
    sealed = code.seal(b"an enrolment")
    assert code.open(sealed) == b"an enrolment"
    assert sealed != code.seal(b"an enrolment")
    for wrong in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", code.locator + sealed):
        with pytest.raises(CodeInvalid):
            code.open(wrong)
    with pytest.raises(CodeInvalid):
        EnrolmentCode.make().open(sealed)
    assert code.secret not in code.locator + sealed
    assert code.text not in repr(code) and code.secret.hex() not in repr(code)
