"""docs/receipt.html in a real Chromium: it says of every receipt what Python says, offline."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import canonical_json
from audit.cohort import Status, leaf, proof, root
from chain.messages import token_id
from stack.binaries import ROOT
from study.receipt import Receipt, ReceiptInvalid
from tests.browser_passkey import FOLDER, NODE, PATIENCE

TITLES = {
    "holds": "This receipt holds",
    "open": "Whole, but not compared with the chain",
    "refused": "This proves nothing",
}
LEDGER, SITE = "0x" + "11" * 20, "0x" + "22" * 20


class Page:
    """The page in its browser."""

    def __init__(self) -> None:
        if not (FOLDER / "chromium" / "chromium").exists():
            raise FileNotFoundError("the browser is not installed: run `make setup`")
        self._process = subprocess.Popen(
            [NODE, "receipt.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # A browser that hangs must end the test that waits for its answer.
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def check(self, receipt: str, root_: str = "", file: Path | None = None) -> tuple[str, str]:
        """Verdict and words."""
        question = {"receipt": receipt, "root": root_, **({"file": str(file)} if file else {})}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer["title"] == TITLES[answer["verdict"]]
        assert answer["left"] == "", "an old answer stands under something else"
        return answer["verdict"], answer["words"]

    def close(self) -> list[str]:
        """Ends it; what the page asked of a network, and its defects."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        asked: list[str] = self._answer()["asked"]
        self._process.wait()
        self._watchdog.cancel()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return asked

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the browser ended"
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    opened = Page()
    yield opened
    assert opened.close() == []


@pytest.fixture(scope="module")
def vector() -> str:
    found: str = json.loads((ROOT / "docs/vectors/receipt.json").read_text())["receipt"]
    return found


def receipt(count: int, index: int, status: Status = Status.ADMITTED) -> Receipt:
    salts = [bytes([number]) * 32 for number in range(count)]
    leaves = [
        leaf(31337, LEDGER, 1, SITE, 3, n, token_id(1, SITE, n), status, salts[n])
        for n in range(count)
    ]
    return Receipt(
        chain_id=31337,
        ledger=LEDGER,
        token_id=token_id(1, SITE, index),
        round_number=3,
        attempt=1,
        status=status,
        salt=salts[index],
        count=count,
        path=proof(leaves, index),
        root=root(leaves),
    )


def test_the_committed_vector_holds_against_its_root_and_no_other(
    shown: Page, vector: str, tmp_path: Path
) -> None:
    root_ = json.loads(vector)["root"]
    verdict, words = shown.check(vector, "0x" + root_)
    assert verdict == "holds"
    assert "your record was counted in it" in words
    assert words.endswith("what the hospital committed to, not what it computed with.")
    assert shown.check(vector + "\n", root_.upper())[0] == "holds"
    verdict, words = shown.check(vector, "ab" * 32)
    assert (verdict, "another cohort" in words) == ("refused", True)
    assert shown.check(vector, "0x12")[0] == "refused"
    file = tmp_path / "receipt.json"
    file.write_text(vector)
    assert shown.check("", root_, file)[0] == "holds"
    large = tmp_path / "large.json"
    large.write_text(vector.ljust((1 << 20) + 1))
    verdict, words = shown.check("", root_, large)
    assert (verdict, "larger than a mebibyte" in words) == ("refused", True)


def test_without_a_root_it_does_not_say_that_the_hospital_committed(
    shown: Page, vector: str
) -> None:
    verdict, words = shown.check(vector)
    assert verdict == "open"
    assert words.startswith("The receipt is whole. If the hospital has committed")
    assert "is not checked" in words


@pytest.mark.parametrize("status", list(Status), ids=lambda status: status.name.lower())
def test_it_gives_every_reason_as_the_command_does(shown: Page, status: Status) -> None:
    from study.receipt import _WHY

    made = receipt(3, 1, status)
    verdict, words = shown.check(made.to_bytes().decode(), made.root.hex())
    assert (verdict, _WHY[status] in words) == ("holds", True)


def test_trees_of_every_small_size_have_their_paths(shown: Page) -> None:
    for count in range(1, 18):
        for index in {0, count // 2, count - 1}:
            made = receipt(count, index)
            assert shown.check(made.to_bytes().decode(), made.root.hex())[0] == "holds"


def test_whatever_python_refuses_the_page_refuses(shown: Page, vector: str) -> None:
    raw = json.loads(vector)
    changed: list[Any] = [{n: v for n, v in raw.items() if n != name} for name in raw]
    changed += [raw | {"more": 1}, [], None, 1, {}]
    others = {
        "schema": "assent-receipt-2",
        "chain_id": 1,
        "ledger": "0x" + "44" * 20,
        "token_id": str(int(raw["token_id"]) + 1),
        "round": 4,
        "status": 2,
        "salt": "00" * 32,
        "leaf": "00" * 32,
        "count": 9,
        "path": raw["path"][:-1],
        "root": "00" * 32,
    }
    changed += [raw | {name: value} for name, value in others.items()]
    changed += [raw | {"path": raw["path"][::-1]}, raw | {"path": [*raw["path"], "00" * 32]}]
    changed += [raw | {"status": wrong} for wrong in (0, 8, "1", True, None, 1.5)]
    texts = [canonical_json.dumps(one).decode() for one in changed]
    texts += [json.dumps(raw), vector + "x", "", "\ufeff" + vector[1:]]
    for text in texts:
        with pytest.raises(ReceiptInvalid):
            Receipt.parse(text.strip().encode())
        assert shown.check(text, raw["root"])[0] == "refused", text


def test_an_encrypted_receipt_is_told_apart(shown: Page) -> None:
    verdict, words = shown.check('{"schema":"assent-sealed-receipt-1"}')
    assert (verdict, "encrypted" in words) == ("refused", True)
