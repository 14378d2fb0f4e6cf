"""The service does not start with a setting that is unsafe, and says which without repeating it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.settings import Settings, refusal_of_settings


@pytest.fixture
def usable(tmp_path: Path) -> Iterator[dict[str, Any]]:
    deployment = tmp_path / "deployment.json"
    deployment.write_text("{}")
    key = tmp_path / "relayer.key"
    key.write_text("0x" + "11" * 32)
    key.chmod(0o600)
    yield {"rpc_url": "http://127.0.0.1:8545", "deployment": deployment, "relayer_key": key}


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Settings(**values)
    return refusal_of_settings(refused.value)


def test_defaults_are_usable_on_this_machine(usable: dict[str, Any]) -> None:
    found = Settings(**usable)
    assert found.origin == "http://localhost:8800"
    assert found.domain == "localhost:8800"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"webhook_keys": "/nowhere/webhook.key"}, "webhook_keys: /nowhere/webhook.key: No such"),
        ({"public_url": "http://assent.example"}, "is not https"),
        ({"public_url": "https://assent.example/path"}, "is no origin"),
        ({"cors_origins": "*"}, "spelled out"),
        ({"cors_origins": "https://*.example"}, "there is no wildcard"),
        ({"cors_origins": "https://one.example, http://two.example"}, "is not https"),
        ({"host": "0.0.0.0"}, "put a proxy that speaks TLS in front"),
        ({"database_url": "mysql://user:pass@host/name"}, "is supported"),
        ({"deployment": Path("nowhere.json")}, "there is no file nowhere.json"),
        ({"session_minutes": 100_000}, "SESSION_MINUTES"),
        ({"unknown": 1}, "UNKNOWN"),
    ],
)
def test_what_is_unsafe_is_refused_by_name(
    usable: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    shown = refusal(usable | changed)
    assert said in shown
    assert "pass" not in shown


def test_a_relayer_key_that_others_can_read_is_refused(usable: dict[str, Any]) -> None:
    usable["relayer_key"].chmod(0o640)
    assert "is open to others; chmod 600 it" in refusal(usable)


def test_a_webhook_key_must_be_one_and_private(usable: dict[str, Any], tmp_path: Path) -> None:
    key, other = tmp_path / "webhook.key", tmp_path / "older.key"
    for path in (key, other):
        path.write_text("0x" + "2b" * 32)
        path.chmod(0o600)
    usable["webhook_keys"] = f"{key}, {other}"
    assert Settings(**usable).webhook_keys == (key, other)
    other.chmod(0o604)
    assert f"webhook_keys: {other} is open to others" in refusal(usable)
    other.chmod(0o600)
    key.write_text("0x" + "2b" * 31)
    assert "does not hold a key" in refusal(usable)
    assert "2b" * 31 not in refusal(usable)


def test_lists_are_read_as_people_write_them_in_an_environment(
    usable: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSENT_API_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("ASSENT_API_TRUSTED_PROXIES", "10.0.0.1")
    found = Settings(**usable)
    assert found.cors_origins == ("https://a.example", "https://b.example")
    assert found.trusted_proxies == ("10.0.0.1",)
