"""`assent site challenges`, `answer` and `record-delivery`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from scripts.acts import AskedToken
from scripts.connection import RoundNumber
from scripts.console import JsonOption, say, show_json, show_table
from scripts.site.options import Folder, existing_file, open_folder


def challenges(folder: Folder, json_: JsonOption = False) -> None:
    """List what this site is asked about rounds that are over, the most urgent first.

    Who does not answer in time is barred from the study until a reviewer readmits it.
    """
    from audit.times import moment
    from federation.app.chain_facts import chain_time
    from federation.gate.challenges import open_challenges
    from federation.gate.keys import SiteKeys
    from federation.gate.site import SiteConfig, connect

    found = open_folder(folder)
    config = SiteConfig.load(found)
    with closing(SiteKeys.open(found / "keys")) as keys:
        account = keys.public.account
    chain = connect(found, config)
    waiting = open_challenges(chain, config.study_id, account)
    now, barred = chain_time(chain), chain.ledger.barred_for(config.study_id, account)
    if json_:
        rows = [
            {
                "round": one.round_number,
                "token": str(one.token_id) if one.token_id else None,
                "asked_at": one.asked_at,
                "answer_by": one.answer_by,
                "overdue": one.answer_by <= now,
            }
            for one in waiting
        ]
        show_json({"study": config.study_id, "barred_for": barred or None, "open": rows})
        return
    show_table(
        f"Open challenges in study {config.study_id}",
        ["round", "asked for", "asked on", "answer before"],
        [
            (
                one.round_number,
                one.asks_for,
                moment(one.asked_at),
                moment(one.answer_by) + (" (too late)" * (one.answer_by <= now)),
            )
            for one in waiting
        ],
    )
    if not waiting:
        say("Nobody waits for an answer of this site.")
    if barred:
        say(f"This site is barred for round {barred}: ask a reviewer to readmit it.")


def answer(
    folder: Folder,
    round_: RoundNumber,
    file: Annotated[Path, typer.Argument(help="The answer, a file.", metavar="FILE")],
    token: AskedToken = None,
    json_: JsonOption = False,
) -> None:
    """Answer a challenge: put the SHA-256 of an answer on chain, before its time is over.

    The answer itself stays off chain: keep the file, and give it to who asked.
    """
    from federation.gate.challenges import answer_challenge
    from scripts.patient.revoking import token_number

    number = 0 if token is None else token_number(token)
    found, source = open_folder(folder), existing_file(file, "FILE")
    digest = answer_challenge(found, round_, number, source)
    if json_:
        show_json({"round": round_, "token": token, "answer": "0x" + digest.hex()})
    else:
        say(f"Answered. On the chain is sha256 {digest.hex()}; give {file} to who asked.")


def record_delivery(folder: Folder, round_: RoundNumber, json_: JsonOption = False) -> None:
    """Put this site's delivery to a sealed round on record, so that nobody can say it never came.

    A running site does so by itself shortly before the delivery deadline, when its round has not
    closed by then. The round closes with this delivery or not at all.
    """
    from federation.gate.deliveries import record_delivery as put_on_record

    digest = put_on_record(open_folder(folder), round_)
    if json_:
        show_json({"round": round_, "masked": "0x" + digest.hex()})
    else:
        say(f"On record for round {round_}: masked vector sha256 {digest.hex()}.")
