"""`assent study withdrawals`, `rollback` and `assent patient withdrawal`: from a withdrawal on."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.desk import Desk


class Page(HTMLParser):
    """A page's words and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.elements = "", []  # type: str, list[str]
        self.feed(text)
        self.words = " ".join(self.words.split())

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)


def test_reviewers_go_back_behind_a_withdrawn_record(desk: Desk, tmp_path: Path) -> None:
    study = desk.real_study()
    number, world = study.number, desk.world
    for site in world.sites:
        for _ in range(2):
            study.patient(site)
    study.round()
    token, holder = study.patient(world.sites[0])
    assert "Nobody has withdrawn" in desk.must(f"study withdrawals {number}").words
    not_yet = desk.assent(f"patient withdrawal {token}")
    assert (not_yet.code, "is not withdrawn" in not_yet.words) == (2, True)
    study.round()
    study.revoke((token, holder))

    wide = {"COLUMNS": "200"}
    listed = desk.assent(f"study withdrawals {number}", env=wide).words
    assert "bounded by the DP guarantee" in listed
    assert f"assent irb sign-rollback {number} OUT.json --to 1 --key FILE" in listed
    told = desk.must(f"patient withdrawal {token}").words
    assert "The study goes on with models that may have been made with your record." in told
    assert "from block" in told
    assert "counted 3 of 3 patients whose consent was active" in told
    assert "only your receipt for that round proves" in told
    (found,) = desk.must(f"study withdrawals {number} --json").json["withdrawals"]
    assert (found["token"], found["final"], found["last_clean_round"]) == (str(token), False, 1)

    for reviewer in (1, 2):
        path = tmp_path / f"back-{reviewer}.json"
        sign = f"irb sign-rollback {number} {path} --to 1 --key reviewer-{reviewer}.key"
        asked = desk.assent(sign, typed="n\n")
        assert "what rounds 2 made is retired for good" in asked.words
        assert not path.exists()
        desk.must(f"{sign} --yes")
    one, two = (tmp_path / f"back-{reviewer}.json" for reviewer in (1, 2))
    wrong = desk.assent(f"study rollback {number} {one} {two} --to 0 --key carrier.key")
    assert (wrong.code, "no rollback of study" in wrong.words) == (2, True)
    alone = desk.assent(f"study rollback {number} {one} --to 1 --key carrier.key")
    assert (alone.code, "needs 2 reviewers' signatures" in alone.words) == (1, True)
    carried = desk.assent(f"irb submit {one} --key carrier.key")
    assert "assent study rollback" in carried.words
    done = desk.must(f"study rollback {number} {one} {two} --to 1 --key carrier.key --json").json
    assert done == {"study": number, "to": 1, "from": 2, "retired_rounds": [2]}
    study.round()
    rounds = desk.must(f"study rounds {number} --json").json["rounds"]
    assert [(one["retired"], one["continues"]) for one in rounds] == [
        (False, 0),
        (True, 1),
        (False, 1),
    ]

    page = tmp_path / "withdrawal.html"
    report = desk.must(f"patient withdrawal {token} --html {page} --json").json
    assert (report["remedy"], report["final"]) == ("retrained without the record", True)
    shown = Page(page.read_text("utf-8"))
    assert report["headline"] in shown.words
    assert "made after the study went back, without your record" in shown.words
    assert not {"script", "link", "img", "iframe"} & set(shown.elements)
    again = desk.assent(f"patient withdrawal {token} --html {page}")
    assert (again.code, "exists" in again.words) == (2, True)

    bundle = tmp_path / "bundle"
    trusted = "0x" + study.write(bundle).hex()
    offline = {"ASSENT_RPC": "http://127.0.0.1:9"}
    line = f"study withdrawals {number} --bundle {bundle}"
    listed = desk.assent(f"{line} --trust-block {trusted} --json", env=offline)
    assert listed.code == 0, listed
    assert [one["remedy"] for one in listed.json["withdrawals"]] == [report["remedy"]]
    unproven = desk.assent(line, env=offline)
    assert (unproven.code, "is not proven" in unproven.words) == (1, True)
    other = desk.assent(f"study withdrawals {number + 1} --bundle {bundle}", env=offline)
    assert (other.code, f"is of study {number}" in other.words) == (2, True)
