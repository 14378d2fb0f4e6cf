"""A real SuperLink and two real SuperNodes, over TLS, each known by its key, run an app end to
end.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from stack.certificates import make_node_keys, make_server_certificate
from stack.flower import SuperLink, SuperNode, Value
from stack.flower_run import FlowerError, register, run_app
from stack.process import TOOLS, ProcessError, ProcessGroup

APP = Path(__file__).with_name("flower_app")


@dataclass
class Federation:
    """What the tests of one module share: starting it takes longer than using it."""

    folder: Path
    group: ProcessGroup
    superlink: SuperLink
    supernodes: list[SuperNode]
    node_ids: list[int]


def clientapp_of_ours(folder: Path) -> Path:
    """A folder with a `flwr-clientapp` that marks its environment, then is Flower's own."""
    program = folder / "programs" / "flwr-clientapp"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nSTARTED_BY=us exec {TOOLS}/flwr-clientapp "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A SuperLink and two registered SuperNodes, the first with a program of its own."""
    folder = tmp_path_factory.mktemp("federation")
    superlink = SuperLink(folder / "coordinator", folder / "superlink.log")
    with ProcessGroup() as group:
        group.start(superlink)
        superlink.wait_for_api()
        sites = [
            SuperNode(
                f"site {name}",
                folder / name,
                folder / f"{name}.log",
                superlink=superlink.address,
                ca=superlink.certificate.ca,
                clientapp_folder=clientapp_of_ours(folder / name) if name == "a" else None,
                node_config={"site": name},
            )
            for name in ("a", "b")
        ]
        node_ids = register(superlink, [site.keys.public for site in sites])
        group.start(*sites)
        for site in sites:
            site.wait_for_superlink()
        yield Federation(folder, group, superlink, sites, node_ids)


def test_an_app_reaches_every_site_and_ends_well(federation: Federation) -> None:
    lines: list[str] = []
    log = federation.folder / "run.log"
    config: dict[str, Value] = {"greeting": "good = day [1]", "sites": 2}
    run = run_app(APP, federation.superlink, log, run_config=config, on_line=lines.append)
    assert run.succeeded, run
    assert (run.status, run.details) == ("finished:completed", "")
    told = [json.loads(line.split("TOLD ", 1)[1]) for line in lines if "TOLD " in line]
    expected = [
        {
            "node": node_id,
            "site": name,
            "folder": str(federation.folder / name),
            "home": str(federation.folder / name / "flower"),
            "started-by": program,
        }
        for node_id, name, program in zip(
            federation.node_ids, ("a", "b"), ("us", "flower"), strict=True
        )
    ]
    assert sorted(told, key=lambda one: str(one["site"])) == expected
    assert any(line.endswith("GREETING good = day [1]") for line in lines)


def test_an_app_that_fails_is_reported_as_failed(federation: Federation) -> None:
    log = federation.folder / "failing.log"
    run = run_app(APP, federation.superlink, log, run_config={"fail": True})
    assert run.status == "finished:failed"
    assert not run.succeeded
    assert "told to fail" in log.read_text()


def test_an_app_that_is_none_is_not_started(federation: Federation, tmp_path: Path) -> None:
    with pytest.raises(FlowerError, match="was not started"):
        run_app(tmp_path, federation.superlink, tmp_path / "run.log")


def test_a_key_is_registered_once(federation: Federation) -> None:
    with pytest.raises(FlowerError, match="already in use"):
        register(federation.superlink, [federation.supernodes[0].keys.public])


def test_a_site_whose_key_is_not_registered_is_kept_out(
    federation: Federation, tmp_path: Path
) -> None:
    stranger = SuperNode(
        "the stranger",
        tmp_path,
        tmp_path / "stranger.log",
        superlink=federation.superlink.address,
        ca=federation.superlink.certificate.ca,
    )
    stranger.start()
    with pytest.raises(ProcessError, match=r"the stranger ended with status 1 .*stranger\.log"):
        stranger.wait_for_superlink(120)
    assert not stranger.is_running
    assert stranger.node_id is None


def test_a_site_refuses_a_superlink_that_another_authority_vouches_for(
    federation: Federation, tmp_path: Path
) -> None:
    other = make_server_certificate(tmp_path / "other")
    wary = SuperNode(
        "the wary site",
        tmp_path,
        tmp_path / "wary.log",
        superlink=federation.superlink.address,
        ca=other.ca,
    )
    wary.start()
    with pytest.raises(ProcessError, match="the wary site ended with status 1"):
        wary.wait_for_superlink(120)
    assert "CERTIFICATE_VERIFY_FAILED" in (tmp_path / "wary.log").read_text()


def test_all_of_it_listens_on_loopback_only(federation: Federation) -> None:
    listening = {
        connection.laddr.ip
        for managed in federation.group.processes
        for process in psutil.Process(managed.pid).children(recursive=True)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_stopping_a_site_leaves_nothing_of_it(federation: Federation) -> None:
    site = federation.supernodes[1]
    pids = [child.pid for child in psutil.Process(site.pid).children(recursive=True)]
    assert len(pids) >= 2  # the SuperNode and its SuperExec
    site.stop()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def test_a_failing_superlink_names_its_log(tmp_path: Path, federation: Federation) -> None:
    second = SuperLink(tmp_path, tmp_path / "second.log", port=federation.superlink.port)
    second.certificate.ca.write_bytes(federation.superlink.certificate.ca.read_bytes())
    second.start()
    with pytest.raises(ProcessError, match=r"the SuperLink ended .*second\.log"):
        second.wait_until_ready(lambda: False, 60)


def test_keys_and_homes_are_for_their_owner_alone(federation: Federation) -> None:
    site = federation.supernodes[0]
    assert site.keys == make_node_keys(site.folder / "keys")
    assert (site.folder / "flower").stat().st_mode & 0o777 == 0o700
