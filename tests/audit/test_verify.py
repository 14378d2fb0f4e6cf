"""A real bundle holds; without a trusted block it says so."""

from __future__ import annotations

from audit.verify import verify_folder
from tests.audit.conftest import Written


def test_a_real_bundle_holds_against_the_trusted_block(written: Written) -> None:
    report = verify_folder(written.folder, written.trust_block)
    assert [check for check in report.checks if not check.ok] == []
    assert report.exit_code == 0
