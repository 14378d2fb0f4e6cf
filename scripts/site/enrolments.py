"""`assent site enrolments`, and the one-time codes of `assent site enrol --code`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import BadInput, JsonOption, say, show_json, show_table
from scripts.exit_codes import REFUSED
from scripts.service import Api, open_service
from scripts.site.options import Folder, open_folder

if TYPE_CHECKING:
    from study.enrolment_code import EnrolmentCode


def enrolments(
    folder: Folder,
    api: Api,
    collect: Annotated[
        bool, typer.Option("--collect", help="Answer those who have used their code.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """List the codes that this site has offered; with --collect, enrol who has used theirs.

    The service cannot put an address of its own in a patient's place: each claim is verified with
    the code, which the service has never seen. A claim that was not made with the code is void.
    """
    from federation.gate.enrolment_codes import collect as collect_claims
    from federation.gate.enrolment_codes import offers

    found = open_folder(folder)
    with open_service(api) as service:
        if not collect:
            rows = offers(found, service)
            if json_:
                show_json({"offers": rows})
                return
            shown = [(r["record"], r["state"], r["holder"] or "", r["expires_at"]) for r in rows]
            show_table("Enrolment codes", ["record", "state", "address", "good until"], shown)
            if not rows:
                say("No code of this site is waiting.")
            return
        done = collect_claims(found, service)
    if json_:
        show_json({"enrolled": [vars(one) for one in done]})
    else:
        for one in done:
            if one.holder is None:
                say(
                    f"{one.record_id}: the claim was NOT made with the code and is void. Give the"
                    " patient another code, and tell the coordinator.",
                    style="bold red",
                )
            else:
                say(f"{one.record_id}: enrolled {one.holder}.")
        say(f"{sum(one.holder is not None for one in done)} patients are enrolled.")
    if any(one.holder is None for one in done):
        raise typer.Exit(REFUSED)


def give_code(
    folder: Path, record_id: str, days: int, hours: int, api: str | None, qr: Path | None
) -> None:
    """Makes a code for a record, offers it at the service and shows it."""
    from federation.gate.enrolment_codes import offer

    if api is None:
        raise BadInput("--code needs --api: the service through which the patient answers")
    if qr is not None and qr.exists():
        raise BadInput(f"{qr} exists; name another file")
    with open_service(api) as service:
        code = offer(folder, record_id, days, hours, service)
        _show(code, service.origin, hours, qr)


def _show(code: EnrolmentCode, origin: str, hours: int, qr: Path | None) -> None:
    import segno

    made = segno.make(code.link(origin), error="m", micro=False)
    say(code.text)
    if qr is not None:
        made.save(str(qr), scale=8)
        qr.chmod(0o600)
        say(f"Wrote {qr}.")
    elif sys.stdout.isatty():
        made.terminal(compact=True)
    say(f"Show it to this patient alone. It works once, within {hours} hours; then run")
    say("`assent site enrolments FOLDER --collect`.")
