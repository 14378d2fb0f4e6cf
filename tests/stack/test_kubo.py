"""Kubo starts on loopback alone, keeps what was pinned between runs, and knows nobody."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import ipfshttpclient
import psutil
import pytest

from stack.kubo import IpfsError, KuboDaemon, provided_api
from stack.process import ProcessGroup


def test_a_pinned_object_is_there_in_the_next_run(tmp_path: Path) -> None:
    first = KuboDaemon(tmp_path / "ipfs", tmp_path / "kubo.log")
    with ProcessGroup() as group:
        group.start(first)
        first.wait_for_api()
        with closing(ipfshttpclient.Client(first.api, session=True)) as client:
            cid = client.add_bytes(b"a checkpoint")
            client.pin.add(cid)
        first.stop()

        again = KuboDaemon(tmp_path / "ipfs", tmp_path / "kubo.log")
        group.start(again)
        again.wait_for_api()
        with closing(ipfshttpclient.Client(again.api, session=True)) as client:
            assert client.cat(cid) == b"a checkpoint"
            assert cid in client.pin.ls(type="recursive")["Keys"]
    assert not again.is_running


def test_it_listens_on_loopback_only_and_has_no_peers(tmp_path: Path) -> None:
    daemon = KuboDaemon(tmp_path / "ipfs", tmp_path / "kubo.log")
    with ProcessGroup() as group:
        group.start(daemon)
        daemon.wait_for_api()
        connections = [
            connection
            for process in psutil.Process(daemon.pid).children(recursive=True)
            for connection in process.net_connections()
        ]
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for connection in connections
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {("127.0.0.1", daemon.port), ("127.0.0.1", daemon.gateway_port)}
        assert [c for c in connections if c.raddr and c.raddr.ip != "127.0.0.1"] == []
    assert (tmp_path / "ipfs").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("/ip4/10.0.0.5/tcp/5001", "/ip4/10.0.0.5/tcp/5001"),
        ("http://127.0.0.1:5001", "/ip4/127.0.0.1/tcp/5001/http"),
        ("https://ipfs.hospital.example:443", "/dns/ipfs.hospital.example/tcp/443/https"),
        ("http://[::1]:5001", "/ip6/::1/tcp/5001/http"),
        ("", None),
    ],
)
def test_ipfs_api_may_be_a_multiaddr_or_an_address(
    given: str, read: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPFS_API", given)
    assert provided_api() == read


@pytest.mark.parametrize("given", ["localhost", "ftp://a:1", "http://nohost", "http://a:port"])
def test_an_unusable_ipfs_api_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_API", given)
    with pytest.raises(IpfsError, match="must be a multiaddr"):
        provided_api()
