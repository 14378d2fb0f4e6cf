"""What reviewers are told is verified, and what reports sort the checks by, are the same."""

from __future__ import annotations

import re

from stack.binaries import ROOT
from study.claims import CLAIMS, claim_of


def test_the_guide_has_these_claims_with_checks_that_belong_to_them() -> None:
    guide = (ROOT / "docs/reviewer.md").read_text(encoding="utf-8")
    table = guide.partition("### What is verified")[2].partition("###")[0]
    rows = re.findall(r"^\| (?!what must|---)(.*?) \| (.*?) \|$", table, re.MULTILINE)
    assert [words for words, _ in rows] == [claim.words for claim in CLAIMS]
    for claim, (_, checks) in zip(CLAIMS, rows, strict=True):
        named = re.findall(r"`([^`]+)`", checks)
        assert named and {claim_of(name) for name in named} == {claim}


def test_a_check_belongs_to_the_claim_that_names_most_of_it() -> None:
    for name, claim in (("outcome.sum", "sum and count"), ("outcome.new", "the update rule")):
        found = claim_of(name)
        assert found is not None and found.words.startswith(claim)
    assert claim_of("outcomes") is None and claim_of("elsewhere") is None
