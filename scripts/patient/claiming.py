"""`assent patient claim`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile, KeyFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.keys import read_key
from scripts.service import Api, open_service


def claim(
    code: Annotated[str, typer.Argument(help="The hospital's one-time code.", metavar="CODE")],
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    api: Api,
    json_: JsonOption = False,
) -> None:
    """Answer a hospital's enrolment code with your address, and fetch the enrolment.

    Run it again once the hospital has answered. The code ties the hospital's answer to your address
    and never leaves this machine.
    """
    from study.enrolment_code import CodeInvalid, EnrolmentCode
    from study.enrolment_file import EnrolmentFile

    typed, holder = EnrolmentCode.parse(code), read_key(key).address
    chain = connect(rpc, deployment)
    path = f"/v1/enrolments/0x{typed.locator.hex()}"
    with open_service(api) as service:
        offer = service.get(path)
        claimed = typed.claim(offer["study_id"], offer["site"], holder)
        body = {"holder": holder, "claim": "0x" + claimed.hex()}
        offer = service.post(f"{path}/claim", body)
        if offer["sealed"] is None:
            if json_:
                show_json({"state": offer["state"], "study": offer["study_id"]})
            else:
                say("Claimed. The hospital has not answered yet: run this again later.")
            return
        file = EnrolmentFile.parse(typed.open(bytes.fromhex(offer["sealed"][2:])))
        if file.enrolment.holder != holder or file.domain != chain.consent.domain:
            raise CodeInvalid("the enrolment is for another address or deployment than yours")
        try:
            file.save(out)
        except FileExistsError:
            raise BadInput(f"{out} exists; name another file") from None
        service.post(f"{path}/taken", body)
    if json_:
        show_json({"state": "taken", "study": file.enrolment.study_id})
    else:
        warn(f"Wrote {out}: `assent patient read {out}` says what a consent with it would be.")
