"""Who may do what here, by the contracts alone; everybody else is told that there is nothing."""

from __future__ import annotations

from api.problems import NotFound
from api.signin.caller import Caller
from chain.chain import Chain


def require_reviewer(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound unless the caller has a seat in the study's committee."""
    if not chain.registry.is_reviewer(study_id, caller.address):
        raise NotFound


def is_site(chain: Chain, study_id: int, address: str) -> bool:
    """Whether the newest or the ruling version names the account as a site."""
    study = chain.registry.study(study_id)
    versions = {study.current_version, study.proposed_version} - {0}
    return any(chain.registry.is_site(study_id, one, address) for one in versions)


def is_coordinator(chain: Chain, study_id: int, address: str) -> bool:
    """Whether the account opens the study's rounds, or would under the newest version."""
    study = chain.registry.study(study_id)
    versions = {study.current_version, study.proposed_version} - {0}
    rules = (chain.registry.round_rules(study_id, one) for one in versions)
    return any(one.coordinator == address for one in rules)


def require_part(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound unless the caller reviews, sponsors, coordinates or is a site of a study."""
    has_part = (
        chain.registry.is_reviewer(study_id, caller.address)
        or chain.registry.study(study_id).sponsor == caller.address
        or is_coordinator(chain, study_id, caller.address)
        or is_site(chain, study_id, caller.address)
    )
    if not has_part:
        raise NotFound
