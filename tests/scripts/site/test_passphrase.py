"""`assent site passphrase`: another passphrase, the same account."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import psutil
import pytest

from federation.gate.keys import PASSPHRASE_FILE, KeyFolderInvalid, SiteKeys
from federation.gate.private_files import write_private_file
from tests.hospital import Answer, assent


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    assert assent("site", "init", tmp_path / "site").code == 0
    return tmp_path / "site"


def private(path: Path, line: str) -> Path:
    write_private_file(path, line.encode(errors="surrogateescape"))
    return path


def changed(site: Path, file: Path) -> Answer:
    return assent("site", "passphrase", site, "--new-passphrase-file", file, "--json")


def account_of(site: Path) -> str:
    keys = SiteKeys.open(site / "keys")
    try:
        return str(keys.account.address)
    finally:
        keys.close()


def test_the_account_stays_and_only_the_new_passphrase_opens_it(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, key = account_of(site), (site / "keys" / "account.key").read_bytes().strip()
    first = private(tmp_path / "first", "correct horse\n")
    second = private(tmp_path / "second", "battery staple\r\nanother line")
    assert changed(site, first).code == 0
    monkeypatch.setenv(PASSPHRASE_FILE, str(first))
    (site / "keys" / "account.key.part").write_text("left by a crash")
    answer = changed(site, second)
    assert answer.json == {"account": account, "passphrase_file": str(second)}
    stored = site / "keys" / "account.key"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert key[2:] not in stored.read_bytes()
    assert json.loads(stored.read_bytes())["version"] == 3
    assert not list((site / "keys").glob("*.part"))
    with pytest.raises(KeyFolderInvalid, match="wrong passphrase"):
        account_of(site)
    monkeypatch.setenv(PASSPHRASE_FILE, str(second))
    assert account_of(site) == account


def test_what_cannot_be_done_leaves_the_key_as_it_is(site: Path, tmp_path: Path) -> None:
    stored = (site / "keys" / "account.key").read_bytes()
    open_to_others = private(tmp_path / "open", "battery staple")
    open_to_others.chmod(0o644)
    for file, words in (
        (private(tmp_path / "empty", "\n"), "no passphrase in its first line"),
        (private(tmp_path / "bytes", "\udcff"), "not UTF-8"),
        (tmp_path / "none", "does not exist"),
        (open_to_others, "chmod 600"),
    ):
        answer = changed(site, file)
        assert (answer.code, words in answer.err) == (2, True), answer
    assert (site / "keys" / "account.key").read_bytes() == stored


def test_an_encrypted_key_needs_the_passphrase_until_now(site: Path, tmp_path: Path) -> None:
    first = private(tmp_path / "first", "correct horse")
    assert changed(site, first).code == 0
    stored = (site / "keys" / "account.key").read_bytes()
    answer = changed(site, private(tmp_path / "second", "battery staple"))
    assert (answer.code, PASSPHRASE_FILE in answer.err) == (2, True), answer
    assert (site / "keys" / "account.key").read_bytes() == stored


def test_a_site_that_runs_is_stopped_first(site: Path, tmp_path: Path) -> None:
    me = {"pid": os.getpid(), "started": psutil.Process().create_time(), "log_path": "-"}
    (site / "run").mkdir(exist_ok=True)
    record = site / "run" / "processes.json"
    record.write_text(json.dumps([{"name": "the SuperNode", **me}]))
    answer = changed(site, private(tmp_path / "first", "correct horse"))
    assert answer.code == 1
    assert "the SuperNode of" in answer.err
    assert "stop the site" in answer.err
    record.unlink()
