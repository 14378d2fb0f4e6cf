"""Documents come from IPFS by their hash, and are opened before anybody signs."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from api.clock import system_clock
from api.kept import Kept
from api.review.examining import HOLDS, LACKS
from ipfs.objects import ObjectStore
from study.documents import DOCUMENTS
from tests.api.review.conftest import Reviewed
from tests.audit.real_study import documents, initial_checkpoint

BYTES = documents() | {"checkpoint": initial_checkpoint()}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_has_the_bytes_that_the_terms_name(reviewed: Reviewed, name: str) -> None:
    path = f"/v1/studies/{reviewed.number}/versions/1/documents/{name}"
    answer = reviewed.served.client.get(path)
    assert answer.content == BYTES[name]
    assert answer.headers["etag"] == f'"{hashlib.sha256(BYTES[name]).hexdigest()}"'
    again = reviewed.served.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_the_terms_do_not_name_is_not_fetched(reviewed: Reviewed) -> None:
    for name in ("other", "..%2Fsecret", "bundle.json"):
        path = f"/v1/studies/{reviewed.number}/versions/1/documents/{name}"
        assert reviewed.served.client.get(path).status_code == 404


def test_the_examination_opens_everything(reviewed: Reviewed) -> None:
    found = reviewed.served.get(f"/v1/studies/{reviewed.number}/versions/1/examination")
    assert found["ok"], found["findings"]
    assert {one["name"] for one in found["findings"]} >= {
        *DOCUMENTS,
        "terms hash",
        "recipe.json, opened",
        "checkpoint, opened",
    }
    assert found["consent_texts"] == {"en": "I agree."}
    assert "assent irb show" in found["not_looked_at"]


def test_an_examination_is_made_once_in_a_while_and_says_when(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = reviewed.served.service
    now = system_clock()
    monkeypatch.setattr(service, "clock", lambda: now)
    monkeypatch.setattr(service, "examinations", Kept(2, lambda: now))
    asked: list[str] = []
    get = ObjectStore.get

    def counted(store: ObjectStore, cid: str) -> bytes:
        asked.append(cid)
        return get(store, cid)

    monkeypatch.setattr(ObjectStore, "get", counted)
    path = f"/v1/studies/{reviewed.number}/versions/1/examination"
    first = reviewed.served.get(path)
    assert (first["ok"], len(asked)) == (True, len(DOCUMENTS))
    now += HOLDS - timedelta(seconds=1)
    assert reviewed.served.get(path) == first
    assert len(asked) == len(DOCUMENTS)
    now += timedelta(seconds=1)
    assert reviewed.served.get(path)["examined_at"] > first["examined_at"]
    assert len(asked) == 2 * len(DOCUMENTS)

    # What is missing may come at any time.
    lacking = reviewed.study.world.approved_study()
    other = f"/v1/studies/{lacking}/versions/1/examination"
    for count, passed in ((3, timedelta()), (3, timedelta()), (4, LACKS)):
        now += passed
        assert not reviewed.served.get(other)["ok"]
        assert len(asked) == count * len(DOCUMENTS)


def test_a_missing_document_is_named(reviewed: Reviewed) -> None:
    study = reviewed.study.world.approved_study()
    answer = reviewed.served.client.get(f"/v1/studies/{study}/versions/1/documents/protocol")
    assert (answer.status_code, answer.json()["code"]) == (404, "document-not-on-ipfs")
    found = reviewed.served.get(f"/v1/studies/{study}/versions/1/examination")
    assert not found["ok"]
    assert {one["name"] for one in found["findings"] if not one["ok"]} == set(DOCUMENTS)
