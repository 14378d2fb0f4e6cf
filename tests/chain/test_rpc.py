"""The connection: a node that fails to answer is told in plain words, and no secret is shown."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from chain.errors import ChainUnreachable, RpcRefused, WrongChain
from chain.rpc import Call, NodeProvider, connect_node
from stack.certificates import make_server_certificate
from stack.hardhat import HardhatNode
from tests.serving import Silent, serving


class Handler(Silent, BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError


@contextmanager
def answering(body: bytes | None, certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """An HTTP(S) server on loopback that gives one body to every request, or none at all."""
    gone = threading.Event()

    class OneBody(Handler):
        def answer(self) -> None:
            if body is None:
                gone.wait()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(OneBody, certificate) as port:
        try:
            yield port
        finally:
            gone.set()


@contextmanager
def answering_without_end() -> Iterator[int]:
    """A server that goes on sending until its client hangs up."""

    class NoEnd(Handler):
        def answer(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(ConnectionError):
                while True:
                    self.wfile.write(b" " * 65_536)

    with serving(NoEnd) as port:
        yield port


CHAIN_ID = b'{"jsonrpc":"2.0","id":0,"result":"0x7a69"}'


@pytest.mark.parametrize("body", [b"<html>not found</html>", b"[]", b"{}", b'"0x1"'])
def test_an_answer_that_is_not_json_rpc_is_refused(body: bytes) -> None:
    with answering(body) as port, pytest.raises(ChainUnreachable, match="JSON"):
        _ = connect_node(f"http://127.0.0.1:{port}").eth.chain_id


@pytest.mark.parametrize(
    "body",
    [b'[{"id":[],"result":1}]', b'[{"id":{},"result":1}]', b'[{"result":1}]', b"[" * 100_000],
)
def test_an_answer_to_several_calls_that_is_none_is_refused(body: bytes) -> None:
    with answering(body) as port, pytest.raises(ChainUnreachable, match="JSON"):
        asked: list[Call] = [("eth_chainId", [])]
        NodeProvider(f"http://127.0.0.1:{port}", timeout=9, ca_file=None).make_many(asked)


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.rpc._MOST_ANSWERED", 1 << 20)
    with answering_without_end() as port, pytest.raises(ChainUnreachable, match="over 1 MiB"):
        _ = connect_node(f"http://127.0.0.1:{port}").eth.chain_id


def test_an_error_whose_code_is_no_number_is_passed_on() -> None:
    body = b'{"jsonrpc":"2.0","id":0,"error":{"code":"none","message":"not today"}}'
    with answering(body) as port, pytest.raises(RpcRefused, match="not today"):
        _ = connect_node(f"http://127.0.0.1:{port}").eth.chain_id


def test_silence_ends_at_the_time_limit() -> None:
    with answering(None) as port, pytest.raises(ChainUnreachable, match="time limit"):
        _ = connect_node(f"http://127.0.0.1:{port}", timeout=0.5).eth.chain_id


def test_tls_is_trusted_only_with_the_right_authority(tmp_path: Path) -> None:
    made = make_server_certificate(tmp_path, ("127.0.0.1",))
    with answering(CHAIN_ID, (made.certificate, made.key)) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(ChainUnreachable, match="certificate is not trusted"):
            _ = connect_node(url).eth.chain_id
        assert connect_node(url, ca_file=made.ca).eth.chain_id == 31337


def test_a_proxy_never_comes_between_us_and_this_machine(
    hardhat: HardhatNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert connect_node(hardhat.rpc_url).eth.chain_id == 31337


def test_a_proxy_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with answering(CHAIN_ID) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert connect_node("http://chain.invalid:8545").eth.chain_id == 31337


def test_an_error_shows_neither_password_nor_access_key() -> None:
    w3 = connect_node("http://user:hunter2@127.0.0.1:1/v3/accesskey?token=abc")
    with pytest.raises(ChainUnreachable) as unreachable:
        _ = w3.eth.chain_id
    shown = str(unreachable.value)
    assert "http://127.0.0.1:1" in shown
    assert not any(secret in shown for secret in ("hunter2", "accesskey", "abc", "user"))


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        connect_node(url)


def test_a_nodes_own_refusal_is_passed_on(hardhat: HardhatNode) -> None:
    with pytest.raises(RpcRefused) as refused:
        connect_node(hardhat.rpc_url).provider.make_request("eth_nonsense", [])  # type: ignore[arg-type]
    assert refused.value.method == "eth_nonsense"


def test_errors_tell_what_to_do() -> None:
    assert "belong together" in str(WrongChain("chain id", "1", "2"))
