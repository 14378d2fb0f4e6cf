"""`assent irb readmit` and `challenge`: what reviewers have to say to sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.acts import Offline, Yes, require_yes, write_act
from scripts.connection import (
    CarrierKey,
    DeploymentFile,
    KeyFile,
    RoundNumber,
    Rpc,
    StudyNumber,
    connect,
    require_address,
)
from scripts.console import JsonOption, say, show_json
from scripts.keys import read_key

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from chain.chain import Chain

SiteAccount = Annotated[str, typer.Argument(help="The site's account.", metavar="SITE")]


def readmit(
    study: StudyNumber,
    site: SiteAccount,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Let a barred site take part again; one reviewer is enough.

    A site is barred when it was sealed into a round and did not deliver, or did not answer a
    challenge. Ask it why first: the bar is what makes silence cost something. What you sign names
    how often the site was barred by now: it lifts no later bar, whenever it is carried.
    """
    from chain.errors import BarsNotBarred
    from chain.messages import Readmission
    from chain.signed_act import SignedAct

    require_address("SITE", site)
    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    number = chain.ledger.barred_for(study, site)
    if number == 0:
        raise BarsNotBarred(study, site)
    signer = _reviewer(chain, study, key)
    require_yes(f"Readmit {site}, which is barred for round {number} of study {study}?", yes)
    message = Readmission(study, site, chain.ledger.times_barred(study, site))
    act = SignedAct.sign(message, chain.ledger.domain, signer)
    if offline is not None:
        write_act(act, offline)
        return
    act.carry(chain)
    if json_:
        show_json({"study": study, "site": site, "barred_for": number, "readmitted": True})
    else:
        say(f"{site} may take part in study {study} again.")


def challenge(
    study: StudyNumber,
    round_: RoundNumber,
    site: SiteAccount,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Demand that a site recomputes its part of a round that is over, on its premises.

    The site has until the time that is printed to answer. When it does not, anyone may put that on
    record, and the site takes no further part until a reviewer readmits it.
    """
    from audit.times import moment
    from chain.events import Challenged
    from chain.messages import Challenge
    from chain.signed_act import SignedAct

    require_address("SITE", site)
    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    signer = _reviewer(chain, study, key)
    require_yes(f"Demand a replay of round {round_} from {site}?", yes)
    act = SignedAct.sign(Challenge(study, round_, site, 0), chain.ledger.domain, signer)
    if offline is not None:
        write_act(act, offline)
        return
    answer_by = act.carry(chain).event(Challenged).answer_by
    if json_:
        show_json({"study": study, "round": round_, "site": site, "answer_by": answer_by})
    else:
        say(f"{site} has to answer by {moment(answer_by)}.")
        say(f"`assent study show {study}` says whether it has.")


def _reviewer(chain: Chain, study: int, key: Path) -> LocalAccount:
    from chain.errors import RegistryNotReviewer

    signer = read_key(key)
    if not chain.registry.is_reviewer(study, signer.address):
        raise RegistryNotReviewer(study, signer.address)
    return signer
