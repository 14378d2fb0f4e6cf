"""Secure aggregation with real sites: what a coordinator can make a site send, and what adds up."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.cid import sha256
from audit.codec import from_bytes
from audit.update import unmask_sum
from chain.messages import RoundState
from federation.app.coordinator import MaskedDelivery
from federation.app.masks import mask_key_pair
from federation.app.reply import WithheldCode
from federation.app.site_round import SiteRound, Withheld
from federation.gate.journal import Journal
from federation.gate.site import Site, SiteConfig
from tests.lying_node import lying_node
from tests.small_federation import DESIGN, SmallFederation, small_federation

OTHERS = ("site-2", "site-3")


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites, of which two make a round."""
    design = replace(DESIGN, min_sites=2, tolerated_colluders=0, rounds=20)
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=2, granting=2, design=design) as running:
        yield running


def commit(federation: SmallFederation, number: int, sites: tuple[str, ...]) -> None:
    for site in sites:
        SiteRound(
            Site(federation.folder(site)), federation.study_id, number
        )._commit_until_current()


def seal(federation: SmallFederation, number: int) -> None:
    federation.coordinator().chain.ledger.seal(federation.study_id, number)


def committed_vector(federation: SmallFederation, site: str, number: int) -> np.ndarray:
    """The noised vector behind a site's commitment, from its own journal."""
    vector_hash = federation.commitments(number)[site].vector_hash
    with closing(Journal.open(federation.folder(site) / "state.db")) as journal:
        attempt = journal.committed(federation.study_id, number, vector_hash)
    assert attempt is not None
    assert attempt.vector is not None
    return from_bytes(attempt.vector).view(np.int64)


def refusal(federation: SmallFederation, site: str, number: int) -> WithheldCode:
    with pytest.raises(Withheld) as refused:
        federation.take_part(site, number)
    return refused.value.code


def test_the_masked_vectors_of_all_add_up_exactly_and_of_fewer_to_nothing(
    federation: SmallFederation,
) -> None:
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        seal(federation, number)
        made = {site: part.result() for site, part in parts.items()}
    vectors = {site: committed_vector(federation, site, number) for site in made}
    words = {site: from_bytes(masked) for site, (masked, _) in made.items()}
    assert np.array_equal(unmask_sum(list(words.values())), sum(vectors.values()))
    for missing in made:
        rest = [site for site in made if site != missing]
        left = unmask_sum([words[site] for site in rest])
        assert (left != sum(vectors[site] for site in rest)).all()
        assert (words[missing].view(np.int64) != vectors[missing]).all()

    # Asked again while the round is sealed, each site gives the same bytes; afterwards nothing.
    assert {site: federation.take_part(site, number) for site in made} == made
    deliveries = [MaskedDelivery(*one) for one in made.values()]
    federation.driver(number, lambda: (deliveries, [], True)).run()
    assert federation.state(number) == RoundState.CLOSED
    assert {refusal(federation, site, number) for site in made} == {WithheldCode.NOT_OPEN}


def test_a_site_that_missed_the_seal_sends_nothing_for_it(federation: SmallFederation) -> None:
    number = federation.open_round()
    commit(federation, number, OTHERS)
    federation.advance(DESIGN.commit_seconds)
    seal(federation, number)
    members = federation.chain.ledger.members(federation.study_id, number)
    assert set(members) == {federation.keys[site].public.account for site in OTHERS}
    assert refusal(federation, "site-1", number) == WithheldCode.NOT_SEALED_IN
    with sqlite3.connect(federation.folder("site-1") / "state.db") as journal:
        found = journal.execute("SELECT count(*) FROM deliveries WHERE round=?", (number,))
        assert found.fetchone() == (0,)
    journal.close()
    made = [MaskedDelivery(*federation.take_part(site, number)) for site in OTHERS]
    federation.driver(number, lambda: (made, [], True)).run()


def test_a_site_that_is_shown_another_set_other_keys_or_an_old_seal_sends_nothing(
    federation: SmallFederation, tmp_path: Path
) -> None:
    """The coordinator runs the site's node, which lies about the seal to this site alone."""
    ledger, study = federation.chain.ledger, federation.study_id
    old = ledger.round(study, ledger.last_sealed(study)).seal_digest
    number = federation.open_round()
    commit(federation, number, tuple(federation.keys))
    seal(federation, number)
    keys = {site: one.mask_key for site, one in federation.commitments(number).items()}
    accounts = {
        site: bytes.fromhex(keys.public.account[2:]) for site, keys in federation.keys.items()
    }
    lies = {
        "another member": {accounts["site-3"]: bytes.fromhex("5a" * 20)},
        "the coordinator's mask key for a member's": {keys["site-3"]: mask_key_pair().public},
        "two members' keys swapped": {keys["site-2"]: keys["site-3"]},
        "an old seal": {ledger.round(study, number).seal_digest: old},
    }
    for name, told in lies.items():
        copy = tmp_path / name
        shutil.copytree(federation.folder("site-1"), copy)
        with lying_node(federation.local.node.rpc_url, told) as url:
            replace(SiteConfig.load(copy), rpc_url=url).save(copy)
            with pytest.raises(Withheld) as refused:
                SiteRound(Site(copy), study, number).run()
        assert refused.value.code == WithheldCode.SEAL_CONTRADICTS, name
        with closing(Journal.open(copy / "state.db")) as journal:
            assert journal.delivered(study, number) is None
            assert journal.committed(
                study, number, federation.commitments(number)["site-1"].vector_hash
            )
    # Told the truth, the same site delivers.
    masked, _ = federation.take_part("site-1", number)
    with closing(Journal.open(federation.folder("site-1") / "state.db")) as journal:
        digest = ledger.round(study, number).seal_digest
        assert journal.delivered(study, number) == (digest, sha256(masked))
    federation.coordinator().chain.ledger.abort(study, number)
