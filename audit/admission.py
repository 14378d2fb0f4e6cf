"""Which tokens enter a cohort, and why the others do not: by chain facts alone.

The site that admits and the verifier that is shown a cohort call the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from audit.cohort import Status
from audit.data_use import permits
from chain.messages import Terms

if TYPE_CHECKING:  # a site that admits replays no history
    from audit.consent_state import StudyState


class Consented(Protocol):
    """The part of a grant that admission depends on; times in seconds since 1970."""

    @property
    def purposes(self) -> int: ...

    @property
    def disease(self) -> int: ...

    @property
    def use_start(self) -> int: ...

    @property
    def use_end(self) -> int: ...


def refusal(
    consent: Consented,
    version: int,
    is_revoked: bool,
    purposes: int,
    disease: int,
    now: int,
    until: int,
    consent_version: int,
) -> Status:
    """Why a token that the chain does not call active is refused, the strongest reason first.

    BARRED when nothing is wrong with the token itself: its study is suspended, or approved for
    less long than the round may last.

    Args:
        version: that it was granted under; those before ``consent_version`` do not count.
        purposes, disease: what is asked for, as in `Terms`.
        now, until: from when to when it must be active: the block's time and the close deadline,
            seconds since 1970.
    """
    if is_revoked:
        return Status.REVOKED
    if version < consent_version:
        return Status.OLD_VERSION
    if not permits(consent.purposes, consent.disease, purposes, disease):
        return Status.OTHER_PURPOSE
    if until >= consent.use_end:
        return Status.EXPIRED
    if now < consent.use_start:
        return Status.NOT_YET_BEGUN
    return Status.BARRED


def statuses_at(then: StudyState, site: str, terms: Terms, until: int) -> list[Status]:
    """The status of every token of a site, by index, as of a block: admitted when active at the
    block's time and still at ``until``, the round's close deadline (s).

    ``then``: `StudyState.state_at` of that block and its time.
    """
    active = set(then.active_indices(site, terms.purposes, then.time))
    active &= set(then.active_indices(site, terms.purposes, until))
    standing = then.standing
    least = standing.consent_version if standing else 0
    return [
        Status.ADMITTED
        if token.index in active
        else refusal(
            token.grant,
            token.version,
            token.revoked is not None and token.revoked.position < then.events,
            terms.purposes,
            terms.disease,
            then.time,
            until,
            least,
        )
        for token in then.tokens(site)
    ]
