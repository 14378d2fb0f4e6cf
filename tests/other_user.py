"""Commands run as another Unix user, who sees nothing of this checkout and has an own home.

The user is a number without an account and without groups. Its commands run in a private mount
namespace: the checkout is covered, and so is every folder on the way to the interpreter that other
users may not enter (root's home, often); the interpreter and the virtual environment are bound back
in, read-only. Nothing outside the namespace changes.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.binaries import ROOT
from tests.hospital import Answer

_PROGRAMS = ("unshare", "setpriv", "mount", "env", "bash")
_FIRST_UID = 61_000

# Names what this user can open or list; whatever fails otherwise than by permission counts, too.
_OPENABLE = """
import os, sys
for path in sys.stdin.read().split("\\0"):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except (PermissionError, FileNotFoundError):
        continue
    except OSError:
        pass
    print(path)
"""


def why_not() -> str | None:
    """Why this machine cannot run commands as another user, and what it takes; None when it can."""
    if os.geteuid() != 0:
        return "only root can become another user: run this test as root (in a container, say)"
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"{', '.join(missing)} not found: install util-linux and coreutils"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if done.returncode:
        return (
            f"no private mount namespace can be made ({done.stderr.strip()}): it takes"
            " CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN --security-opt apparmor=unconfined)"
        )
    return None


@dataclass(frozen=True)
class OtherUser:
    """One of them; `home` (mode 0700) is its own, `held` an empty folder to mount in."""

    uid: int
    home: Path
    held: Path

    @property
    def installation(self) -> Path:
        """Where `install` puts the project's packages."""
        return self.home / "installation"

    def run(
        self, argv: Sequence[str | Path], *, given: str | None = None, timeout: float = 240.0
    ) -> Answer:
        """Run a program in the home; `given` is its standard input."""
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", self._script(), "-", *map(str, argv)],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def assent(self, *arguments: object) -> Answer:
        """Run one `assent` command of the installed packages."""
        return self.run([sys.executable, "-P", "-m", "scripts.main", *map(str, arguments)])

    def install(self, wheel: Path) -> None:
        """Install the project from a wheel into the home; its libraries are the environment's."""
        mine = self.receive(wheel)
        uv = Path(sys.executable).parent / "uv"
        options: list[str | Path] = [
            "--offline",
            "--no-cache",
            "--no-deps",
            "--target",
            self.installation,
        ]
        done = self.run([uv, "pip", "install", "--python", sys.executable, *options, mine])
        assert done.code == 0, done
        mine.unlink()

    def receive(self, path: Path) -> Path:
        """A copy of a file of ours in the home, as if carried there."""
        mine = self.home / path.name
        shutil.copyfile(path, mine)
        os.chown(mine, self.uid, self.uid)
        mine.chmod(0o600)
        return mine

    def openable(self, paths: Iterable[Path]) -> list[Path]:
        """Those of the paths that this user can open (files) or list (folders)."""
        given = "\0".join(map(str, paths))
        done = self.run([sys.executable, "-I", "-S", "-c", _OPENABLE], given=given)
        assert done.code == 0, done
        return [Path(line) for line in done.out.splitlines()]

    def processes(self) -> list[psutil.Process]:
        """All of its processes that have not ended."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess):
                ended = process.status() == psutil.STATUS_ZOMBIE
                if self.uid in process.uids() and not ended:
                    found.append(process)
        return found

    def _script(self) -> str:
        base = Path(sys.base_prefix)
        links = [Path(sys.executable).parent / Path(sys.executable).readlink()]
        programs = [Path(sys.prefix), base, base.resolve(), *(one.parents[1] for one in links)]
        needed = list(dict.fromkeys([*programs, self.home]))
        closed = {folder for path in needed for folder in _closed_above(path)}
        covered = closed if closed & set(ROOT.parents) else closed | {ROOT}
        lines = ["set -e", _line("mount", "-t", "tmpfs", "tmpfs", self.held)]
        for number, path in enumerate(needed):
            lines.append(_line("mkdir", self.held / str(number)))
            lines.append(_line("mount", "--rbind", path, self.held / str(number)))
        for folder in covered:
            lines.append(_line("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder))
        for number, path in enumerate(needed):
            if any(path.is_relative_to(folder) for folder in covered):
                lines.append(_line("mkdir", "-p", path))
                lines.append(_line("mount", "--rbind", self.held / str(number), path))
                if path != self.home:
                    lines.append(_line("mount", "-o", "remount,bind,ro", path))
        lines += [_line("umount", "-R", "-l", self.held), _line("cd", self.home), "umask 022"]
        identity = ["--reuid", self.uid, "--regid", self.uid, "--clear-groups", "--no-new-privs"]
        environment = {
            "HOME": self.home,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": self.installation,
        }
        settings = [f"{name}={value}" for name, value in environment.items()]
        lines.append(_line("exec", "setpriv", *identity, "env", "-i", *settings) + ' "$@"')
        return "\n".join(lines)


@contextmanager
def other_user() -> Iterator[OtherUser]:
    """A user whose id nobody has; at the end its processes are killed and its home is deleted."""
    taken = {one.pw_uid for one in pwd.getpwall()}
    for process in psutil.process_iter(["uids"]):
        taken.update(process.info["uids"] or ())
    uid = next(number for number in range(_FIRST_UID, 2**16) if number not in taken)
    place = Path(tempfile.mkdtemp(prefix="assent-user-"))
    try:
        place.chmod(0o755)
        user = OtherUser(uid, place / "home", place / "held")
        user.held.mkdir()
        user.home.mkdir(mode=0o700)
        os.chown(user.home, uid, uid)
        yield user
    finally:
        left = user.processes()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)
        shutil.rmtree(place)


def _closed_above(path: Path) -> Iterator[Path]:
    """The topmost folder above a path that other users may not enter, if there is one."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & 0o001:
            yield folder
            return


def _line(*words: object) -> str:
    return shlex.join(map(str, words))
