"""What the gate answers, and how a refusal looks to Flower."""

from dataclasses import dataclass
from pathlib import Path

from federation.gate.fork_server.compiled import CompiledApp


class GateRefused(Exception):
    """The site's gate refuses the app. Raised by the gate function, `decide(app_dir, fab_hash)`.

    Attributes
    ----------
    code: a fixed upper-case code, such as `NOT_APPROVED`. Stays in the site's log.
    message: what was refused and what to do, with no personal data. Stays in the site's log.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Admission:
    """The gate's yes to one app.

    Attributes
    ----------
    app_dir: absolute folder of the installed app.
    fab_hash: SHA-256 (hex) of the FAB that the folder's files make.
    file_hashes: SHA-256 (hex) of every file, by POSIX path relative to `app_dir`.
    compiled: the site's own byte code of those files, where it has some.
    """

    app_dir: Path
    fab_hash: str
    file_hashes: dict[str, str]
    compiled: CompiledApp | None = None
