"""Whoever starts the service on a database that cannot be used reads why, in a line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from api.database.engine import make_engine
from api.database.migrate import migrate
from api.database.opening import DatabaseUnusable, open_database
from api.review.bundling import __main__ as bundling
from api.web import main as web
from api.worker import main as worker


def test_what_is_wrong_is_said_without_a_password(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is a text, and no database" * 100)
    newer = make_engine(f"sqlite:///{tmp_path / 'newer.db'}")
    migrate(newer)
    with newer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer.dispose()
    for url, said in (
        (f"sqlite:///{tmp_path}", "Is a directory"),
        (f"sqlite:///{tmp_path / 'text.db'}", "file is not a database"),
        (f"sqlite:///{tmp_path / 'newer.db'}", "schema 9999"),
        ("sqlite:///", "SQLite needs a file"),
        ("postgresql+psycopg://me:hush@127.0.0.1:1/assent", "Connection refused"),
        ("postgresql+psycopg://me:a@b:hush@127.0.0.1/assent", "written as %XX"),
    ):
        with pytest.raises(DatabaseUnusable) as refused:
            open_database(url)
        told = str(refused.value)
        assert said in told
        assert "ASSENT_API_DATABASE_URL" in told
        assert "hush" not in told
        assert "sqlalche.me" not in told


@pytest.mark.parametrize("main", [web, worker, bundling.main])
def test_a_process_that_cannot_use_it_ends_without_a_trace(
    main: Callable[[], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "deployment.json").write_text("{}")
    monkeypatch.setattr("os.nice", lambda _by: 0)
    for name, value in (
        ("RPC_URL", "http://127.0.0.1:1"),
        ("DEPLOYMENT", str(tmp_path / "deployment.json")),
        ("DATABASE_URL", f"sqlite:///{tmp_path}"),
    ):
        monkeypatch.setenv(f"ASSENT_API_{name}", value)
    assert main() == 2
    told = capfd.readouterr().err
    assert "its database cannot be used" in told
    assert "Traceback" not in told
