"""Documents that a study publishes are found again by the hashes in its terms."""

from dataclasses import replace

import pytest

from audit.errors import AuditError
from audit.unixfs import BLOCK_BYTES
from federation.app.learning.recipe import recommended_recipe
from ipfs.objects import ObjectStore
from study.documents import StudyDocuments
from twin.log_linear import LogLinearModel

NOBODY_THERE = "/ip4/127.0.0.1/tcp/9"  # what is refused is refused before anything is sent


@pytest.mark.parametrize(
    ("member", "name"),
    [("protocol", "protocol"), ("consent_text", "consent text"), ("dpia", "dpia"), ("app", "app")],
)
def test_a_document_that_its_hash_would_not_find_is_refused(member: str, name: str) -> None:
    recipe = recommended_recipe(LogLinearModel())
    documents = StudyDocuments(b"a", b"b", b"c", recipe, b"d", b"e")
    large = replace(documents, **{member: bytes(BLOCK_BYTES + 1)})
    with (
        ObjectStore(NOBODY_THERE) as store,
        pytest.raises(AuditError, match=f"{name}: {BLOCK_BYTES + 1} bytes"),
    ):
        large.publish(store)
