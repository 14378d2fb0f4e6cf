"""A study's report and its exports, made by the commands from a real bundle with all in it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
import rlp
from prov.model import (
    ProvActivity,
    ProvAssociation,
    ProvAttribution,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvInvalidation,
    QualifiedName,
)
from rocrate.rocrate import ROCrate

from audit.bundle import read_bundle
from audit.cid import cid_of_large
from audit.consent_state import StudyState
from audit.replays import SignedReplay
from audit.verify import prove_history, verify_folder
from chain.messages import consent_domain
from scripts.study.report_figures import as_svg, drawing
from study.board_report_rounds import COHORT_FIGURE, PRIVACY_FIGURE, privacy
from study.claims import claim_of, standings
from study.evidence_facts import StudyFacts, read_facts
from study.prov_acts import round_name
from study.prov_json import object_name, prov_json
from study.report_parts import Table
from study.ro_crate import BUNDLE
from tests.audit.conftest import Written
from tests.audit.fuzz.on_disk import written as on_disk
from tests.audit.misbehaviour.forgery import Forgery
from tests.audit.misbehaviour.of_people import amended
from tests.audit.reported import replayed
from tests.audit.tampering import forged
from tests.hospital import assent


@dataclass(frozen=True)
class Made:
    """What the two commands wrote, and the history that the bundle proves."""

    report: Path
    crate: Path
    state: StudyState
    facts: StudyFacts
    block: bytes


@pytest.fixture(scope="module")
def made(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    for what in ("report", "export"):
        command = ("study", what, str(written.folder), *written.known)
        answer = assent(*command, "--out", str(folder / what), "--json")
        assert answer.code == 0, answer.words
        assert answer.json["ok"]
        assert all(Path(file).stat().st_size for file in answer.json["files"])
    contracts = read_bundle(written.folder).contracts
    facts = read_facts(written.folder, written.trust_block, contracts).study
    assert facts is not None
    return Made(folder / "report", folder / "export", facts.state, facts, written.trust_block)


@pytest.fixture(scope="module")
def page(made: Made) -> str:
    return (made.report / "report.html").read_text(encoding="utf-8")


def words_of(page: str) -> str:
    """What a reader of the page sees, on one line."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Reader().feed(page.partition("</style>")[2])
    return " ".join(" ".join(found).split())


def pdf_words(path: Path) -> str:
    """The text of a PDF whose fonts are standard ones, lines joined without a space."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", path.read_bytes(), re.DOTALL):
        try:
            text = zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        except (ValueError, zlib.error):
            continue
        found += re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", text)
    return b"".join(found).decode("cp1252")


def holders_and_tokens(state: StudyState) -> Iterator[str]:
    for tokens in state.history.tokens.values():
        for token in tokens:
            yield token.grant.holder.removeprefix("0x").lower()
            yield str(token.token_id)
            yield f"{token.token_id:x}"


def closed_rounds(state: StudyState) -> list[int]:
    found = [one.number for one in state.history.rounds.values() if one.closed]
    assert len(found) >= 3
    return found


def test_every_checkpoint_is_derived_from_its_base_and_generated_by_its_round(made: Made) -> None:
    document = ProvDocument.deserialize(made.crate / "prov.json", format="json")
    derived = {tuple(map(str, one.args[:3])) for one in document.get_records(ProvDerivation)}
    generated = {tuple(map(str, one.args[:2])) for one in document.get_records(ProvGeneration)}
    for number in closed_rounds(made.state):
        facts = made.state.history.rounds[number]
        assert facts.closed is not None
        checkpoint, name = object_name(made.facts, facts.closed.checkpoint_hash), round_name(number)
        assert (checkpoint, object_name(made.facts, facts.opened.base), name) in derived
        assert (checkpoint, name) in generated
    made_of = {one for one in derived if not one[1].startswith(("study:", "terms:"))}
    assert len(made_of) == len(closed_rounds(made.state)), "beside masked vectors and revisions"


def test_provenance_names_who_gave_what_and_what_was_taken_back(made: Made) -> None:
    document = ProvDocument.deserialize(made.crate / "prov.json", format="json")
    attributed = {tuple(map(str, one.args)) for one in document.get_records(ProvAttribution)}
    for number in closed_rounds(made.state):
        facts = made.state.history.rounds[number]
        assert facts.closed is not None and facts.sealed is not None
        given = zip(facts.closed.masked_hashes, facts.sealed.members, strict=True)
        assert attributed >= {
            (object_name(made.facts, data), f"account:{site}") for data, site in given
        }
    third = made.state.history.rounds[3].closed
    assert third is not None
    taken_back = [str(one.args[0]) for one in document.get_records(ProvInvalidation)]
    assert taken_back == [object_name(made.facts, third.checkpoint_hash)]
    activities = document.get_records(ProvActivity)
    kinds = [str(next(iter(one.get_asserted_types()))) for one in activities]
    assert all(
        type(kind) is QualifiedName for one in activities for kind in one.get_asserted_types()
    )
    roles = Counter(
        str(value)
        for one in document.get_records(ProvAssociation)
        for name, value in one.extra_attributes
        if str(name) == "prov:role"
    )
    rounds = made.state.history.rounds.values()
    sealed = sum(len(one.sealed.members) for one in rounds if one.sealed)
    assert (roles["assent:coordinator"], roles["assent:site"]) == (len(rounds), sealed)
    approvals = sum(len(one.approvals) for one in made.state.history.versions.values())
    assert kinds.count("assent:approval") == approvals
    assert kinds.count("assent:round") == len(made.state.history.rounds)


def test_provenance_holds_every_act_of_the_record(made: Made) -> None:
    """Each with its time; of consents counts alone, and every name that is used is one of it."""
    document = ProvDocument.deserialize(made.crate / "prov.json", format="json")
    history = made.state.history
    found = Counter(
        str(kind).removeprefix("assent:")
        for one in (*document.get_records(ProvActivity), *document.get_records(ProvEntity))
        for kind in one.get_asserted_types()
    )
    bars = [change for changes in history.bars.values() for change in changes]
    rounds = history.rounds.values()
    expected = {
        "proposal": len(history.versions),
        "activation": sum(one.activated is not None for one in history.versions.values()),
        "suspension": 1,
        "resumption": 1,
        "replacement": history.replacements,
        "rollback": len(history.rollbacks),
        "bar": sum(bool(one.round) for one in bars),
        "readmission": sum(not one.round for one in bars),
        "question": len(history.challenges),
        "answer": sum(one.answered is not None for one in history.challenges.values()),
        "commitment": sum(len(one.commitments) for one in rounds),
        "seal": sum(one.sealed is not None for one in rounds),
        "consents": len(made.facts.consents),
    }
    assert all(expected.values())
    assert {kind: found[kind] for kind in expected} == expected
    who = {(str(one.args[0]), str(one.args[1])) for one in document.get_records(ProvAssociation)}
    stopped = next(one for one in history.standings if one.suspended)
    assert ("study:suspension/1", f"account:{stopped.suspended_by}") in who
    text = (made.crate / "prov.json").read_text(encoding="utf-8")
    value = json.loads(text)
    named = {name for kind in ("entity", "activity", "agent") for name in value[kind]}
    prefixes = tuple(f"{one}:" for one in ("study", "terms", "account", "ipfs"))
    relations = [
        value[kind] for kind in value if kind not in ("prefix", "entity", "activity", "agent")
    ]
    used = re.findall(r'"prov:\w+": "([^"]+)"', json.dumps(relations))
    linked = {one for one in used if one.startswith(prefixes)}
    assert linked and linked <= named
    assert history.rounds[2].aborted is not None
    assert value["activity"]["study:2"]["assent:reason"] == "consent_changed"


def test_the_crate_reads_back_and_its_bundle_verifies(made: Made) -> None:
    crate = ROCrate(made.crate)
    parts = {one.id: one for one in crate.data_entities}
    assert set(parts) == {BUNDLE, "prov.json"}
    for name, entity in parts.items():
        data = (made.crate / name).read_bytes()
        assert entity["sha256"] == hashlib.sha256(data).hexdigest()
        assert int(entity["contentSize"]) == len(data)
    assert all(crate.root_dataset[name] for name in ("name", "description", "datePublished"))
    assert crate.license["description"]
    assert verify_folder(made.crate / BUNDLE, made.block).ok


def test_the_crate_tells_each_round_from_checkpoint_to_checkpoint(made: Made) -> None:
    graph = json.loads((made.crate / "ro-crate-metadata.json").read_bytes())["@graph"]
    entities = {one["@id"]: one for one in graph}
    actions = [one for one in graph if one["@type"] == "CreateAction"]
    assert len(actions) == len(made.state.history.rounds)
    for action in actions:
        facts = made.state.history.rounds[int(action["@id"].rpartition("/")[2])]
        assert entities[action["object"]["@id"]]["sha256"] == facts.opened.base.hex()
        assert ("result" in action) == (facts.closed is not None)
        assert ("error" in action) == (facts.aborted is not None)
        if facts.closed:
            result = entities[action["result"]["@id"]]
            assert result["sha256"] == facts.closed.checkpoint_hash.hex()
    linked = re.findall(r'\{"@id": "([^"]*)"\}', json.dumps(graph))
    elsewhere = {one for one in linked if one not in entities}
    assert all(one.startswith(("http://schema.org/", "https://w3id.org/")) for one in elsewhere)


def test_the_report_says_what_the_bundle_says(made: Made, page: str, written: Written) -> None:
    contracts = read_bundle(written.folder).contracts
    words = words_of(page)
    report = verify_folder(written.folder, made.block, contracts=contracts)
    assert "The evidence holds" in words
    assert f"All {len(report.checks)} checks hold" in words
    versions = made.state.history.versions
    newest = versions[max(versions)]
    for hashed in (
        newest.terms_hash,
        newest.terms.protocol_hash,
        newest.terms.app_hash,
        made.block,
    ):
        assert hashed.hex() in words
    granted = sum(len(tokens) for tokens in made.state.history.tokens.values())
    assert f"all sites {granted} {len(report.withdrawals)} 1 " in words
    spent = f"{made.state.history.rho_spent / 1e18:.6f}"
    assert f"rho spent {spent} of {newest.terms.rho_ceiling / 1e18:.6f}" in words
    for one in report.rounds:
        sizes = rf"[\d-]+ [\d:]+ {len(one.members)} {one.cohort}"
        state = "retired" if made.state.is_retired(one.number) else one.state
        assert re.search(rf"{one.number} {state} .{{0,70}} {sizes} ", words), one
    assert f"{len(report.withdrawals)} withdrawn consents" in words
    assert "barred for round 2" in words
    assert "site 3 readmitted by reviewer" in words
    assert "study suspended by reviewer" in words and "study resumed by 2 reviewers" in words
    assert "reviewer 3 (no longer) left the committee, reviewer 4 came" in words
    assert re.search(
        r"study taken back from round 3 to round 1 by reviewer \d and reviewer \d", words
    )
    assert "sites were barred 1 time; barred at the block: none" in words


def test_the_page_has_its_figures_and_asks_nothing_of_any_network(page: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) == 3
    privacy, cohorts, timeline = map(words_of, ("</style>" + one for one in figures))
    assert "ceiling" in privacy and "retired" in privacy and "aborted" in privacy
    assert "site 5" in cohorts and "–" in cohorts
    assert all(lane in timeline for lane in ("approvals", "rounds", "withdrawals", "faults"))
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    targets = re.findall(r'(?:href|src|action|data|srcset)="([^"]*)"', page)
    targets += re.findall(r"url\(([^)]*)\)", page)
    assert targets
    assert all(one.startswith(("#", "data:image/png;base64,")) for one in targets)
    assert {one[1:] for one in targets if one.startswith("#")} <= set(names)
    assert "<script" not in page and "@import" not in page and "<link" not in page


def test_figures_of_hundreds_of_rounds_stay_legible(made: Made) -> None:
    """Numbers that would touch are left out, and what shades mean is then said."""
    study = made.facts
    rounds = tuple(dataclasses.replace(study.rounds[0], number=number) for number in range(1, 301))
    charges = tuple(
        dataclasses.replace(study.charges[0], number=number) for number in range(1, 301)
    )
    long = dataclasses.replace(study, rounds=rounds, charges=charges)
    few, many = (
        {name: as_svg(name, drawing(name, one)) for name in (PRIVACY_FIGURE, COHORT_FIGURE)}
        for one in (study, long)
    )
    assert "5 patients" not in few["cohorts"] and ">–<" in few["cohorts"]
    assert "not in the round" in many["cohorts"] and "4 patients" in many["cohorts"]
    for name in ("privacy", "cohorts"):
        numbers = [int(one) for one in re.findall(r">(\d+)</text>", many[name])]
        assert 5 < len(numbers) < 30, name
    (table,) = (part for part in privacy(long).parts if isinstance(part, Table))
    assert len(table.rows) == 61 and "one in 5 is shown" in table.caption
    assert [row[0] for row in table.rows][-2:] == ["296", "300"]


def test_the_pdf_has_pages_and_says_the_same(made: Made) -> None:
    path = made.report / "report.pdf"
    assert path.read_bytes().count(b"/Type /Page\n") >= 4
    words = pdf_words(path)
    versions = made.state.history.versions
    for hashed in (versions[max(versions)].terms_hash, made.block):
        assert hashed.hex() in words
    assert "The evidence holds" in words
    for drawn in ("approved ceiling", "sealed round", "withdrawals", "Figure 3."):
        assert drawn in words
    titles = re.findall(rb"/Title \((\d+\. [^)]*)\)", path.read_bytes())
    assert titles[0] == b"1. At a glance" and len(titles) >= 10, "bookmarks"


def test_every_check_belongs_to_a_claim_that_a_board_can_read(
    written: Written, contested: Written
) -> None:
    for one in (written, contested):
        checks = verify_folder(one.folder, one.trust_block).checks
        assert not [check.name for check in checks if claim_of(check.name) is None]
        found = standings(checks)
        assert sum(claim.every for claim in found) == len(checks)
        assert sum(claim.holding for claim in found) == sum(check.ok for check in checks)


def test_a_reader_is_told_what_epsilon_means_and_what_a_board_has_to_add(
    page: str, written: Written
) -> None:
    words = words_of(page)
    assert "has to tell whether one person's record was used is right at most 96.5 times" in words
    assert "takes no position in law" in words and "legal basis (articles 6 and 9)" in words
    assert "Consent text, en I agree." in words, "as patients were shown it"
    assert words.count("a patient: the receipt") == words.count("a reviewer: a replay") == 1


def test_a_document_that_was_not_approved_is_not_repeated(written: Written, tmp_path: Path) -> None:
    copy = written.copy(tmp_path / "bundle")
    for version in (copy / "documents").iterdir():
        (version / "dpia").write_bytes(b"Nothing to worry about.")
    answer = assent("study", "report", str(copy), *written.known, "--out", str(tmp_path / "report"))
    assert answer.code == 1
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "Nothing to worry about" not in page and "A protocol, as plain text." in page


def test_no_patient_is_in_any_of_it(made: Made, page: str) -> None:
    texts = [page, pdf_words(made.report / "report.pdf")]
    texts += [(made.crate / name).read_text() for name in ("prov.json", "ro-crate-metadata.json")]
    named = list(holders_and_tokens(made.state))
    assert len(named) > 60
    for text in map(str.lower, texts):
        assert not [one for one in named if one in text]


def test_the_same_bundle_makes_the_same_files(made: Made, written: Written, tmp_path: Path) -> None:
    for what, before in (("report", made.report), ("export", made.crate)):
        again = tmp_path / what
        command = ("study", what, str(made.crate / BUNDLE), *written.known)
        assert assent(*command, "--out", str(again)).code == 0
        for file in before.iterdir():
            assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_what_does_not_hold_is_said_on_top_and_ends_with_one(
    written: Written, tmp_path: Path
) -> None:
    copy = written.copy(tmp_path / "bundle")
    objects = copy / "objects.car"
    data = bytearray(objects.read_bytes())
    data[-1] ^= 1
    objects.write_bytes(data)
    answer = assent("study", "report", str(copy), *written.known, "--out", str(tmp_path / "report"))
    assert answer.code == 1
    assert "DOES NOT HOLD" in answer.words
    words = words_of((tmp_path / "report/report.html").read_text(encoding="utf-8"))
    title, _, rest = words.partition("THIS EVIDENCE DOES NOT HOLD")
    assert len(title) < 100
    assert rest.index("What does not hold") < rest.index("objects.cid") < rest.index("block hash")
    pages = pdf_words(tmp_path / "report/report.pdf").count("THIS EVIDENCE DOES NOT HOLD")
    assert pages >= 5, "on top and at the foot of each page"
    refused = assent("study", "export", str(copy), *written.known, "--out", str(tmp_path / "crate"))
    assert refused.code == 1
    assert "nothing is written" in refused.words
    assert not (tmp_path / "crate").exists()


def test_a_fault_that_nobody_recorded_is_told_without_its_patient(
    contested: Written, tmp_path: Path
) -> None:
    command = ("study", "report", str(contested.folder), *contested.known)
    assert assent(*command, "--out", str(tmp_path)).code == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the receipt of token (withheld)" in page
    assert "did not answer about round 1" in page
    state, _ = prove_history(read_bundle(contested.folder), contested.trust_block)
    assert state is not None
    assert not [one for one in holders_and_tokens(state) if one in page.lower()]


def test_events_that_give_no_history_leave_the_verdict_alone(
    written: Written, tmp_path: Path
) -> None:
    copy = written.copy(tmp_path / "bundle")
    (copy / "chain/events.json").write_bytes(b"[]")
    deployed = ("--deployment", written.deployment)
    answer = assent("study", "report", str(copy), *deployed, "--out", str(tmp_path / "report"))
    assert answer.code == 1
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "THIS EVIDENCE DOES NOT HOLD" in page and "ask two sites" in page
    assert "<svg" not in page


def test_nothing_is_written_into_a_bundle(written: Written, tmp_path: Path) -> None:
    for what in ("report", "export"):
        command = ("study", what, written.folder, *written.known)
        answer = assent(*command, "--out", written.folder / "out")
        assert answer.code == 2
        assert "in the bundle" in answer.words
    assert not (written.folder / "out").exists()


def test_verify_tells_a_missing_hash_from_another_one(written: Written) -> None:
    deployed = ("--deployment", written.deployment)
    bare = assent("verify", written.folder, *deployed)
    assert bare.code == 1 and "The bundle is not anchored" in bare.words
    other = assent("verify", written.folder, *deployed, "--trust-block", "0x" + "ab" * 32)
    assert other.code == 1 and "does not end with the block that you trust" in other.words
    assert "not charged" in other.words, "of the round that was aborted before its seal"
    assert re.search(
        r"epsilon [\d.]+ of [\d.]+ at delta 1e-05 \(rho 2\.0+ of 20\.0+\)", other.words
    )


def test_a_verdict_says_what_it_does_not_cover(page: str, written: Written) -> None:
    """Noise that nobody outside a hospital sees, and what came later."""
    verdict = assent("verify", written.folder, *written.known)
    assert verdict.code == 0
    assert "What came later is not in it." in verdict.words
    assert "by the ledger's charges" in verdict.words
    told = words_of(page)
    assert "with the noise on which epsilon rests" in told
    assert "that every hospital limited what one record counts, and added its noise" in told


def test_a_report_counts_the_replays_that_it_is_given(
    written: Written, page: str, tmp_path: Path
) -> None:
    assert "by the sites' word: 0 of 19 sealed" in words_of(page)
    bundle = read_bundle(written.folder)
    state, _ = prove_history(bundle, written.trust_block)
    assert state is not None and state.history.rounds[1].sealed is not None
    site = state.history.rounds[1].sealed.members[0]
    key = next(one for one in written.accounts if one.address == site)
    file = tmp_path / "replay.json"
    domain = consent_domain(bundle.contracts.chain_id, bundle.contracts.consent_token)
    signed = SignedReplay.sign(replayed(bundle, state, 1, site), domain, key)
    file.write_bytes(signed.to_bytes())
    command = ("study", "report", str(written.folder), *written.known, "--replay", str(file))
    assert assent(*command, "--out", str(tmp_path / "out")).code == 0
    words = words_of((tmp_path / "out/report.html").read_text(encoding="utf-8"))
    assert "by the sites' word: 1 of 19 sealed" in words


def test_a_large_checkpoint_has_the_cid_that_ipfs_gives_it(made: Made, written: Written) -> None:
    closed = made.state.history.rounds[1].closed
    assert closed is not None
    digest = closed.checkpoint_hash
    facts = dataclasses.replace(made.facts, large=frozenset({digest}))
    contracts = read_bundle(written.folder).contracts
    assert cid_of_large(digest) in prov_json(contracts, facts)
    assert cid_of_large(digest) not in prov_json(contracts, made.facts)


def test_a_block_of_a_time_that_no_calendar_has_does_not_hold_and_is_no_defect(
    written: Written, tmp_path: Path
) -> None:
    bundle = read_bundle(written.folder)
    fields = rlp.decode(bundle.files["chain/header.rlp"])
    fields[11] = b"\xff" * 32
    hostile = on_disk(forged(bundle, {"chain/header.rlp": rlp.encode(fields)}), tmp_path / "bundle")
    deployed = ("--deployment", written.deployment)
    told = assent("verify", hostile, *deployed)
    assert told.code == 1
    assert f"second {2**256 - 1}" in told.words
    assert assent("study", "report", hostile, *deployed, "--out", tmp_path / "report").code == 1
    assert assent("study", "export", hostile, *deployed, "--out", tmp_path / "crate").code == 1


def test_forged_terms_whose_privacy_cannot_be_reckoned_leave_the_verdict(
    written: Written, tmp_path: Path
) -> None:
    forgery = Forgery(read_bundle(written.folder), written.accounts)
    amended(forgery, tolerated_colluders=3)
    hostile = on_disk(forgery.proven(), tmp_path / "bundle")
    deployed = ("--deployment", written.deployment)
    answer = assent("study", "report", hostile, *deployed, "--out", tmp_path / "report")
    assert answer.code == 1
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "THIS EVIDENCE DOES NOT HOLD" in page
