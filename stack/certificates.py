"""A private certificate authority, server certificates, and the key pairs by which Flower knows
its SuperNodes.

All keys are EC P-256 (secp256r1, FIPS 186-5); every file is readable by its owner alone.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerCertificate:
    """Paths of PEM files: the authority's certificate, the server's certificate and its private
    key.
    """

    ca: Path
    certificate: Path
    key: Path

    @property
    def flower_arguments(self) -> list[str]:
        """As Flower's SuperLink and SuperNode take them."""
        files = ["--ssl-ca-certfile", str(self.ca), "--ssl-certfile", str(self.certificate)]
        return [*files, "--ssl-keyfile", str(self.key)]


@dataclass(frozen=True)
class NodeKeys:
    """Paths of a SuperNode's key pair in OpenSSH's form: the public one is registered with the
    SuperLink.
    """

    private: Path
    public: Path


def make_server_certificate(
    folder: Path, names: tuple[str, ...] = LOCAL_NAMES, days: int = 365
) -> ServerCertificate:
    """Make an authority and a server certificate for `names` (DNS names or IP addresses) in
    `folder`.

    An existing certificate is kept while it is valid for a day more; otherwise all three files are
    made anew. The authority's key is used once and thrown away, so nothing else can ever be signed
    by it.
    """
    made = ServerCertificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if _is_valid(made, names):
        return made
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _sign(_authority("Assent local authority", ca_key), ca_key, ca_key, days)
    server = _sign(_server(names, ca, key), key, ca_key, days)
    _write(made.ca, ca.public_bytes(Encoding.PEM))
    _write(made.certificate, server.public_bytes(Encoding.PEM))
    _write(made.key, _pem(key))
    return made


def make_node_keys(folder: Path, name: str = "supernode") -> NodeKeys:
    """Make a SuperNode's key pair in `folder`, or return the one that is there."""
    made = NodeKeys(folder / name, folder / f"{name}.pub")
    if made.private.exists() and made.public.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    _write(made.private, private)
    _write(made.public, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return made


def _authority(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _server(
    names: tuple[str, ...], ca: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=ca.subject)
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
    )


def _sign(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        builder.public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    entries: list[x509.GeneralName] = []
    for name in names:
        try:
            entries.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            entries.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(entries)


def _is_valid(made: ServerCertificate, names: tuple[str, ...]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        ca = x509.load_pem_x509_certificate(made.ca.read_bytes())
        certificate.verify_directly_issued_by(ca)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    lasts = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)
    return lasts and made.key.exists() and found == _alternative_names(names)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write a file that was never readable by others, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    fresh.replace(path)
