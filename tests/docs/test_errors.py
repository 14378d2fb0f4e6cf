"""docs/errors.md is the error catalogue of the service, and nothing else."""

from api.catalogue import page
from api.problems import catalogue
from stack.binaries import ROOT


def test_the_page_is_the_catalogue() -> None:
    shown = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert shown == page(), "write it anew: python -m api.catalogue > docs/errors.md"


def test_every_problem_has_a_code_of_its_own_and_says_what_to_do() -> None:
    page()
    codes = [one.code for one in catalogue()]
    assert len(codes) == len(set(codes))
    for one in catalogue():
        assert one.code
        assert one.code == one.code.lower()
        assert 400 <= one.status_code_ < 600
        for said in (one.summary, one.why, one.fix):
            assert said
            assert "|" not in said
