"""A site as the registry has it, and the call with which it registers itself."""

from __future__ import annotations

from sqlalchemy.orm import Session

from api.blocks import BlockShown
from api.index.state import study_state
from api.sites import repository
from api.sites.models import (
    SiteInStudy,
    SiteTold,
    UnsignedCall,
    WantedRegistration,
    WantedRotation,
    WantedSiteCall,
)
from audit.consent_state import StudyState
from audit.times import moment
from chain.chain import Chain


def site_told(database: Session, chain: Chain, address: str, as_of: BlockShown) -> SiteTold:
    """An account as a site; one that never registered is told as such. Raises ChainError."""
    known = chain.registry.site(address)
    registered = known.registered_at != 0
    words = (
        f"Registered since {moment(known.registered_at)}."
        if registered
        else "Not registered: no terms can name it. `assent site keys FOLDER --register` does so."
    )
    states = (study_state(database, one) for one in repository.studies_naming(database, address))
    return SiteTold(
        address=address,
        registered=registered,
        registered_at=known.registered_at or None,
        enrolment_key=known.enrolment_key if registered else None,
        noise_secret_hash="0x" + known.noise_secret_hash.hex() if registered else None,
        words=words,
        studies=[_in_study(state, address) for state in states],
        as_of=as_of,
    )


def _in_study(state: StudyState, site: str) -> SiteInStudy:
    history, standing = state.history, state.standing
    ruling = standing.current_version if standing else 0
    in_force = bool(ruling) and site in history.versions[ruling].terms.sites
    newest = site in history.versions[max(history.versions)].terms.sites
    barred = state.barred_for(site)
    if barred:
        words = f"Barred for round {barred}: it takes no part until a reviewer readmits it."
    elif in_force:
        words = "The version in force names it; it takes part."
    elif newest:
        words = "The newest version names it, which is not in force."
    else:
        words = "Only an earlier version named it."
    return SiteInStudy(
        study_id=history.study_id,
        in_force=in_force,
        newest_version=newest,
        barred_for=barred,
        times_barred=state.times_barred(site),
        words=words,
    )


def unsigned_call(chain: Chain, account: str, wanted: WantedSiteCall) -> UnsignedCall:
    """The transaction that the account itself has to send, tried on the newest block.

    Raises:
        chain.errors.ChainError: the registry's refusal among them.
    """
    registry = chain.registry
    match wanted:
        case WantedRegistration(enrolment_key=key, noise_secret_hash=text):
            data = registry.call_data("registerSite", key, bytes.fromhex(text[2:]))
            command = "assent site keys FOLDER --register"
            words = [
                f"{account} registers as a site; terms can name it from then on.",
                f"{key} signs its enrolments, and can be replaced.",
                "The hash of its noise secret can never be changed: a lost folder without a backup"
                " is a lost site.",
            ]
        case WantedRotation(enrolment_key=key):
            data = registry.call_data("rotateEnrolmentKey", key)
            command = "assent site keys FOLDER --rotate-enrolment-key"
            words = [
                f"{key} signs the enrolments of {account} from then on.",
                "Enrolments that were handed out and not used become void.",
            ]
    call = {"from": account, "to": registry.address, "data": "0x" + data.hex()}
    gas = int(chain.w3.eth.estimate_gas(call, "latest"))  # type: ignore[arg-type]
    words.append(
        "The contract takes the sender for the site, so the site's own account sends this and pays"
        " for it; nobody else can."
    )
    return UnsignedCall(
        **{"from": account},
        to=registry.address,
        data="0x" + data.hex(),
        chain_id=chain.deployment.chain_id,
        gas=gas,
        words=words,
        command=command,
    )
