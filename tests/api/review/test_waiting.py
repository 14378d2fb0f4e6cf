"""What waits for a reviewer is what the contracts still want of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from tests.api.review.serving import Served, serving
from tests.audit.acts import approve, replace_reviewer
from tests.world import YEAR, World

DAY = 86_400


@pytest.fixture(scope="module")
def served(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(module_world, Path(tmp_path_factory.mktemp("api"))) as found:
        yield found


def waiting(served: Served, account: LocalAccount, study: int, **query: Any) -> list[Any]:
    served.index()
    found = served.get("/v1/review/waiting", account, **query)["items"]
    return [one for one in found if one["study_id"] == study]


def acts(served: Served, account: LocalAccount, study: int) -> list[tuple[str, int]]:
    return [(one["act"], one["version"]) for one in waiting(served, account, study)]


def test_a_new_version_waits_for_each_reviewer_until_they_approve(served: Served) -> None:
    world = served.world
    first, second, third = world.reviewers
    study = world.propose_after_registering()
    assert acts(served, first, study) == acts(served, third, study) == [("approve", 1)]
    for outsider in (world.sponsor, world.coordinator):
        assert waiting(served, outsider, study) == []
    approve(world, study, 1, first, world.now + YEAR)
    assert acts(served, first, study) == []
    (item,) = waiting(served, second, study)
    assert (item["approved_by"], item["threshold"], item["fresh_consent"]) == (1, 2, None)
    approve(world, study, 1, second, world.now + YEAR)
    assert acts(served, third, study) == []  # in force without the third, and for long


def test_a_looser_version_says_that_patients_would_have_to_consent_anew(served: Served) -> None:
    world = served.world
    study = world.approved_study()
    registry = world.chain(world.sponsor).registry
    registry.propose_version(study, world.terms(rho_ceiling=30 * 10**18))
    (looser,) = waiting(served, world.reviewers[0], study)
    assert (looser["act"], looser["version"], looser["fresh_consent"]) == ("approve", 2, True)
    registry.propose_version(study, world.terms(rho_ceiling=10 * 10**18))
    (stricter,) = waiting(served, world.reviewers[0], study)
    assert (stricter["version"], stricter["fresh_consent"]) == (3, False)
    told = served.get(f"/v1/studies/{study}/differences", before=1, after=2)
    assert told["fresh_consent"] is True
    assert [one["member"] for one in told["differences"]] == ["rho_ceiling"]
    same = served.get(f"/v1/studies/{study}/differences", before=1, after=1)
    assert same["words"] == "The terms are the same."


def test_an_approval_that_ends_soon_is_to_be_renewed(served: Served) -> None:
    world = served.world
    study = world.propose_after_registering()
    soon, late = world.now + 30 * DAY, world.now + YEAR
    approve(world, study, 1, world.reviewers[0], soon)
    approve(world, study, 1, world.reviewers[1], late)
    (item,) = waiting(served, world.reviewers[0], study)
    assert (item["act"], item["until"]) == ("renew", soon)
    assert acts(served, world.reviewers[1], study) == []
    assert acts(served, world.reviewers[2], study) == [("renew", 1)]  # could keep it going
    approve(world, study, 1, world.reviewers[0], late)
    assert acts(served, world.reviewers[0], study) == []


def test_a_suspended_study_waits_for_its_reviewers(served: Served) -> None:
    world = served.world
    study = world.approved_study()
    world.chain(world.reviewers[2]).registry.suspend(study)
    assert acts(served, world.reviewers[0], study) == [("resume", 1)]


def test_a_study_that_paused_by_itself_waits_to_be_looked_into(served: Served) -> None:
    world = served.world
    study = world.approved_study(max_charged_aborts=1)
    for site, holder in zip(world.sites, world.accounts[20:25], strict=True):
        world.give_consent(study, site, holder)
    number = world.open_round(study)
    for site in world.sites:
        world.commit(study, number, site)
    ledger = world.chain(world.coordinator).ledger
    ledger.seal(study, number)
    ledger.abort(study, number)
    (item,) = waiting(served, world.reviewers[1], study)
    assert item["act"] == "suspend"
    assert "after 1 abandoned sealed round" in item["words"]


def test_who_gave_up_a_seat_is_asked_for_nothing(served: Served) -> None:
    world = served.world
    study = world.propose_after_registering()
    leaving, newcomer = world.reviewers[0], world.accounts[30]
    replace_reviewer(world, study, leaving.address, newcomer.address, [leaving, world.reviewers[1]])
    assert acts(served, leaving, study) == []
    assert acts(served, newcomer, study) == [("approve", 1)]


def test_pages_of_one_make_the_same_list(served: Served) -> None:
    served.index()
    reviewer = served.world.reviewers[1]
    whole = served.get("/v1/review/waiting", reviewer)["items"]
    found, after = [], {}
    while True:
        page = served.get("/v1/review/waiting", reviewer, limit=1, **after)
        found += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == whole
    assert len(whole) > 2


def test_a_version_is_told_in_words_and_in_numbers(served: Served) -> None:
    world = served.world
    study = world.approved_study(min_cohort=4)
    told = served.get(f"/v1/studies/{study}/versions/1")
    assert told["terms_hash"] == told["hash_on_chain"]
    assert told["terms_hash"] == "0x" + world.chain().registry.terms_hash(study, 1).hex()
    words = {one["subject"]: one["words"] for one in told["words"]}
    assert words["smallest cohort"] == "4 patients at each site"
    assert (told["terms"]["min_cohort"], told["terms"]["rho_ceiling"]) == (4, "20" + "0" * 18)
    assert (told["in_force"], told["newest"]) == (True, True)
    for path in (f"/v1/studies/{study}/versions/2", "/v1/studies/999/versions/1"):
        assert served.client.get(path).status_code == 404


def test_without_an_ipfs_node_nothing_is_examined_and_nothing_drafted(served: Served) -> None:
    study = served.world.approved_study()
    for path in ("examination", "documents/protocol"):
        answer = served.client.get(f"/v1/studies/{study}/versions/1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "documents-not-served")
    wanted = {"act": "renew"}
    answer = served.post(f"/v1/studies/{study}/drafts", served.world.reviewers[2], wanted)
    assert answer.json()["code"] == "documents-not-served"
