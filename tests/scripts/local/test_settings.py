"""What the first `assent up` chose is kept, and nothing else is silently used instead."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scripts.local.layout import Layout
from scripts.local.running import alone_with
from scripts.local.settings import (
    PortTaken,
    Settings,
    StateRefused,
    refuse_taken_ports,
    settled,
)

URL = "https://chain.example.org/rpc/access-key"


def test_choices_and_ports_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    first = settled(path, None, None, None, None)
    assert (first.chain, len(first.sites), first.confirmations) == ("geth", 5, 0)
    services = {"chain", "ipfs", "ipfs-gateway", "superlink", "service"}
    assert set(first.ports) == {*services, *first.sites}
    assert len(set(first.ports.values())) == len(first.ports)
    assert settled(path, "geth", 5, None, 0) == first
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        (("hardhat", None, None, None), "--chain geth"),
        ((None, 3, None, None), "--sites 5"),
        ((None, None, Path("a.key"), None), "--deployer-key None"),
        ((None, None, None, 2), "--confirmations 0"),
    ],
)
def test_another_choice_for_the_same_state_is_refused(
    tmp_path: Path, asked: tuple[str | None, int | None, Path | None, int | None], option: str
) -> None:
    path = tmp_path / "up.json"
    kept = settled(path, None, None, None, None)
    with pytest.raises(StateRefused, match=option):
        settled(path, *asked)
    assert Settings.load(path) == kept


@pytest.mark.parametrize(
    ("chain", "key", "says"),
    [
        ("anvil", None, "say geth, hardhat or"),
        (URL, None, "needs --deployer-key"),
        ("geth", Path("a.key"), "somebody else's chain"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_nothing_is_kept(
    tmp_path: Path, chain: str, key: Path | None, says: str
) -> None:
    with pytest.raises(StateRefused, match=says):
        settled(tmp_path / "up.json", chain, None, key, None)
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_chain_has_no_port_here(tmp_path: Path) -> None:
    made = settled(tmp_path / "up.json", URL, 2, Path("a.key"), 12)
    assert made.is_external
    assert "chain" not in made.ports
    assert made.deployer_key == str(Path("a.key").absolute())
    assert made.confirmations == 12


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": "other"}', '{"schema": "assent-up-1"}']
)
def test_damaged_settings_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "up.json"
    path.write_text(text)
    with pytest.raises(StateRefused, match=r"up\.json cannot be used"):
        settled(path, None, None, None, None)


def test_a_kept_port_that_is_taken_is_named(tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    made = settled(path, None, None, None, None)
    refuse_taken_ports(made, path)
    port = made.ports["superlink"]
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTaken, match=rf"{port} \(superlink\)"),
    ):
        refuse_taken_ports(made, path)


def test_two_commands_do_not_work_on_one_state(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.make()
    with alone_with(layout), pytest.raises(StateRefused, match="wait for it"), alone_with(layout):
        pass
    with alone_with(layout):
        pass
