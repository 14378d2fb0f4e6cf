"""What commands print reaches people whole, and programs as JSON."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from scripts.console import say, say_command, show_facts, show_table, warn
from scripts.lazy import without_line_breaks
from scripts.steps import Steps
from tests.hospital import assent

_LONG = "assent patient grant ENROLMENT.json --key MY.key --carrier-key /a/rather/long/path/to.key"


def test_a_long_line_of_a_step_loses_nothing() -> None:
    for soft_wrap in (True, False):
        shown = io.StringIO()
        console = Console(file=shown, width=60, soft_wrap=soft_wrap)
        steps = Steps(console, 1)
        with steps.step("A step"):
            steps.line("so many words that they do not fit on one line of sixty columns, the last")
        lines = [line.rstrip() for line in shown.getvalue().splitlines()]
        assert " ".join(" ".join(lines).split()).count("columns, the last") == 1
        assert all(len(line) <= 60 for line in lines)


def test_a_command_to_copy_stays_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    say_command(_LONG)
    assert capsys.readouterr().out == f"  {_LONG}\n"


def test_where_nobody_looks_at_a_terminal_no_line_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    say(_LONG)
    assert capsys.readouterr().out == f"{_LONG}\n"


def test_an_error_is_json_too_where_json_was_asked_for(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    told = assent("site", "status", nowhere, "--json")
    assert told.code == 2
    assert json.loads(told.out) == {
        "error": {
            "exit_code": 2,
            "kind": "PrivateFileUnsafe",
            "message": f"{nowhere} does not exist; check the path, or restore a backup",
        }
    }
    assert "does not exist" in told.err
    assert assent("site", "status", nowhere).out == ""


def test_wrong_usage_is_json_too_where_json_was_asked_for() -> None:
    told = assent("site", "status", "--json")
    assert told.code == 2
    assert told.json["error"]["kind"] == "UsageError"
    assert "FOLDER" in told.json["error"]["message"]
    assert "Try 'assent site status --help'" in told.err


def test_help_is_broken_where_the_terminal_ends_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    items = "- an item\n- another\n\n    kept as is\n    too"
    told = without_line_breaks(f"One line.\n\nA paragraph with\n--two lines:\n{items}")
    assert told == f"One line.\n\nA paragraph with --two lines:\n{items}"
    shown = assent("site", "health", "--help").out
    lines = shown[shown.index("Sends nothing") :].split("\n\n")[0].splitlines()
    assert all(len(line.rstrip()) > 60 for line in lines[:2]), lines


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert assent("--version").out == f"assent {version('assent')}\n"


@pytest.mark.parametrize(
    "code", ["\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "\r", "\u202e", "\udc80"]
)
def test_what_somebody_else_wrote_steers_no_terminal(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = f"log-linear{code} All 471 checks hold"
    say(hostile)
    say_command(hostile)
    warn(hostile)
    show_table("Checks", ("check", "detail"), [("recipe", hostile)])
    show_facts("Study 1", [(hostile, hostile)])
    answer = assent("verify", "bundle", "--deployment", f"/nowhere/{hostile}")
    shown = "".join((*capsys.readouterr(), answer.out, answer.err))
    assert shown.count("log-linear") == 7
    assert not any(letter in shown for letter in code if not letter.isprintable())


def test_words_of_other_scripts_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = "می\u200cخواهم \u200fشرکت کنم، žluťoučký 同意します"
    say(words)
    assert capsys.readouterr().out == f"{words}\n"
