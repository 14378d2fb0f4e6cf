"""A study's terms in plain words, for a hospital to read before it joins."""

from __future__ import annotations

from chain.messages import LateRevocation, Purpose, Terms, rho_of_round
from federation.app.privacy import RHO_UNIT, epsilon_canonne_kamath_steinke

_FIRST_ACT = 48  # purposes below are DUO terms (chain.purposes)


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
            f"{terms.commit_seconds} s to commit, {terms.seal_seconds} s to seal,"
            f" {terms.delivery_seconds} s to deliver, {terms.close_seconds} s to close",
        ),
        ("late withdrawal", _late_revocation(terms.late_revocation)),
        ("protocol", f"sha256 {terms.protocol_hash.hex()}"),
        ("consent text", f"sha256 {terms.consent_text_hash.hex()}"),
        ("app", f"sha256 {terms.app_hash.hex()}"),
        ("recipe", f"sha256 {terms.recipe_hash.hex()}"),
    ]


def describe_purposes(purposes: int) -> list[str]:
    """Each purpose of a bitmap in words, with its DUO code where it has one."""
    words = []
    for bit in range(64):
        if purposes >> bit & 1:
            known = Purpose(1 << bit).name
            name = known.lower().replace("_", " ") if known else f"purpose {bit}"
            words.append(name if bit >= _FIRST_ACT else f"{name} (DUO:{bit:07d})")
    return words


def _noise(terms: Terms) -> str:
    honest = terms.min_sites - terms.tolerated_colluders
    return (
        f"{terms.noise_multiplier / 10**6:.3g} times the clipping bound, made by any {honest} of at"
        f" least {terms.min_sites} sites; up to {terms.tolerated_colluders} sites may collude"
    )


def _late_revocation(policy: LateRevocation) -> str:
    if policy == LateRevocation.ABANDON:
        return "a round whose patient withdraws after the seal is abandoned and run again"
    return "a round whose patient withdraws after the seal goes on; the withdrawal is recorded"
