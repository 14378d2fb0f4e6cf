"""Where things lie in the folder of a federation on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths below one state folder (mode 0700)."""

    state: Path

    @property
    def chain(self) -> Path:
        return self.state / "chain"

    @property
    def ipfs(self) -> Path:
        return self.state / "ipfs"

    @property
    def superlink(self) -> Path:
        return self.state / "superlink"

    @property
    def coordinator(self) -> Path:
        return self.state / "coordinator"

    @property
    def people(self) -> Path:
        """Keys of sponsor, reviewers and relayer."""
        return self.state / "people"

    @property
    def app(self) -> Path:
        """The staged Flower app. Flower wants its folder's name to be a plain word."""
        return self.state / "assent-app"

    @property
    def deployment(self) -> Path:
        return self.state / "deployment.json"

    @property
    def service(self) -> Path:
        """The HTTP service's database and what it makes."""
        return self.state / "service"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def settings(self) -> Path:
        """What `assent up` chose at first and keeps."""
        return self.state / "up.json"

    @property
    def running(self) -> Path:
        """The processes that `assent up` left running."""
        return self.state / "run" / "processes.json"

    @property
    def lock(self) -> Path:
        return self.state / "run" / "lock"

    @property
    def high_water(self) -> Path:
        """The newest block that was relied on here."""
        return self.state / "high-water.db"

    @property
    def superlink_database(self) -> Path:
        return self.superlink / "superlink.db"

    @property
    def admitted(self) -> Path:
        """Ids of the SuperNodes that the SuperLink knows, by site."""
        return self.superlink / "admitted.json"

    @property
    def fork_server_socket(self) -> Path:
        return self.state / "run" / "fork-server"

    @property
    def temporary(self) -> Path:
        """Where libraries put temporary files: not in a place that everyone shares."""
        return self.state / "run" / "tmp"

    def site(self, name: str) -> Path:
        return self.state / "sites" / name

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @property
    def holds_something_else(self) -> bool:
        """Whether the folder is there and was filled by anything but `make` and what follows it.

        Raises:
            NotADirectoryError
        """
        if self.settings.is_file() or not self.state.exists():
            return False
        return not {one.name for one in self.state.iterdir()} <= {
            one.name for one in self._first_folders
        }

    def make(self) -> None:
        """Makes the folders that must exist before anything starts."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        for folder in (*self._first_folders, self.temporary):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def _first_folders(self) -> tuple[Path, ...]:
        return (
            self.people,
            self.logs,
            self.superlink,
            self.coordinator,
            self.service,
            self.state / "sites",
            self.fork_server_socket.parent,
        )
