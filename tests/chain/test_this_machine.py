"""Which hosts are reached directly, and may be served without TLS."""

import pytest

from chain.this_machine import is_this_machine


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.8.0.1", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "192.168.1.2", "example.org", "localhost.example.org", "notlocalhost"]
)
def test_whatever_others_reach_is_not(host: str) -> None:
    assert not is_this_machine(host)
