"""Ports are free, on the loopback address, and never given twice."""

from __future__ import annotations

import socket

from stack.ports import HOST, free_port


def test_ports_differ_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    for port in ports[:5]:
        with socket.socket() as server:
            server.bind((HOST, port))
            server.listen()
