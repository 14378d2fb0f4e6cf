"""A relayer for a service, refused while it could not do its work."""

from __future__ import annotations

from pathlib import Path

from eth_account import Account as Accounts
from eth_account.signers.local import LocalAccount
from eth_utils.exceptions import ValidationError

from api.outbox import relay_repository as repository
from api.outbox.relay_node import RelayNode
from api.outbox.relay_repository import Account
from api.outbox.relayer import Relayer
from api.service import Service


class RelayerRefused(Exception):
    """The relayer cannot start; the message says what to do."""


def start_relayer(service: Service, *, patience: float = 30.0) -> Relayer | None:
    """The relayer of a service that has a key; None when it relays nothing. `patience`: its own.

    Raises:
        RelayerRefused: no usable key, an empty account, or a database of another chain or account.
        chain.errors.ChainError: the node is away or another chain's.
    """
    path = service.settings.relayer_key
    if path is None:
        return None
    key = read_key(path)
    chain = service.node.chain()
    node = RelayNode(chain, key.address)
    account = Account(chain.deployment.genesis_hash, key.address)
    with service.sessions() as database:
        database.connection(execution_options={"reads_only": True})
        if repository.other_chain(database, account) is not None:
            raise RelayerRefused(
                "the database holds transactions of another chain; use the deployment file that"
                " belongs to it, or an empty database"
            )
        other = repository.open_of_others(database, account)
        if other is not None:
            raise RelayerRefused(
                f"the database holds transactions of {other} that are not over, and {path} is the"
                f" key of {key.address}; let the service finish with the former key first"
            )
    if node.balance() == 0:
        raise RelayerRefused(
            f"the account {key.address} of {path} has nothing to pay fees with; send it some ether"
        )
    return Relayer(service.sessions, node, key, service.clock, patience=patience)


def read_key(path: Path) -> LocalAccount:
    """The account of a key file: 0x and 64 hexadecimal digits. Raises RelayerRefused."""
    try:
        text = path.read_text(encoding="ascii").strip()
        if len(text) != 66 or not text.startswith("0x"):
            raise ValueError
        account: LocalAccount = Accounts.from_key(bytes.fromhex(text[2:]))
    except (OSError, ValueError, ValidationError):
        # Neither the text nor the error, which may repeat it.
        raise RelayerRefused(f"{path} does not hold a key: 0x and 64 hexadecimal digits") from None
    return account
