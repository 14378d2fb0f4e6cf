"""Whatever a file, a document or an object holds, the verifier says that it does not hold; it never
raises, also where the bytes are those that the chain names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import canonical_json
from audit.bundle import Bundle
from audit.cid import sha256
from audit.report import Report
from audit.verify import verify
from bench.tamper.judge import remembering
from bench.verification.closing import Closing
from chain import events as ev
from tests.audit.conftest import Written
from tests.audit.fuzz.strategies import changed, damaged, dumped
from tests.audit.misbehaviour.forgery import Forgery
from tests.audit.misbehaviour.of_people import amended
from tests.audit.tampering import contents, forged

few = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
fewer = settings(few, max_examples=8)


@pytest.fixture(scope="module", autouse=True)
def _remembered() -> Iterator[None]:
    with remembering():
        yield


def refused(report: Report) -> bool:
    assert report.to_json()["ok"] is False
    assert all(check.detail for check in report.failed)
    return report.exit_code == 1


@given(data=st.data())
@few
def test_any_change_of_a_json_files_structure_is_refused(
    written: Written, bundle: Bundle, data: st.DataObject
) -> None:
    jsons = sorted(path for path in bundle.files if path.endswith(".json"))
    path = data.draw(st.sampled_from(jsons))
    good = canonical_json.loads(bundle.files[path])
    made = dumped(data.draw(changed(good)))
    if made != bundle.files[path]:
        assert refused(verify(forged(bundle, {path: made}), written.trust_block))


@given(data=st.data())
@few
def test_any_damaged_file_or_object_is_refused(
    written: Written, bundle: Bundle, data: st.DataObject
) -> None:
    everything = contents(bundle)
    path = data.draw(st.sampled_from(sorted(everything)))
    made = data.draw(damaged(everything[path]))
    assert refused(verify(forged(bundle, {path: made}), written.trust_block))


NAMED = {
    "app.fab": "app_hash",
    "consent-text.json": "consent_text_hash",
    "recipe.json": "recipe_hash",
}


@pytest.mark.parametrize("name", sorted(NAMED))
@given(data=st.data())
@fewer
def test_approved_documents_that_are_none_are_refused(
    written: Written, bundle: Bundle, name: str, data: st.DataObject
) -> None:
    """Reviewers approved just these bytes, so that the verifier reads on."""
    path = f"documents/3/{name}"
    good = bundle.files[path]
    if name == "app.fab":
        made = data.draw(damaged(good))
    elif name == "recipe.json":
        made = dumped(data.draw(changed(canonical_json.loads(good))))
    else:
        made = data.draw(damaged(good))
    forgery = Forgery(bundle, written.accounts)
    amended(forgery, **{NAMED[name]: sha256(made)})
    forgery.put(path, made)
    proven = forgery.proven()
    report = verify(proven, proven.block_hash)
    assert {check.name for check in report.failed} <= {
        *("app.content", "consent-text", "recipe", "initial-checkpoint", "documents")
    }


@given(data=st.data())
@fewer
def test_manifests_and_checkpoints_that_the_ledger_names_are_refused_when_they_are_none(
    written: Written, bundle: Bundle, data: st.DataObject
) -> None:
    """The ledger stores any two hashes that the coordinator signs."""
    forgery = Forgery(bundle, written.accounts)

    def manifest(honest: Any) -> bytes:
        if data.draw(st.booleans()):
            return dumped(data.draw(changed(honest.to_json())))
        return data.draw(damaged(honest.to_bytes()))

    forgery.close(5, Closing(manifest=manifest))
    good = forgery.object(forgery.event(ev.VersionProposed).terms.initial_checkpoint)
    first = data.draw(damaged(good))
    amended(forgery, initial_checkpoint=sha256(first))
    forgery.store(first)
    proven = forgery.proven()
    report = verify(proven, proven.block_hash)
    found = {check.name for check in report.failed}
    assert {"initial-checkpoint"} <= found
    assert {name for name in found if name.startswith("outcome")} or not any(
        check.name == "outcome" for check in report.checks
    )
