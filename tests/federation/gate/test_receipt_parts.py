"""What a site keeps for receipts, codes and erasures."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from audit.cohort import Status
from audit.errors import NotCanonical
from federation.gate.enrolment_codes import EnrolmentCodes, KeptCode
from federation.gate.kept_cohort import KeptCohort
from federation.gate.record_register import EnrolmentEntry, RecordRegister
from study.enrolment_code import EnrolmentCode


def test_a_kept_cohort_reads_as_it_was_written() -> None:
    kept = KeptCohort(2, 17, bytes(range(32)), (Status.ADMITTED, Status.REVOKED))
    assert KeptCohort.parse(kept.to_bytes()) == kept
    # As journals hold it from before this class: receipts for old rounds must stay possible.
    assert kept.to_bytes() == (
        b'{"attempt":2,"block":17,"root":"' + bytes(range(32)).hex().encode() + b'"'
        b',"statuses":[1,2]}'
    )
    with pytest.raises(NotCanonical):
        KeptCohort.parse(b"not a cohort")


def test_a_code_is_kept_until_it_is_used_or_expires(tmp_path: Path) -> None:
    used, expired, other = (EnrolmentCode.make() for _ in range(3))
    now = int(time.time())
    with closing(EnrolmentCodes(tmp_path / "codes.db")) as codes:
        codes.add(KeptCode(used, "p1", 30), now + 3600)
        codes.add(KeptCode(other, "p2", 7), now + 3600)
        codes.add(KeptCode(expired, "p1", 30), now - 1)
        assert codes.find(expired.locator) is None
        assert codes.find(used.locator) == KeptCode(used, "p1", 30)
        codes.forget(used.locator)
        assert codes.find(used.locator) is None
        codes.forget_record("p2")
        assert codes.find(other.locator) is None
    # What is forgotten is not in the file either.
    assert all(
        code.secret not in path.read_bytes()
        for code in (used, other)
        for path in tmp_path.iterdir()
    )


def test_records_are_found_by_their_holder_and_study(tmp_path: Path) -> None:
    holder, other = b"\1" * 20, b"\2" * 20
    with closing(RecordRegister(tmp_path / "salts.db")) as register:
        for record, who, study in (("a", holder, 1), ("b", other, 1), ("c", holder, 2)):
            register.record_salt(record)
            entry = EnrolmentEntry(study, record.encode() * 32, 1, record, who)
            register.add_enrolment(entry)
        assert register.records_of_holder(1, holder) == ["a"]
        assert register.records_of_holder(2, other) == []
        register.destroy_salt("a")
        assert register.records_of_holder(1, holder) == []
