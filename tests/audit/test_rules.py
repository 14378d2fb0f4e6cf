"""The rules of terms that the verifier applies again, member by member."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from audit.rules import broken_terms, needs_fresh_consent
from chain.messages import LateRevocation, Purpose, Terms

SITES = tuple("0x" + f"{number:040x}" for number in (1, 2, 3))

TERMS = Terms(
    protocol_hash=b"\1" * 32,
    consent_text_hash=b"\2" * 32,
    dpia_hash=b"\3" * 32,
    app_hash=b"\4" * 32,
    recipe_hash=b"\5" * 32,
    initial_checkpoint=b"\6" * 32,
    purposes=int(Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING),
    disease=11382,
    coordinator="0x" + "00" * 19 + "09",
    sites=SITES,
    min_cohort=10,
    min_sites=3,
    tolerated_colluders=1,
    vector_length=4,
    fraction_bits=20,
    clipping_norm=1 << 20,
    noise_multiplier=1_000_000,
    delta=10**13,
    rho_ceiling=10**18,
    commit_seconds=600,
    seal_seconds=600,
    delivery_seconds=600,
    close_seconds=600,
    challenge_seconds=86_400,
    answer_seconds=3600,
    waiting_rounds=1,
    max_charged_aborts=3,
    late_revocation=LateRevocation.ABANDON,
)

BREAKING: list[tuple[str, Any]] = [
    *((name, bytes(32)) for name in ("protocol_hash", "consent_text_hash", "dpia_hash")),
    *((name, bytes(32)) for name in ("app_hash", "recipe_hash", "initial_checkpoint")),
    *(("purposes", value) for value in (0, 1, TERMS.purposes | 1 << 63, int(Purpose.TRAINING))),
    ("disease", 0),
    ("coordinator", "0x" + "00" * 20),
    *(("sites", value) for value in (SITES[::-1], (SITES[0], *SITES[:2]))),
    *(("min_sites", value) for value in (2, 4)),
    ("tolerated_colluders", 2),
    ("fraction_bits", 53),
    *(("clipping_norm", value) for value in (0, 2**40 + 1)),
    *(("noise_multiplier", value) for value in (0, 5)),
    *(("delta", value) for value in (0, 10**18)),
    ("rho_ceiling", 5 * 10**17),
    *((name, 0) for name in ("min_cohort", "vector_length", "commit_seconds", "seal_seconds")),
    *((name, 0) for name in ("delivery_seconds", "close_seconds", "challenge_seconds")),
    *((name, 0) for name in ("answer_seconds", "max_charged_aborts")),
]
NAMED_AFTER = {"disease": "purposes", "tolerated_colluders": "min_sites"}


def test_terms_within_the_rules_break_none() -> None:
    assert broken_terms(TERMS) == []
    edges: list[tuple[str, Any]] = [("clipping_norm", 2**40), ("waiting_rounds", 0)]
    for member, value in [*edges, ("fraction_bits", 52)]:
        assert broken_terms(dataclasses.replace(TERMS, **{member: value})) == []


@pytest.mark.parametrize(("member", "value"), BREAKING)
def test_a_member_out_of_bounds_is_named(member: str, value: Any) -> None:
    broken = broken_terms(dataclasses.replace(TERMS, **{member: value}))
    assert NAMED_AFTER.get(member, member) in broken


LOOSER: list[tuple[str, Any, Any]] = [
    ("rho_ceiling", TERMS.rho_ceiling + 1, TERMS.rho_ceiling - 1),
    ("delta", TERMS.delta + 1, TERMS.delta - 1),
    ("challenge_seconds", TERMS.challenge_seconds - 1, TERMS.challenge_seconds + 1),
    ("answer_seconds", TERMS.answer_seconds + 1, TERMS.answer_seconds - 1),
    ("late_revocation", LateRevocation.PROCEED, LateRevocation.ABANDON),
    ("app_hash", b"\7" * 32, TERMS.app_hash),
    ("recipe_hash", b"\7" * 32, TERMS.recipe_hash),
    ("sites", (*SITES, "0x" + f"{4:040x}"), SITES),
]


@pytest.mark.parametrize(("member", "looser", "not_looser"), LOOSER)
def test_what_promises_less_needs_fresh_consent(member: str, looser: Any, not_looser: Any) -> None:
    assert needs_fresh_consent(TERMS, dataclasses.replace(TERMS, **{member: looser}))
    assert not needs_fresh_consent(TERMS, dataclasses.replace(TERMS, **{member: not_looser}))


def test_first_terms_need_consent_and_other_changes_need_none_anew() -> None:
    assert needs_fresh_consent(None, TERMS)
    changed = dataclasses.replace(TERMS, protocol_hash=b"\7" * 32, min_cohort=11, waiting_rounds=0)
    assert not needs_fresh_consent(TERMS, changed)
