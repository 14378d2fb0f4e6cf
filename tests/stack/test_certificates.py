"""The private authority vouches for one server, for the names it was made for, and for nobody
else.
"""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from stack.certificates import ServerCertificate, make_node_keys, make_server_certificate


def greet(server: ServerCertificate, trusted: Path, name: str) -> bytes:
    """What a TLS client that trusts only `trusted` and asks for `name` reads from the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as stream:
                stream.sendall(b"hello")
        except (ssl.SSLError, OSError):
            raw.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=trusted)
        with (
            socket.create_connection(listener.getsockname()) as raw,
            client.wrap_socket(raw, server_hostname=name) as stream,
        ):
            return stream.recv(5)
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_client_that_trusts_the_authority_is_served(tmp_path: Path, name: str) -> None:
    made = make_server_certificate(tmp_path)
    assert greet(made, made.ca, name) == b"hello"


def test_another_name_is_refused(tmp_path: Path) -> None:
    made = make_server_certificate(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        greet(made, made.ca, "coordinator.example")


def test_another_authority_is_refused(tmp_path: Path) -> None:
    made, other = (make_server_certificate(tmp_path / name) for name in ("a", "b"))
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(made, other.ca, "localhost")


def test_files_are_for_their_owner_alone_and_the_authority_key_is_not_kept(tmp_path: Path) -> None:
    make_server_certificate(tmp_path / "tls")
    make_node_keys(tmp_path / "tls")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()}
    names = ["ca.pem", "server.key", "server.pem", "supernode", "supernode.pub"]
    assert modes == dict.fromkeys(names, 0o600)


def test_a_valid_certificate_is_kept_and_one_for_other_names_is_replaced(tmp_path: Path) -> None:
    first = make_server_certificate(tmp_path).certificate.read_bytes()
    assert make_server_certificate(tmp_path).certificate.read_bytes() == first
    other = make_server_certificate(tmp_path, ("coordinator.example", "10.1.2.3"))
    assert other.certificate.read_bytes() != first
    assert greet(other, other.ca, "coordinator.example") == b"hello"


def test_a_certificate_that_is_about_to_expire_is_replaced(tmp_path: Path) -> None:
    first = make_server_certificate(tmp_path, days=1).certificate.read_bytes()
    assert make_server_certificate(tmp_path).certificate.read_bytes() != first


def test_node_keys_are_a_p256_pair_in_the_form_of_openssh_and_are_kept(tmp_path: Path) -> None:
    made = make_node_keys(tmp_path)
    private = load_ssh_private_key(made.private.read_bytes(), None)
    public = load_ssh_public_key(made.public.read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(private.curve, ec.SECP256R1)
    assert private.public_key() == public
    before = made.private.read_bytes()
    assert make_node_keys(tmp_path).private.read_bytes() == before
