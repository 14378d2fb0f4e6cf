"""How a site's SuperNode reaches the federation's SuperLink: ``flower.json`` in the site's folder.

Everything that it names lies in the folder, so that a folder can be moved or restored elsewhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
from cryptography import x509

from chain.this_machine import is_this_machine
from federation.gate.site import SiteFolderInvalid

FLOWER_FILE = "flower.json"
CA_FILE = "ca.pem"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([0-9]{1,5})")


@dataclass(frozen=True)
class FlowerSettings:
    """Public settings.

    Attributes:
        superlink: host:port of the SuperLink.
        ca: the PEM file, in the folder, of the one authority that may vouch for it.
    """

    superlink: str
    ca: str = CA_FILE

    def __post_init__(self) -> None:
        found = _ADDRESS.fullmatch(self.superlink)
        if found is None or not 0 < int(found.group(3)) < 65536:
            raise ValueError(f"{self.superlink!r} is not HOST:PORT, such as fl.example.org:8000")
        if Path(self.ca).name != self.ca:
            raise ValueError(f"{self.ca!r} must be the name of a file in the site's folder")

    @property
    def host(self) -> str:
        """The host alone, an IPv6 address without its brackets."""
        return self.superlink.rpartition(":")[0].strip("[]")

    def save(self, folder: Path) -> None:
        """Writes ``flower.json`` in one step."""
        fresh = folder / f"{FLOWER_FILE}.part"
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(folder / FLOWER_FILE)

    @classmethod
    def load(cls, folder: Path) -> FlowerSettings:
        """Reads ``flower.json``.

        Raises:
            SiteFolderInvalid: it is missing or malformed.
        """
        path = folder / FLOWER_FILE
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            raise SiteFolderInvalid(
                f"{path} does not exist; run `assent site join` for this folder first"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise SiteFolderInvalid(f"{path} cannot be used: {error}") from error


def read_authority(path: Path) -> bytes:
    """The bytes of a PEM file that holds nothing but certificates.

    Raises:
        SiteFolderInvalid: it is missing, or holds something else (a private key, for one).
    """
    try:
        data = path.read_bytes()
        certificates = x509.load_pem_x509_certificates(data)
    except OSError as error:
        raise SiteFolderInvalid(f"{path} cannot be read: {error.strerror}") from error
    except ValueError:
        raise SiteFolderInvalid(
            f"{path} holds no PEM certificate; ask the coordinator for the SuperLink's authority"
        ) from None
    if b"PRIVATE KEY" in data:
        raise SiteFolderInvalid(f"{path} holds a private key; it must hold certificates only")
    for certificate in certificates:
        _refuse_leaf(path, certificate)
    return data


def ask_superlink(settings: FlowerSettings, ca: Path, timeout: float = 10.0) -> str:
    """Asks a SuperLink for its health over TLS, through the proxy that the environment names.

    Raises:
        ConnectionError: no connection, or its certificate is not the authority's.
    """
    with requests.Session() as session:
        # As with a chain node: a service on this machine is reached directly.
        session.trust_env = not is_this_machine(settings.host)
        url = f"https://{settings.superlink}/health"
        try:
            status = session.get(url, timeout=timeout, verify=str(ca)).status_code
        except requests.exceptions.SSLError:
            raise ConnectionError(
                f"{settings.superlink} answers, but {ca.name} does not vouch for its certificate"
            ) from None
        except requests.RequestException as error:
            raise ConnectionError(
                f"{settings.superlink} cannot be reached ({type(error).__name__})"
            ) from None
    if status != 200:
        raise ConnectionError(
            f"{settings.superlink} answers with HTTP {status}; is it a SuperLink?"
        )
    return f"{settings.superlink} answers, and its certificate is the authority's"


def _refuse_leaf(path: Path, certificate: x509.Certificate) -> None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_authority = found.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if not is_authority:
        raise SiteFolderInvalid(f"{path} holds a certificate that is no authority's")
