"""`assent study replay-draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile
from scripts.console import BadInput, JsonOption, say, show_json, show_table
from scripts.known_contracts import KnownStudy
from scripts.proven_history import proven_history
from scripts.trusted_block import TrustBlock, hash_of


def replay_draw(
    bundle: Annotated[Path, typer.Argument(help="The bundle: its folder, or its one file.")],
    block: Annotated[
        int,
        typer.Option(
            min=1, metavar="NUMBER", help="The block that was named before anybody knew its hash."
        ),
    ],
    block_hash: Annotated[
        str, typer.Option("--hash", metavar="HASH", help="Its hash, best learned from two sites.")
    ],
    deployment: DeploymentFile,
    trust_block: TrustBlock = "",
    study: KnownStudy = None,
    count: Annotated[
        int, typer.Option(min=1, help="How many contributions to draw, all different.")
    ] = 1,
    json_: JsonOption = False,
) -> None:
    """Draw which site is to replay which round, by a rule that nobody can steer.

    Name a block that does not exist yet, where all can read it; when it is there, its hash decides
    among the contributions that were sealed before it. Whoever repeats this draws the same. The
    bundle has to reach that block, and to hold for --trust-block.
    """
    from audit.replay_draw import draw_replays, sealed_contributions

    digest = hash_of(block_hash, "--hash")
    if digest is None:
        raise BadInput("--hash: name the block's hash; `assent study block` says what a node has")
    held, state = proven_history(bundle, trust_block, deployment, study)
    if held.block_number < block:
        raise BadInput(
            f"{bundle} ends with block {held.block_number}: gather one that reaches block {block},"
            " or what was sealed in between would not be drawn from"
        )
    if held.block_number == block and held.block_hash != digest:
        raise BadInput(f"{bundle} ends with block {block}, of hash 0x{held.block_hash.hex()}")
    among = sealed_contributions(state, block)
    contracts = held.contracts
    drawn = draw_replays(
        among, contracts.chain_id, contracts.ledger, held.study, block, digest, count
    )
    if json_:
        show_json(
            {
                "study": held.study,
                "block": block,
                "among": len(among),
                "drawn": [{"round": number, "site": site} for number, site in drawn],
            }
        )
        return
    show_table(
        f"Drawn by block {block} among {len(among)} sealed contributions",
        ("round", "site"),
        drawn,
    )
    for number, site in drawn:
        say(f"Ask for it on chain: assent irb challenge {held.study} {number} {site} ...")
    if not drawn:
        say(f"No round was sealed before block {block}: there is nothing to draw.")
