"""What an installed library is, as a commitment names it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import distribution

#: Paths that leave the folder of the library itself.
_ELSEWHERE = ("../", "/")

#: Libraries that compute rows, noise and masks.
COMPUTING_LIBRARIES = ("cryptography", "numpy", "torch")


@lru_cache
def installed_library(name: str) -> dict[str, str]:
    """Its `version`, and `files`, the SHA-256 (hexadecimal) of the list of its files' hashes, as
    installed (PEP 627). Scripts and byte code differ by installer, and are left out.

    A process keeps what it read first. A fork server reads when it loads the libraries, so that a
    message names those it computes with, and none reads torch's twelve thousand lines again.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed.
    """
    found = distribution(name)
    files = sorted(
        line
        for line in (found.read_text("RECORD") or "").splitlines()
        if ",sha256=" in line
        and ".pyc," not in line
        and ".dist-info/" not in line
        and not line.startswith(_ELSEWHERE)
    )
    listed = hashlib.sha256("\n".join(files).encode()).hexdigest()
    return {"version": found.version, "files": listed}
