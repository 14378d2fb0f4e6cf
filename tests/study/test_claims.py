"""What reviewers are told is verified, and what reports sort the checks by, are the same."""

from __future__ import annotations

import re

from stack.binaries import ROOT
from study.claims import CLAIMS, claim_of


def test_the_guide_has_these_claims_with_these_checks() -> None:
    guide = (ROOT / "docs/reviewer.md").read_text(encoding="utf-8")
    table = guide.partition("### What is verified")[2].partition("###")[0]
    rows = re.findall(r"^\| (?!what must|---)(.*?) \| (.*?) \|$", table, re.MULTILINE)
    told = [(words, tuple(re.findall(r"`([^`]+)`", checks))) for words, checks in rows]
    assert told == [(claim.words, claim.checks) for claim in CLAIMS]


def test_a_check_belongs_to_the_claim_that_names_most_of_it() -> None:
    for name, claim in (("outcome.sum", "sum and count"), ("outcome.new", "the update rule")):
        found = claim_of(name)
        assert found is not None and found.words.startswith(claim)
    assert claim_of("outcomes") is None and claim_of("elsewhere") is None
