"""The options by which people's commands reach chain and IPFS, and what they open.

Each can also stand in the environment, so that it need not be typed again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scripts.console import BadInput
from scripts.deployment_file import read_deployment
from scripts.keys import journal_of, read_key

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from chain.chain import Chain
    from ipfs.objects import ObjectStore


def require_address(option: str, text: str) -> None:
    """Raises BadInput unless it is an address with its checksum."""
    from eth_utils.address import is_checksum_address

    if not is_checksum_address(text):
        raise BadInput(f"{option}: {text} is not an address with its EIP-55 checksum")


def _account(parameter: typer.CallbackParam, value: str | None) -> str | None:
    """A guardian account as it was typed. Raises BadInput."""
    if value is not None:
        option = parameter.opts[0]
        require_address(option if option.startswith("-") else "ACCOUNT", value)
    return value


Rpc = Annotated[
    str,
    typer.Option(
        metavar="URL", envvar="ASSENT_RPC", help="JSON-RPC address of a chain node you trust."
    ),
]
DeploymentFile = Annotated[
    Path,
    typer.Option(
        "--deployment",
        metavar="FILE",
        envvar="ASSENT_DEPLOYMENT",
        help="Which contracts on which chain: the deployment file, as the sites have it.",
    ),
]
MaybeRpc = Annotated[
    str | None,
    typer.Option(metavar="URL", envvar="ASSENT_RPC", help="A chain node that you trust."),
]
Ipfs = Annotated[
    str,
    typer.Option(
        metavar="MULTIADDR",
        envvar="ASSENT_IPFS",
        help="API of an IPFS node, such as /ip4/127.0.0.1/tcp/5001/http.",
    ),
]
KeyFile = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Your private key's file (mode 600).")
]
GuardianAccount = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        callback=_account,
        help="A minor's guardian account, which holds the token; --key is its acting key.",
    ),
]
Account = Annotated[
    str, typer.Argument(help="The guardian account.", metavar="ACCOUNT", callback=_account)
]
CarrierKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Key file of an account that carries the act and pays for it; --key without it.",
    ),
]
# Numbers as wide as the contracts': a token's, say, is refused as wrong usage.
LAST_STUDY: Final = 2**64 - 1
LAST_ROUND: Final = 2**32 - 1
LAST_VERSION: Final = 2**32 - 1
StudyNumber = Annotated[
    int, typer.Argument(min=1, max=LAST_STUDY, help="The study's number.", metavar="STUDY")
]
RoundNumber = Annotated[
    int, typer.Argument(min=1, max=LAST_ROUND, help="The round's number.", metavar="ROUND")
]


def connect(rpc: str, deployment: Path, key_file: Path | None = None) -> Chain:
    """The chain, after its id, genesis and contracts were checked; with a key it can also write.

    Raises:
        BadInput: an option is unusable, or the key's account has nothing to pay with.
        chain.errors.ChainError, PrivateFileUnsafe
    """
    from chain.chain import Chain

    known = read_deployment(deployment)
    account = None if key_file is None else read_key(key_file)
    try:
        chain = Chain.connect(
            rpc, known, account=account, journal=None if key_file is None else journal_of(key_file)
        )
    except ValueError as error:
        raise BadInput(str(error)) from None
    if account is not None:
        _require_funds(chain, account)
    return chain


def open_store(ipfs: str) -> ObjectStore:
    """The IPFS node's objects. Raises BadInput when the address is no multiaddress."""
    import ipfshttpclient.exceptions

    from ipfs.objects import ObjectStore

    try:
        return ObjectStore(ipfs)
    except ipfshttpclient.exceptions.AddressError:
        raise BadInput(
            f"--ipfs: {ipfs!r} is not a multiaddress such as /ip4/127.0.0.1/tcp/5001/http"
        ) from None


def _require_funds(chain: Chain, account: LocalAccount) -> None:
    if chain.w3.eth.gas_price > 0 and chain.w3.eth.get_balance(account.address) == 0:
        raise BadInput(
            f"account {account.address} has no ether to pay for a transaction; have it funded, or"
            " name another account's key with --carrier-key"
        )
