"""`assent patient challenge`."""

from __future__ import annotations

from scripts.acts import Offline, Yes, require_yes, write_act
from scripts.connection import CarrierKey, DeploymentFile, KeyFile, RoundNumber, Rpc, connect
from scripts.console import JsonOption, say, show_json
from scripts.patient.revoking import TokenId, signed_by_holder, token_number


def challenge(
    token: TokenId,
    round_: RoundNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Ask the hospital for a receipt: proof that your record was, or was not, in a round.

    Also after you have revoked. The hospital has until the time that is printed; when it does not
    answer, anyone may put that on record, and it takes no further part until a reviewer lets it.
    Who looks at the chain sees that you asked, as they see your consent.
    """
    from audit.times import moment
    from chain.events import Challenged
    from chain.messages import Challenge, split_token_id

    number = token_number(token)
    study, site, _ = split_token_id(number)
    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    act = signed_by_holder(
        chain, number, key, Challenge(study, round_, site, number), chain.ledger.domain
    )
    require_yes(f"Ask hospital {site} about round {round_}?", yes)
    if offline is not None:
        write_act(act, offline)
        return
    answer_by = act.carry(chain).event(Challenged).answer_by
    if json_:
        show_json({"token": token, "round": round_, "site": site, "answer_by": answer_by})
        return
    say(f"The hospital has to answer by {moment(answer_by)}. `assent study show {study}` says")
    say("whether it has, with the SHA-256 of its answer; the answer itself it gives to you.")
