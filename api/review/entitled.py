"""Who may ask for work that costs something: whoever has a part in the study."""

from __future__ import annotations

from api.problems import NotFound
from api.roles.roles import is_coordinator, is_reviewer, is_site, is_sponsor
from api.signin.caller import Caller
from chain.chain import Chain


def require_part(chain: Chain, study_id: int, caller: Caller) -> None:
    """Raises NotFound unless the caller reviews, sponsors, coordinates or is a site of a study."""
    parts = (is_reviewer, is_sponsor, is_coordinator, is_site)
    if not any(part(chain, study_id, caller.address) for part in parts):
        raise NotFound
