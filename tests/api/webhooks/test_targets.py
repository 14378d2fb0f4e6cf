"""Nothing is sent into the operator's own network, whatever a name is made to resolve to."""

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest

from api.webhooks.problems import WebhookAddressRefused
from api.webhooks.sending import Outcome, send
from api.webhooks.targets import is_public, resolve
from stack.certificates import make_server_certificate
from tests.api.webhooks.receiver import receiving


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
    ],
)
def test_addresses_of_no_public_host_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(WebhookAddressRefused):
        resolve(f"https://{shown}/", loopback=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    shown = f"[{address}]" if ":" in address else address
    target = resolve(f"https://{shown}/a?b", loopback=False)
    assert (target.address, target.port, target.path) == (address, 443, "/a?b")


@pytest.mark.parametrize(
    "url",
    [
        *("http://1.1.1.1/", "ftp://1.1.1.1/", "https:///a", "https://u:p@1.1.1.1/", "1.1.1.1"),
        *("https://1.1.1.1/#a", "https://1.1.1.1:99999/", "https://1.1.1.1/\\a", "https://[1"),
        *("https://2130706433/", "https://0x7f.1/", "https://1.1.1.1/ä"),
    ],
)
def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises((WebhookAddressRefused, OSError)):
        resolve(url, loopback=False)


def test_this_machine_is_allowed_only_to_a_service_of_this_machine() -> None:
    assert resolve("http://127.0.0.1:8000/", loopback=True).port == 8000
    with pytest.raises(WebhookAddressRefused):
        resolve("http://10.0.0.1:8000/", loopback=True)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _name_server(monkeypatch, [["1.1.1.1", "10.0.0.1"]])
    with pytest.raises(WebhookAddressRefused):
        resolve("https://hospital.example/", loopback=False)


def test_a_name_that_answers_otherwise_the_second_time_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = make_server_certificate(tmp_path, ("hospital.example",))
    with receiving(certificate) as receiver:
        # First this machine (allowed here), then one that nothing may be sent to.
        lookups = _name_server(monkeypatch, [["127.0.0.1"], ["10.0.0.1"]])
        url = f"https://hospital.example:{receiver.port}/in"
        outcome = send(url, {}, b"{}", loopback=True, ca_file=certificate.ca)
    assert outcome == Outcome(204, None)
    assert lookups == ["hospital.example"]
    path, headers, body = receiver.got[0]
    assert (path, headers["host"], body) == ("/in", f"hospital.example:{receiver.port}", b"{}")


def test_a_server_that_cannot_prove_its_name_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = make_server_certificate(tmp_path, ("other.example",))
    with receiving(certificate) as receiver:
        _name_server(monkeypatch, [["127.0.0.1"]] * 2)
        url = f"https://hospital.example:{receiver.port}/in"
        assert send(url, {}, b"{}", loopback=True, ca_file=certificate.ca).error == "tls-failed"
        assert send(url, {}, b"{}", loopback=True).error == "tls-failed"
    assert receiver.got == []


def test_who_is_not_there_is_a_failure_and_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/", {}, b"", loopback=True).error == "connection-failed"
    assert send("https://10.0.0.1/", {}, b"", loopback=False).error == "address-refused"


def _name_server(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> list[str]:
    """Names resolve to these addresses, one list a look-up; addresses to themselves."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolved(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if not isinstance(host, str) or not host.endswith(".example"):
            return real(host, port, *arguments, **named)
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[len(asked) - 1]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return asked
