"""The gate on a real chain and IPFS: which apps a site lets in, and why it refuses the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import read as read_checkpoint
from audit.checkpoint import write as write_checkpoint
from audit.cid import cid_of_sha256, sha256
from audit.manifest import parse as parse_manifest
from chain.deployment import Deployment
from chain.messages import RoundState
from federation.app import round_driver, round_result
from federation.app.coordinator import Coordinator
from federation.app.round_result import RoundResult, result_of
from federation.gate import gate
from federation.gate.checked_round import (
    RoundNotChecked,
    checked_round,
    note_checked,
    require_checked,
)
from federation.gate.fork_server.verdict import GateRefused
from federation.gate.gate import decide
from federation.gate.site import SITE_DIR, SiteConfig
from tests.federation.processes import changed_on_ipfs
from tests.small_federation import DESIGN, SmallFederation, small_federation

APP = Path("/the/gate/does/not/look/into/the/app")
STRANGER = "0x00000000000000000000000000000000DeaDBeef"


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    design = replace(DESIGN, min_sites=2, tolerated_colluders=0)
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=3, granting=2, design=design) as running:
        yield running


@pytest.fixture
def folder(federation: SmallFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's public settings alone: no keys, no records, no journal are there to be opened."""
    site = tmp_path / "site"
    site.mkdir(mode=0o700)
    for name in ("site.json", "deployment.json"):
        shutil.copy(federation.folder("site-1") / name, site / name)
    monkeypatch.setenv(SITE_DIR, str(site))
    return site


def ask(federation: SmallFederation) -> None:
    decide(APP, federation.terms.app_hash.hex())


def refusal(federation: SmallFederation, code: str) -> str:
    """Asks; the refusal's message, once its code is as expected."""
    with pytest.raises(GateRefused) as refused:
        ask(federation)
    assert refused.value.code == code, refused.value
    return refused.value.message


def change_site(folder: Path, **changes: Any) -> None:
    replace(SiteConfig.load(folder), **changes).save(folder)


def change_deployment(folder: Path, **changes: Any) -> None:
    path = folder / "deployment.json"
    replace(Deployment.load(path), **changes).save(path)


def test_without_a_round_under_way_no_app_is_needed(
    federation: SmallFederation, folder: Path
) -> None:
    refusal(federation, "NO_ROUND_OPEN")


@pytest.fixture(scope="module")
def first_round(federation: SmallFederation) -> int:
    return federation.open_round()


@pytest.fixture(scope="module")
def second_round(federation: SmallFederation, first_round: int) -> int:
    return close_and_open(federation, first_round)


@pytest.mark.usefixtures("first_round")
class TestFirstRound:
    """Round 1 is open."""

    def test_the_approved_app_passes_and_no_key_or_record_is_opened(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        ask(federation)
        made = {path.name for path in folder.iterdir()} - {"site.json", "deployment.json"}
        assert {name.split(".")[0] for name in made} <= {"high-water", "checked-round"}

    @pytest.mark.parametrize(
        "app", ["0" * 64, "", "0x"], ids=["another", "none", "nothing but a prefix"]
    )
    def test_another_app_is_refused(
        self, federation: SmallFederation, folder: Path, app: str
    ) -> None:
        with pytest.raises(GateRefused, match="APP_NOT_APPROVED"):
            decide(APP, app)

    def test_a_suspended_study_is_refused_until_it_is_resumed(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        federation.suspend()
        try:
            refusal(federation, "STUDY_SUSPENDED")
        finally:
            federation.resume()
        ask(federation)

    def test_another_committee_than_the_site_was_told_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        told = SiteConfig.load(folder).reviewers
        change_site(folder, reviewers=(*told[:-1], STRANGER))
        assert told[-1] in refusal(federation, "COMMITTEE_UNKNOWN")
        change_site(folder, reviewers=told[:-1])
        refusal(federation, "COMMITTEE_UNKNOWN")
        change_site(folder, reviewers=told, threshold=1)
        refusal(federation, "COMMITTEE_UNKNOWN")

    def test_an_unknown_study_is_refused(self, federation: SmallFederation, folder: Path) -> None:
        change_site(folder, study_id=99)
        assert "study 99" in refusal(federation, "STUDY_NOT_APPROVED")

    def test_a_study_that_is_not_approved_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        sponsor = federation.local.connect(federation.local.people.sponsor, "sponsor")
        reviewers = [reviewer.address for reviewer in federation.local.people.reviewers]
        sponsor.registry.propose_study(reviewers, 2, federation.terms)
        change_site(folder, study_id=sponsor.registry.study_count())
        refusal(federation, "STUDY_NOT_APPROVED")

    def test_another_chain_is_refused(self, federation: SmallFederation, folder: Path) -> None:
        change_deployment(folder, chain_id=1)
        assert "31337" in refusal(federation, "CHAIN_REFUSED")

    def test_another_chain_of_the_same_id_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        change_deployment(folder, genesis_hash=b"\1" * 32)
        refusal(federation, "CHAIN_REFUSED")

    @pytest.mark.parametrize("contract", ["registry", "consent_token", "ledger"])
    def test_a_contract_address_without_code_is_refused(
        self, federation: SmallFederation, folder: Path, contract: str
    ) -> None:
        change_deployment(folder, **{contract: STRANGER})
        assert STRANGER in refusal(federation, "CHAIN_REFUSED")

    def test_another_contracts_code_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        change_deployment(folder, ledger=Deployment.load(folder / "deployment.json").registry)
        refusal(federation, "CHAIN_REFUSED")

    def test_a_node_that_is_away_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        change_site(folder, rpc_url="http://127.0.0.1:9")
        refusal(federation, "CHAIN_REFUSED")

    def test_a_node_that_fell_behind_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        change_site(folder, max_head_age_seconds=10**6)
        ask(federation)
        head = federation.chain.head().timestamp
        now = round_driver.time.time()
        change_site(folder, max_head_age_seconds=1)
        if now - head <= 1:
            round_driver.time.sleep(2)
        refusal(federation, "CHAIN_STALE")

    @pytest.mark.parametrize("name", ["site.json", "deployment.json"])
    @pytest.mark.parametrize("content", [None, "{", '{"study_id": 1}'])
    def test_settings_that_cannot_be_read_are_refused(
        self, federation: SmallFederation, folder: Path, name: str, content: str | None
    ) -> None:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_text(content)
        assert name in refusal(federation, "SITE_FOLDER_INVALID")

    def test_without_a_site_folder_nothing_is_let_in(
        self, federation: SmallFederation, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(SITE_DIR)
        refusal(federation, "SITE_FOLDER_INVALID")


@pytest.mark.usefixtures("second_round")
class TestBase:
    """Round 2 and later: the base must follow from the round before, which the gate recomputes."""

    def test_a_base_that_follows_passes(self, federation: SmallFederation, folder: Path) -> None:
        ask(federation)

    @pytest.mark.parametrize("part", ["manifest", "masked", "base"])
    def test_evidence_that_is_missing_or_altered_is_refused(
        self, federation: SmallFederation, folder: Path, part: str
    ) -> None:
        first = federation.chain.ledger.round(federation.study_id, 1)
        store = federation.coordinator().store
        manifest = parse_manifest(store.get(cid_of_sha256(first.manifest_hash)))
        cid = {
            "manifest": cid_of_sha256(first.manifest_hash),
            "masked": manifest.contributions[1].masked.cid,
            "base": cid_of_sha256(first.base),
        }[part]
        for change in (None, lambda data: data[:-1] + bytes([data[-1] ^ 1])):
            with changed_on_ipfs(federation, cid, change):
                assert cid in refusal(federation, "EVIDENCE_MISSING")
        ask(federation)

    def test_an_ipfs_node_that_is_away_is_refused(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        change_site(folder, ipfs_api="/ip4/127.0.0.1/tcp/9/http")
        assert "does not answer" in refusal(federation, "EVIDENCE_MISSING")

    def test_a_manifest_with_vectors_that_no_member_signed_is_refused(
        self, federation: SmallFederation, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The coordinator signs manifest and checkpoint alone: made up, they fit each other."""

        def made_up(coordinator: Coordinator, *given: Any) -> RoundResult:
            *rest, masked = given
            others = [bytes(len(masked[0])), *masked[1:]]
            coordinator.store.put(others[0])
            return result_of(coordinator, *rest, others)

        lie(federation, monkeypatch, made_up)
        assert "did not sign" in refusal(federation, "BASE_DOES_NOT_FOLLOW")

    def test_a_checkpoint_that_the_sum_does_not_give_is_refused(
        self, federation: SmallFederation, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def improved(coordinator: Coordinator, *given: Any) -> RoundResult:
            honest = result_of(coordinator, *given)
            checkpoint = read_checkpoint(honest.checkpoint)
            better = write_checkpoint(replace(checkpoint, prior=checkpoint.prior + 1.0))
            manifest = parse_manifest(honest.manifest)
            ref = replace(manifest.checkpoint, sha256=sha256(better))
            return RoundResult(better, replace(manifest, checkpoint=ref).to_bytes())

        lie(federation, monkeypatch, improved)
        assert "recomputing round" in refusal(federation, "BASE_DOES_NOT_FOLLOW")

    def test_a_round_that_follows_an_honest_one_passes_again(
        self, federation: SmallFederation, folder: Path
    ) -> None:
        """So what was refused before was the lie; that sites before went on is for them to see."""
        close_and_open(federation, federation.chain.ledger.round_count(1))
        ask(federation)

    def test_an_app_that_comes_before_its_round_waits_for_it_but_not_for_ever(
        self, federation: SmallFederation, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The coordinator orders a round early; the base that is checked is still that round's."""
        number = federation.chain.ledger.round_count(1)
        federation.coordinator().chain.ledger.abort(1, number)
        note_checked(folder, 1, number)
        monkeypatch.setattr(gate, "_NEXT_ROUND_SECONDS", 0.1)
        refusal(federation, "NO_ROUND_OPEN")
        monkeypatch.setattr(gate, "_NEXT_ROUND_SECONDS", 60.0)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, federation)
            assert not wait([asked], timeout=0.3).done
            federation.open_round()
            asked.result()
        assert checked_round(folder, 1) == number + 1
        with pytest.raises(RoundNotChecked, match=f"round {number + 1} .* round {number + 2};"):
            require_checked(folder, 1, number + 2)


def close_and_open(federation: SmallFederation, number: int) -> int:
    """Closes the round that is open and opens the next."""
    with federation.sites_at(number) as parts:
        federation.drive(number, parts)
    assert federation.state(number) == RoundState.CLOSED
    return federation.open_round()


def lie(
    federation: SmallFederation,
    monkeypatch: pytest.MonkeyPatch,
    result: Callable[..., RoundResult],
) -> None:
    """The coordinator closes with something else; the ledger cannot know."""
    with monkeypatch.context() as patch:
        patch.setattr(round_driver, "result_of", result)
        patch.setattr(round_result, "require_plausible_sum", lambda *_: None)
        close_and_open(federation, federation.chain.ledger.round_count(1))
