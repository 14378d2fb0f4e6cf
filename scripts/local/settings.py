"""What the first `assent up` of a state folder chose, and every later one keeps: ``up.json``.

Ports are kept because addresses with them stand in the sites' and the coordinator's settings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stack.ports import HOST, free_port, is_free

GETH, HARDHAT = "geth", "hardhat"
DEFAULT_SITES = 5
FEWEST_SITES = 2
_SCHEMA = "assent-up-1"


class StateRefused(Exception):
    """What was asked does not fit to the state folder. The message says what to do."""


class PortTaken(Exception):
    """A kept port is in use by something else. The message names both."""


@dataclass(frozen=True)
class Settings:
    """Choices that hold for as long as the state folder is used.

    Attributes:
        chain: "geth", "hardhat" or the address of a running node.
        sites: one name a site.
        ports: TCP ports on 127.0.0.1, by what listens there.
        deployer_key: path of the key that deploys on somebody else's chain; None on our own.
        confirmations: blocks on top of one until it is final (0: at once).
    """

    chain: str
    sites: tuple[str, ...]
    ports: Mapping[str, int]
    deployer_key: str | None = None
    confirmations: int = 0

    @property
    def is_external(self) -> bool:
        """Whether the chain's node is somebody else's."""
        return self.chain not in (GETH, HARDHAT)

    def save(self, path: Path) -> None:
        """Writes the file (0600: a node's address may carry an access key) in one step."""
        fresh = path.with_name(path.name + ".part")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"schema": _SCHEMA, **asdict(self)}, file, indent=2)
            file.write("\n")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Reads the file.

        Raises:
            StateRefused: it is not ours or damaged.
            FileNotFoundError: there is none.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            if value.pop("schema") != _SCHEMA:
                raise ValueError(f"its schema is not {_SCHEMA}")
            return cls(**value | {"sites": tuple(value["sites"])})
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StateRefused(
                f"{path} cannot be used ({error}); restore it, or name another --state"
            ) from error


def settled(
    path: Path,
    chain: str | None,
    sites: int | None,
    deployer_key: Path | None,
    confirmations: int | None,
) -> Settings:
    """The kept settings; chosen now, from what was asked, when there are none yet.

    Args:
        path: ``up.json``.
        chain, sites, deployer_key, confirmations: as asked, None where nothing was.

    Raises:
        StateRefused: something was asked that differs from what was kept.
    """
    asked = {
        "--chain": chain,
        "--sites": sites,
        "--deployer-key": None if deployer_key is None else str(deployer_key.absolute()),
        "--confirmations": confirmations,
    }
    try:
        kept = Settings.load(path)
    except FileNotFoundError:
        return _chosen(path, asked)
    held = {
        "--chain": kept.chain,
        "--sites": len(kept.sites),
        "--deployer-key": kept.deployer_key,
        "--confirmations": kept.confirmations,
    }
    for option, value in asked.items():
        if value is not None and value != held[option]:
            raise StateRefused(
                f"{path.parent} was made with {option} {held[option]}, which cannot change: leave "
                f"{option} out, or name another --state for {value}"
            )
    return kept


def _chosen(path: Path, asked: Mapping[str, str | int | None]) -> Settings:
    chain = str(asked["--chain"] or GETH)
    names = tuple(f"site-{n + 1}" for n in range(int(asked["--sites"] or DEFAULT_SITES)))
    own = chain in (GETH, HARDHAT)
    if not own and not chain.startswith(("http://", "https://")):
        raise StateRefused(f"--chain {chain}: say geth, hardhat or a node's http(s) address")
    if own and asked["--deployer-key"]:
        raise StateRefused("--deployer-key is for somebody else's chain (--chain URL)")
    if not own and not asked["--deployer-key"]:
        raise StateRefused(f"--chain {chain} needs --deployer-key PATH: who deploys there?")
    services = (["chain"] if own else []) + ["ipfs", "ipfs-gateway", "superlink", "service", *names]
    made = Settings(
        chain,
        names,
        {service: free_port() for service in services},
        None if own else str(asked["--deployer-key"]),
        int(asked["--confirmations"] or 0),
    )
    made.save(path)
    return made


def refuse_taken_ports(settings: Settings, path: Path) -> None:
    """Raises PortTaken when something listens on a kept port; call it while none of ours runs."""
    taken = [(name, port) for name, port in settings.ports.items() if not is_free(port)]
    if taken:
        shown = ", ".join(f"{port} ({name})" for name, port in taken)
        raise PortTaken(
            f"Port {shown} of {HOST} is in use by another program. {path} keeps it for this "
            "state, because the sites' settings name it: stop that program, then run "
            "`assent up` again"
        )
