"""Over HTTP a checkpoint or masked vector over 1 MiB has the CID that IPFS knows it by."""

from __future__ import annotations

import json
import re

import pytest

from api.blocks import BlockShown
from api.fhir.audit_resource import Place, audit_event
from api.fhir.naming import Naming
from api.fhir.provenance_resource import provenance
from api.rounds.telling import round_shown, summary_of
from api.studies.documents import listed
from audit.cid import cid_of_sha256, is_cid_of_large
from audit.consent_state import StudyState
from audit.history import History
from audit.manifest import Contracts
from bench.verification.synthetic import Size, SyntheticStudy
from chain import events as ev
from chain.origin import Origin

CONTRACTS = Contracts(1337, *("0x" + digit * 40 for digit in "123"))
NAMING = Naming("https://assent.example/fhir", *vars(CONTRACTS).values())


class NoDocuments:
    """A service without an IPFS node."""

    def documents(self) -> None:
        return None


@pytest.fixture(
    scope="module",
    params=[100, 40_958, 40_959, 140_000],
    ids=["one block", "just one block", "large checkpoints", "large vectors, too"],
)
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Two rounds, with real checkpoints and vectors, of a chain that never was."""
    size = Size(rounds=2, sites=2, parameters=request.param)
    scratch = tmp_path_factory.mktemp("large") / "objects"
    origin = Origin(CONTRACTS.registry, CONTRACTS.ledger)
    made = SyntheticStudy(size, CONTRACTS, origin, {}, scratch)
    made.run()
    return made


@pytest.fixture
def history(study: SyntheticStudy) -> History:
    return StudyState.replay(study.records, 1).history


def named(shown: object) -> set[str]:
    return set(re.findall(r"baf[a-z2-7]{56}", json.dumps(shown)))


def objects(study: SyntheticStudy) -> set[str]:
    return set(study.objects)


def documents_of(history: History) -> set[str]:
    terms = history.versions[1].terms
    named = (terms.protocol_hash, terms.consent_text_hash, terms.dpia_hash, terms.app_hash)
    return {cid_of_sha256(digest) for digest in (*named, terms.recipe_hash)}


def test_every_cid_of_a_round_is_that_of_an_object(study: SyntheticStudy, history: History) -> None:
    newest = BlockShown(number=1, hash="0x" + "00" * 32, timestamp=1)
    shown = [round_shown(history, facts, newest).model_dump() for facts in history.rounds.values()]
    lines = [summary_of(history, facts).model_dump() for facts in history.rounds.values()]
    told = named(shown) | named(lines)
    assert len(told) == 1 + 2 * 2  # the first checkpoint; of each round the next, the manifest
    assert told <= objects(study)
    assert any(map(is_cid_of_large, told)) == (study.size.parameters >= 40_959)


def test_every_cid_in_fhir_is_that_of_an_object(study: SyntheticStudy, history: History) -> None:
    assert named([provenance(history, n, NAMING) for n in history.rounds]) == objects(study)
    events = [event for event in map(ev.decode, study.records) if hasattr(event, "round")]
    place = Place(1, 1, 1, bytes(32))
    terms = history.versions[1].terms
    assert named([audit_event(one, place, terms, NAMING) for one in events]) == objects(study)
    put = ev.DeliveryRecorded(1, 1, terms.sites[0], events[-1].masked_hashes[0])
    assert named(audit_event(put, place, terms, NAMING)) < objects(study)


def test_of_the_documents_the_first_checkpoint_alone_may_be_large(
    study: SyntheticStudy, history: History
) -> None:
    shown = listed(NoDocuments(), history.versions[1].terms)
    told = {one.cid for one in shown if one.name != "checkpoint"}
    assert told == documents_of(history)
    assert {one.cid for one in shown} - told <= objects(study)
