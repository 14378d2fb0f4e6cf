"""A study's terms in plain words, for a hospital to read before it joins."""

from __future__ import annotations

from audit.privacy import RHO_UNIT, epsilon_canonne_kamath_steinke
from chain.messages import LateRevocation, Terms, rho_of_round
from study.data_use_text import (
    describe_conditions,
    describe_disease,
    describe_purposes,
)


def describe_terms(terms: Terms, site: str) -> list[tuple[str, str]]:
    """(subject, sentence) pairs; epsilon is by Canonne, Kamath and Steinke (2020), corollary 13.

    Args:
        site: this site's account, to be marked among the sites.
    """
    delta = terms.delta / RHO_UNIT
    rho = rho_of_round(terms.noise_multiplier)
    rounds = terms.rho_ceiling // rho
    epsilon = epsilon_canonne_kamath_steinke(terms.rho_ceiling / RHO_UNIT, delta)
    return [
        ("purposes", ", ".join(describe_purposes(terms.purposes))),
        ("disease", describe_disease(terms.disease)),
        ("undertakings", "\n".join(describe_conditions(terms.purposes)) or "none"),
        ("sites", "\n".join(f"{one}{' (this site)' * (one == site)}" for one in terms.sites)),
        ("coordinator", terms.coordinator),
        (
            "privacy",
            f"all rounds together cost one patient at most epsilon {epsilon:.3g} at delta"
            f" {delta:.1g}; that is room for {rounds} sealed rounds, abandoned ones included",
        ),
        ("noise", _noise(terms)),
        ("smallest cohort", f"{terms.min_cohort} patients at each site"),
        (
            "a round",
            f"{duration(terms.commit_seconds)} to commit, {duration(terms.seal_seconds)} to seal,"
            f" {duration(terms.delivery_seconds)} to deliver, {duration(terms.close_seconds)} to"
            " close",
        ),
        ("late withdrawal", _late_revocation(terms.late_revocation)),
        ("after a revocation", _waiting(terms.waiting_rounds)),
        (
            "pause",
            f"after {_abandoned(terms.max_charged_aborts)} no round opens until a reviewer has"
            " suspended the study and enough of them let it go on",
        ),
        (
            "questions to sites",
            f"for {duration(terms.challenge_seconds)} after a round's close deadline a reviewer or"
            f" a patient may ask a site about it; who does not answer within"
            f" {duration(terms.answer_seconds)} takes no further part until a reviewer readmits it",
        ),
        ("protocol", f"sha256 {terms.protocol_hash.hex()}"),
        ("consent text", f"sha256 {terms.consent_text_hash.hex()}"),
        ("impact assessment", f"sha256 {terms.dpia_hash.hex()}"),
        ("app", f"sha256 {terms.app_hash.hex()}"),
        ("recipe", f"sha256 {terms.recipe_hash.hex()}"),
    ]


def _noise(terms: Terms) -> str:
    honest = terms.min_sites - terms.tolerated_colluders
    colluders = terms.tolerated_colluders
    collude = {0: "none of them may collude", 1: "one of them may collude"}
    return (
        f"{terms.noise_multiplier / 10**6:.3g} times the most that one patient can count (the"
        f" clipping bound); made by any {honest} of at least {terms.min_sites} sites, so that"
        f" {collude.get(colluders, f'{colluders} of them may collude')}"
    )


def _abandoned(number: int) -> str:
    if number == 1:
        return "one sealed round that was abandoned"
    return f"{number} sealed rounds that were abandoned"


def _late_revocation(policy: LateRevocation) -> str:
    if policy == LateRevocation.ABANDON:
        return "a round whose patient withdraws after the seal is abandoned and run again"
    return "a round whose patient withdraws after the seal goes on; the withdrawal is recorded"


def _waiting(rounds: int) -> str:
    if rounds == 0:
        return "a record may be granted anew at once"
    counted = "one round" if rounds == 1 else f"{rounds} rounds"
    return f"a record sits out {counted} before it may be granted anew"


def duration(seconds: int) -> str:
    """Seconds as people say them: in the largest unit that divides them."""
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{seconds} s"
