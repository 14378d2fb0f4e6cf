"""A bundle is gathered by another process, and what is downloaded proves itself."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.orm import Session

from api.clock import system_clock
from api.database.engine import make_engine
from api.database.migrate import migrate
from api.review.bundling import repository
from api.review.bundling.__main__ import work
from api.review.bundling.folder import BundleFolder
from api.review.bundling.repository import BundleMade
from api.review.bundling.supervising import Bundling, environment
from api.service import Service
from audit.verify import verify_folder
from tests.api.review.conftest import Reviewed

A_SITE_IS_SILENT = True


def bundling_process(service: Service) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "api.review.bundling"], env=environment(service.settings)
    )


def asked(reviewed: Reviewed, study: int | None = None) -> str:
    """A new job's id."""
    path = f"/v1/studies/{study or reviewed.number}/bundles"
    answer = reviewed.served.post(path, reviewed.study.world.reviewers[0])
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/bundles/{answer.json()['id']}"
    return str(answer.json()["id"])


def told(reviewed: Reviewed, job: str) -> dict[str, Any]:
    found: dict[str, Any] = reviewed.served.get(
        f"/v1/bundles/{job}", reviewed.study.world.reviewers[0]
    )
    return found


@pytest.fixture(scope="module")
def done(reviewed: Reviewed) -> dict[str, Any]:
    """A bundle whose first process was killed in the middle of its work."""
    before = reviewed.served.get(f"/v1/studies/{reviewed.number}/record")
    assert [one["verified"] for one in before["rounds"]] == ["not-verified"]
    job = asked(reviewed)
    assert asked(reviewed) == job  # one at a time
    assert told(reviewed, job)["state"] == "waiting"
    early = reviewed.served.client.get(
        f"/v1/bundles/{job}/file",
        headers=reviewed.served.headers(reviewed.study.world.reviewers[0]),
    )
    assert (early.status_code, early.json()["code"]) == (409, "bundle-not-ready")
    first = bundling_process(reviewed.served.service)
    while told(reviewed, job)["state"] == "waiting":
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert told(reviewed, job)["state"] == "running"

    supervisor = Bundling(reviewed.served.service)
    while told(reviewed, job)["state"] == "running":
        supervisor.run_once()
        time.sleep(0.2)
    supervisor.close()
    return told(reviewed, job)


def download(reviewed: Reviewed, job: dict[str, Any], **headers: str) -> Any:
    mine = reviewed.served.headers(reviewed.study.world.reviewers[0])
    return reviewed.served.client.get(job["file"]["path"], headers=mine | headers)


def test_a_job_outlives_its_process_and_ends_with_a_verdict(done: dict[str, Any]) -> None:
    assert done["state"] == "done", done
    assert done["verdict"]["holds"], done["verdict"]["failed"]
    assert "two sites" in done["how_to_check"]


def test_what_is_downloaded_verifies_against_a_hash_from_elsewhere(
    reviewed: Reviewed, done: dict[str, Any], tmp_path: Path
) -> None:
    answer = download(reviewed, done)
    digest = hashlib.sha256(answer.content).digest()
    assert "0x" + digest.hex() == done["file"]["sha256"]
    assert answer.headers["etag"] == f'"{digest.hex()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert int(answer.headers["content-length"]) == len(answer.content) == done["file"]["bytes"]
    file = tmp_path / "study.tar"
    file.write_bytes(answer.content)
    elsewhere = reviewed.study.world.chain().block(done["block"]["number"]).hash
    report = verify_folder(file, elsewhere)
    assert report.ok, report.failed
    assert not verify_folder(file).ok


def test_a_known_file_is_not_sent_again_and_a_part_can_be_had(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    whole = download(reviewed, done)
    again = download(reviewed, done, **{"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = download(reviewed, done, Range="bytes=0-3")
    assert (part.status_code, part.content) == (206, b"bund")


def test_the_file_is_for_the_service_alone_and_called_by_its_hash(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    folder = reviewed.served.service.settings.bundle_folder
    file = folder / f"{done['file']['sha256'][2:]}.tar"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not (folder / "work").exists()


def test_the_report_is_the_verifiers_and_leaves_the_anchor_to_the_reader(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    reviewer = reviewed.study.world.reviewers[0]
    report = reviewed.served.get(f"/v1/bundles/{done['id']}/report", reviewer)
    assert report["schema"] == "assent-report-1"
    assert report["ok"] is False
    assert [one["name"] for one in report["checks"] if not one["ok"]] == ["anchor"]


def test_each_round_says_what_the_newest_report_says_of_it(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    record = reviewed.served.get(f"/v1/studies/{reviewed.number}/record")
    (round_,) = record["rounds"]
    assert (round_["verified"], round_["failed"]) == ("holds", [])
    assert round_["recomputed"] > round_["attested"] > 0
    assert record["last_report"]["bundle_id"] == done["id"]
    assert record["privacy"]["rho_spent"] == str(
        reviewed.study.chain.ledger.rho_spent(reviewed.number)
    )


def test_a_broken_duty_on_record_is_told_and_fails_nothing(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    (fault,) = done["verdict"]["faults"]
    assert fault.startswith(f"challenge: round 1, site {reviewed.silent}, a replay: fault: ")
    (round_,) = reviewed.served.get(f"/v1/studies/{reviewed.number}/record")["rounds"]
    assert (round_["faults"], round_["verified"]) == ([fault], "holds")


def test_who_has_no_part_asks_for_no_work_and_nobody_reads_unnamed(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    stranger = reviewed.study.world.carrier
    path = f"/v1/studies/{reviewed.number}/bundles"
    assert reviewed.served.post(path, stranger).status_code == 404
    assert reviewed.served.client.get(f"/v1/bundles/{done['id']}").status_code == 401
    assert reviewed.served.get(path, stranger)["items"][0]["id"] == done["id"]
    unknown = f"/v1/bundles/{'0' * 32}"
    answer = reviewed.served.client.get(unknown, headers=reviewed.served.headers(stranger))
    assert answer.status_code == 404


def test_a_bundle_that_grows_too_large_is_not_made(reviewed: Reviewed) -> None:
    service = reviewed.served.service
    job = asked(reviewed)
    small = service.settings.model_copy(update={"max_bundle_bytes": 1000})
    work(dataclasses.replace(service, settings=small))
    assert told(reviewed, job)["reason"]["code"] == "bundle-too-large"


def test_a_bundle_without_one_object_is_not_made(reviewed: Reviewed) -> None:
    study = reviewed.study.world.approved_study()  # its documents are nowhere
    reviewed.served.index()
    job = asked(reviewed, study)
    work(reviewed.served.service)
    found = told(reviewed, job)
    assert (found["state"], found["reason"]["code"]) == ("failed", "object-missing")
    assert "127.0.0.1" not in found["reason"]["detail"]


def test_only_one_works_in_a_folder_at_a_time(reviewed: Reviewed) -> None:
    study = reviewed.study.world.approved_study()
    job = asked(reviewed, study)
    with BundleFolder(reviewed.served.service.settings.bundle_folder).locked():
        work(reviewed.served.service)  # finds the folder held, and leaves
        assert told(reviewed, job)["state"] == "waiting"
    work(reviewed.served.service)
    assert told(reviewed, job)["state"] == "failed"


def test_a_file_goes_when_its_time_is_over_and_the_report_stays(
    reviewed: Reviewed, done: dict[str, Any]
) -> None:
    service = reviewed.served.service
    later = dataclasses.replace(
        service, clock=lambda: system_clock() + timedelta(days=service.settings.bundle_days + 1)
    )
    work(later)
    assert told(reviewed, done["id"])["state"] == "expired"
    gone = download(reviewed, done)
    assert (gone.status_code, gone.json()["code"]) == (410, "bundle-gone")
    assert not list(service.settings.bundle_folder.glob("*.tar"))
    reviewer = reviewed.study.world.reviewers[0]
    assert reviewed.served.get(f"/v1/bundles/{done['id']}/report", reviewer)["checks"]


@pytest.fixture
def database(database_url: str) -> Iterator[Session]:
    engine = make_engine(SecretStr(database_url).get_secret_value())
    migrate(engine)
    with Session(engine, expire_on_commit=False) as session:
        yield session
    engine.dispose()


def test_jobs_are_done_in_order_and_die_only_so_often(database: Session) -> None:
    now = system_clock()
    first, second = repository.ask(database, 1, now), repository.ask(database, 2, now)
    assert repository.ask(database, 1, now) is first
    for attempt in range(repository.MOST_ATTEMPTS):
        taken = repository.take_next(database, now)  # each time after a process that died
        assert taken is first
        assert taken.attempts == attempt + 1
    assert repository.take_next(database, now) is second
    assert (first.state, first.reason_code) == ("failed", "interrupted")
    repository.note_progress(database, second.id, "objects", 3, 9)
    database.refresh(second)
    assert (second.stage, second.steps_done, second.steps_total) == ("objects", 3, 9)
    made = BundleMade(7, b"\x01" * 32, {"checks": [], "rounds": []}, b"\x02" * 32, 99)
    repository.finish(database, second.id, made, now, now + timedelta(days=1))
    assert not repository.is_work_waiting(database, now)
    # Nobody need ask for another bundle for this one's file to go.
    assert repository.is_work_waiting(database, now + timedelta(days=1))
    assert repository.files_kept(database) == {b"\x02" * 32}
    assert repository.newest_verified(database, 2) is second
    assert repository.of_study(database, 2, None, 5) == [second]
    assert repository.of_study(database, 2, second.sequence, 5) == []
    repository.expire(database, now + timedelta(days=2))
    database.refresh(second)
    assert second.state == "expired"
    assert not repository.is_work_waiting(database, now + timedelta(days=2))


def test_of_a_study_only_the_newest_files_are_kept(database: Session) -> None:
    now, most = system_clock(), repository.MOST_KEPT_OF_A_STUDY
    for number in range(most + 2):
        job = repository.ask(database, 1, now)
        made = BundleMade(number, bytes(32), {}, number.to_bytes(32), 1)
        repository.finish(database, job.id, made, now, now + timedelta(days=1))
        database.flush()
    repository.expire(database, now)
    database.flush()
    assert repository.files_kept(database) == {number.to_bytes(32) for number in range(2, most + 2)}
