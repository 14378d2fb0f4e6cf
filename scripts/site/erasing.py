"""`assent site erasures` and `erase-record`."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.acts import Yes, require_yes
from scripts.console import BadInput, JsonOption, say, show_json, show_table
from scripts.service import Api, open_service
from scripts.site.options import Folder, open_folder


def erasures(folder: Folder, api: Api, json_: JsonOption = False) -> None:
    """List patients who ask this site to destroy what links their record to their consents."""
    from federation.gate.erasing import waiting_erasures

    with open_service(api) as service:
        waiting = waiting_erasures(open_folder(folder), service)
    if json_:
        show_json({"waiting": waiting})
        return
    show_table(
        "Requests for erasure",
        ["request", "address", "asked", "signed"],
        [
            (one["id"], one["holder"], one["requested_at"], "yes" if one["request"] else "no")
            for one in waiting
        ],
    )
    if not waiting:
        say("Nobody waits for an erasure at this site.")


def erase_record(
    folder: Folder,
    request: Annotated[str, typer.Argument(help="As `erasures` shows it.", metavar="REQUEST")],
    api: Api,
    checked_in_person: Annotated[
        bool,
        typer.Option(
            "--checked-in-person",
            help="The request is not signed, and the patient has told this site in person.",
        ),
    ] = False,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Destroy the salt of a patient's record, for good, and confirm it with this site's signature.

    Nobody can link their consents on the chain to the record any more, and it can never be enrolled
    again. Refused while a consent still needs it, and when the patient has not signed the request.
    The record itself is the hospital's, and stays. Old backups still hold the salt: replace them.
    """
    from federation.gate.erasing import erase_record as erase
    from federation.gate.erasing import waiting_erasures

    found = open_folder(folder)
    with open_service(api) as service:
        waiting = {one["id"]: one for one in waiting_erasures(found, service)}
        if request not in waiting:
            raise BadInput(f"{request} is no request that waits; `assent site erasures` lists them")
        require_yes(f"Erase what links {waiting[request]['holder']} to a record, for good?", yes)
        records = erase(found, waiting[request], service, checked_in_person)
    if json_:
        show_json({"request": request, "erased": records})
    elif records:
        say(f"Erased: {', '.join(records)}. Confirmed to the patient.")
    else:
        say("Nothing here links this address to a record (any more). Confirmed to the patient.")
