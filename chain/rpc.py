"""The connection to a node: JSON-RPC over HTTP(S) with time limits, its errors as exceptions.

Proxies and extra certificate authorities come from the environment as usual (HTTPS_PROXY, NO_PROXY,
REQUESTS_CA_BUNDLE), except that a node on this machine is always reached directly.
"""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from web3 import Web3
from web3.eth import Eth
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chain.bounded import read_up_to
from chain.errors import ChainUnreachable, ContractRefused, RpcRefused, refusal_of
from chain.this_machine import is_this_machine

DEFAULT_TIMEOUT = 30.0
#: Hosted nodes commonly refuse more than a hundred calls in one request.
_MOST_TOGETHER = 100
#: What a node may answer to one request (bytes), so that one that lies fills no memory. An event is
#: some 1 KiB, and nobody asks at once for those of more than 10,000 blocks (chain.logs).
_MOST_ANSWERED = 256 << 20
_PIECE = 1 << 20
#: A method of JSON-RPC and its parameters.
Call = tuple[str, list[Any]]
#: Takes a call in the network's stead, and gives its result.
Instead = Callable[[Call], Any]


def connect_node(
    rpc_url: str, *, timeout: float = DEFAULT_TIMEOUT, ca_file: Path | None = None
) -> Web3:
    """A Web3 on one node, not yet asked anything.

    `timeout` (s) limits each connection attempt and each wait for bytes; `ca_file` is a PEM file
    with the only authorities that are trusted. Calls raise ChainUnreachable, RpcRefused or
    ContractRefused. Raises ValueError when the address is not http(s).
    """
    provider = NodeProvider(rpc_url, timeout=timeout, ca_file=ca_file)
    return Web3(provider, middleware=[], modules={"eth": Eth})


class NodeProvider(JSONBaseProvider):
    """One request, one answer; never repeats a request by itself. Usable from several threads."""

    def __init__(self, rpc_url: str, *, timeout: float, ca_file: Path | None) -> None:
        super().__init__()
        parts = urlsplit(rpc_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a node's address starts with http:// or https:// and names a host")
        self._url, self._timeout, self._ca_file = rpc_url, timeout, ca_file
        self._direct = is_this_machine(parts.hostname)
        # An address may carry a password or an access key in its path: neither belongs in a log.
        self.shown_url = f"{parts.scheme}://{parts.hostname}" + (
            f":{parts.port}" if parts.port else ""
        )
        self._local = threading.local()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        instead: Instead | None = getattr(self._local, "instead", None)
        if instead is not None:
            self._local.instead = None  # whatever else a view asks it asks by itself
            return RPCResponse(result=instead((str(method), params)))
        decoded = self._post(self.encode_rpc_request(method, params))
        if not isinstance(decoded, dict) or ("error" not in decoded and "result" not in decoded):
            raise ChainUnreachable(self.shown_url, "its answer is not JSON-RPC")
        if decoded.get("error") is not None:
            raise _as_exception(str(method), decoded["error"])
        return RPCResponse(**decoded)  # type: ignore[typeddict-item]

    def make_many(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several calls, sent together (JSON-RPC 2.0, section 6) and in order.

        A call that the node refuses has an RpcRefused or ContractRefused in its place; the others
        are answered all the same. Raises ChainUnreachable.
        """
        found: list[Any] = []
        for start in range(0, len(calls), _MOST_TOGETHER):
            found += self._make_some(calls[start : start + _MOST_TOGETHER])
        return found

    def make_all(self, calls: Sequence[Call]) -> list[Any]:
        """As `make_many`, but raises what the node refuses, the first of it."""
        found = self.make_many(calls)
        return [answered(answer) for answer in found]

    def together(self, views: Sequence[Callable[[], Any]]) -> list[Any]:
        """What each of several views returns; what each asks first is asked in one request.

        A view is called twice, first to learn what it asks, so it must ask the node, and change
        nothing. Raises what the first of the views that fail raises, ValueError for one that asks
        nothing.
        """
        answers = self.make_many([self._first_call(view) for view in views])
        return [self._answered(view, answer) for view, answer in zip(views, answers, strict=True)]

    def _first_call(self, view: Callable[[], Any]) -> Call:
        def stop(call: Call) -> NoReturn:
            raise _Asked(call)

        self._local.instead = stop
        try:
            view()
        except _Asked as asked:
            return asked.call
        finally:
            self._local.instead = None
        raise ValueError("what is asked together has to ask the node")

    def _answered(self, view: Callable[[], Any], answer: Any) -> Any:
        self._local.instead = lambda _call: answered(answer)
        try:
            return view()
        finally:
            self._local.instead = None

    def _make_some(self, calls: Sequence[Call]) -> list[Any]:
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(calls)
        ]
        decoded = self._post(json.dumps(asked).encode())
        answers = {str(a.get("id")): a for a in decoded} if _is_list_of_objects(decoded) else {}
        if set(answers) != {str(number) for number in range(len(calls))}:
            raise ChainUnreachable(self.shown_url, "its answer to several calls is not JSON-RPC")
        return [_result(method, answers[str(number)]) for number, (method, _) in enumerate(calls)]

    def _post(self, body: bytes) -> Any:
        try:
            with self._line().send(body) as answer:
                told = self._told(answer)
        except requests.RequestException as error:
            raise ChainUnreachable(self.shown_url, _reason(error)) from error
        try:
            # Some nodes answer JSON-RPC errors with an HTTP error status, so the body decides.
            return json.loads(told)
        except (ValueError, RecursionError) as error:
            reason = f"it answers HTTP {answer.status_code} without JSON"
            raise ChainUnreachable(self.shown_url, reason) from error

    def _told(self, answer: requests.Response) -> bytearray:
        reason = f"its answer to one request is over {_MOST_ANSWERED >> 20} MiB"
        refusal = ChainUnreachable(self.shown_url, reason)
        return read_up_to(_MOST_ANSWERED, answer.iter_content(_PIECE), refusal)

    def _line(self) -> "_Line":
        # requests does not promise that a session is safe between threads.
        line: _Line | None = getattr(self._local, "line", None)
        if line is None:
            line = _Line(self._url, self._timeout, self._ca_file, self._direct)
            self._local.line = line
        return line


def answered(answer: Any) -> Any:
    """One of `NodeProvider.make_many`'s results. Raises what is in the place of one."""
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Asked(BaseException):
    """Ends a view that was called to learn what it asks; no handler of errors may take it."""

    def __init__(self, call: Call) -> None:
        self.call = call


class _Line:
    """One thread's way to the node. What every request has in common is worked out once: headers,
    and the environment's proxies and authorities cost requests more than the sending.
    """

    def __init__(self, url: str, timeout: float, ca_file: Path | None, direct: bool) -> None:
        self._session = requests.Session()
        self._session.trust_env = not direct
        if ca_file is not None:
            self._session.verify = str(ca_file)
        headers = {"Content-Type": "application/json"}
        self._request = self._session.prepare_request(requests.Request("POST", url, headers))
        self._options = self._session.merge_environment_settings(url, {}, True, None, None)
        self._timeout = timeout

    def send(self, body: bytes) -> requests.Response:
        """Raises requests.RequestException."""
        self._request.prepare_body(body, None)
        return self._session.send(self._request, timeout=self._timeout, **self._options)


def _reason(error: requests.RequestException) -> str:
    # str(error) holds the whole address, and with it what must not be logged.
    kinds: list[tuple[type[requests.RequestException], str]] = [
        (requests.exceptions.SSLError, "its certificate is not trusted or TLS fails"),
        (requests.exceptions.ProxyError, "the proxy refuses"),
        (requests.exceptions.ConnectTimeout, "no connection within the time limit"),
        (requests.exceptions.ReadTimeout, "no answer within the time limit"),
        (requests.exceptions.ConnectionError, "the connection is refused or lost"),
    ]
    return next((text for kind, text in kinds if isinstance(error, kind)), type(error).__name__)


def _is_list_of_objects(decoded: Any) -> bool:
    return isinstance(decoded, list) and all(isinstance(answer, dict) for answer in decoded)


def _result(method: str, answer: dict[str, Any]) -> Any:
    if answer.get("error") is not None:
        return _as_exception(method, answer["error"])
    return answer.get("result")


def _as_exception(method: str, error: Any) -> ContractRefused | RpcRefused:
    if not isinstance(error, dict):
        return RpcRefused(method, 0, str(error))
    data = _revert_data(error.get("data"))
    if data is not None:
        return refusal_of(data)
    code = error.get("code")
    message = str(error.get("message", "no reason"))
    return RpcRefused(method, code if isinstance(code, int) else 0, message)


def _revert_data(data: Any) -> bytes | None:
    # geth gives the hex itself, Hardhat an object that holds it under `data`.
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x") and len(data) >= 10:
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return None
    return None
