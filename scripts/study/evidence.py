"""`assent study bundle`, `assent study block` and `assent study documents`."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import (
    LAST_VERSION,
    DeploymentFile,
    Ipfs,
    Rpc,
    StudyNumber,
    connect,
    open_store,
)
from scripts.console import BadInput, JsonOption, say, say_command, show_json, show_table
from scripts.counting import Tell, counting

if TYPE_CHECKING:
    from chain.chain import Chain
    from ipfs.objects import ObjectStore

OutFolder = Annotated[Path, typer.Argument(help="An absent or empty folder.", metavar="OUT")]


def bundle(
    study: StudyNumber,
    out: Annotated[
        Path,
        typer.Argument(help="An absent or empty folder; with --archive a new file.", metavar="OUT"),
    ],
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    archive: Annotated[
        bool, typer.Option("--archive", help="Write one file (tar), to send or keep.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Gather everything that proves a study, as of the chain's newest block.

    Prints that block's hash. `assent verify` believes the bundle only with a hash from elsewhere:
    ask two sites for theirs.
    """
    from audit.bundle import read_bundle
    from study.overview import require_study

    if archive and out.exists():
        raise BadInput(f"{out} exists; name another file")
    if not archive:
        _refuse_full(out)
    chain = connect(rpc, deployment)
    require_study(chain, study)
    with open_store(ipfs) as store, counting("Objects") as tell:
        block = "0x" + _gather(chain, store, study, out, archive, tell).hex()
    number = read_bundle(out).block_number
    if json_:
        show_json({"bundle": str(out), "block_number": number, "block_hash": block})
        return
    say(f"Wrote {out}, as of block {number}:")
    say(block)
    say(f"Ask two sites what their own nodes say: `assent study block {number}`. Then:")
    known = ["--trust-block", "HASH", "--deployment", deployment, "--study", study]
    say_command(shlex.join(map(str, ["assent", "verify", out, *known])))


def _gather(
    chain: Chain, store: ObjectStore, study: int, out: Path, archive: bool, tell: Tell
) -> bytes:
    from audit.bundle_archive import write_archive
    from study.bundle import gather_bundle

    if not archive:
        return gather_bundle(chain, store, study, out, tell)
    target = out.absolute()
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as beside:
        block = gather_bundle(chain, store, study, Path(beside, "bundle"), tell)
        packed = Path(beside, "bundle.tar")
        write_archive(Path(beside, "bundle"), packed)
        packed.rename(target)
    return block


def block(
    number: Annotated[
        int | None, typer.Argument(min=0, help="Its number; the newest without it.")
    ] = None,
    *,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Print the hash of a block as your own node has it: what a reviewer asks two sites for.

    The node's chain and contracts are checked first. Say the hash over a channel that the
    coordinator does not control.
    """
    chain = connect(rpc, deployment)
    found = chain.head()
    if number is not None and number > found.number:
        raise BadInput(
            f"your node has no block {number}: its newest is {found.number}. Check the number, or"
            " wait until the node has caught up"
        )
    if number is not None:
        found = chain.block(number)
    if json_:
        show_json({"number": found.number, "hash": "0x" + found.hash.hex()})
    else:
        say(f"0x{found.hash.hex()}")


def documents(
    study: StudyNumber,
    out: OutFolder,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    version: Annotated[
        int | None,
        typer.Option(min=1, max=LAST_VERSION, help="Which version; the newest without it."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Fetch protocol, consent texts, recipe, app and checkpoints by the hashes on the chain.

    Checkpoints are the first, and the newest if a round has closed. What IPFS gives is hashed
    before it is written.
    """
    from study.documents import fetch_for_reading
    from study.overview import require_study

    _refuse_full(out)
    chain = connect(rpc, deployment)
    chosen = version or require_study(chain, study).proposed_version
    require_study(chain, study, chosen)
    with open_store(ipfs) as store:
        files = fetch_for_reading(chain, store, study, chosen)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
    if json_:
        show_json({"version": chosen, "files": {name: len(data) for name, data in files.items()}})
        return
    rows = [(str(out / name), len(data)) for name, data in files.items()]
    show_table(f"Study {study}, version {chosen}", ("file", "bytes"), rows)


def _refuse_full(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is not an empty folder; name another one")
