"""Terms made by hand, for what needs their numbers alone."""

from __future__ import annotations

from typing import Any

from chain.messages import LateRevocation, Terms

SITES = tuple(f"0x{number:040x}" for number in range(1, 6))


def made_terms(**changes: Any) -> Terms:
    """A noise multiplier of 1.5 and a clipping norm of 2^20 grid steps; `changes` replace."""
    nothing = b"\0" * 32
    values: dict[str, Any] = {
        "protocol_hash": nothing,
        "consent_text_hash": nothing,
        "dpia_hash": nothing,
        "app_hash": nothing,
        "recipe_hash": nothing,
        "initial_checkpoint": nothing,
        "purposes": 1,
        "disease": 0,
        "coordinator": SITES[0],
        "sites": SITES,
        "min_cohort": 5,
        "min_sites": 4,
        "tolerated_colluders": 1,
        "vector_length": 60,
        "fraction_bits": 20,
        "clipping_norm": 1 << 20,
        "noise_multiplier": 1_500_000,
        "delta": 10**13,
        "rho_ceiling": 2 * 10**18,
        "commit_seconds": 60,
        "seal_seconds": 60,
        "delivery_seconds": 60,
        "close_seconds": 60,
        "challenge_seconds": 60,
        "answer_seconds": 60,
        "waiting_rounds": 1,
        "max_charged_aborts": 3,
        "late_revocation": LateRevocation.ABANDON,
    }
    return Terms(**(values | changes))
