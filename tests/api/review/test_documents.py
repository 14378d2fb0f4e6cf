"""Documents come from IPFS by their hash, and are opened before anybody signs."""

from __future__ import annotations

import hashlib

import pytest

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


def test_a_missing_document_is_named(reviewed: Reviewed) -> None:
    study = reviewed.study.world.approved_study()
    answer = reviewed.served.client.get(f"/v1/studies/{study}/versions/1/documents/protocol")
    assert (answer.status_code, answer.json()["code"]) == (404, "document-not-on-ipfs")
    found = reviewed.served.get(f"/v1/studies/{study}/versions/1/examination")
    assert not found["ok"]
    assert {one["name"] for one in found["findings"] if not one["ok"]} == set(DOCUMENTS)
