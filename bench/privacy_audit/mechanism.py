"""The mechanism under audit: what a coordinator sees of rounds, by the code that makes them.

`federation.app.learning.meta_gradient`, `audit.codec`, the keyed discrete Gaussians of
`federation.app.noise` with the variance of `audit.privacy`, and `audit.update`; every site's
patients in one place, as in `federation.planning.pooled`. Masks are left out: they cancel in the
sum, which the coordinator sees. The auditor is the strongest that the claim is about: it knows
every other record, the noise of t colluding sites (so only m - t shares are drawn), and the sum of
every sealed attempt, of abandoned ones too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np

from audit.checkpoint import Checkpoint, initial
from audit.codec import MAX_CLIPPING_NORM, clip_and_encode, sum_rows
from audit.privacy import NOISE_MULTIPLIER_UNIT, noise_multiplier_for, site_variance
from audit.recipe import Recipe
from audit.update import apply_round
from federation.app.learning.meta_gradient import meta_gradients
from federation.app.noise import draw, noise_key
from federation.planning.pooled import FRACTION_BITS
from twin.protocol import TwinModel
from twin.series import PatientSeries

NOISE_SITES, COLLUDERS = 3, 1
_LEDGER = "0x" + "11" * 20


class Fault(StrEnum):
    """A mechanism broken on purpose. An audit that does not notice has no power."""

    NONE = "as it is"
    SMALL_NOISE = "noise 10 times too small"
    NO_CLIPPING = "clipping left out"
    SAME_NOISE_EACH_ATTEMPT = "noise reused between attempts"
    SAME_NOISE_EACH_ROUND = "noise reused between rounds"


@dataclass(frozen=True)
class Attempt:
    """One sealed attempt at a round. ``canary``: what its contribution is multiplied by, 0.0 when
    it was withdrawn in between; ``closes``: whether the checkpoint moves on.
    """

    round: int
    attempt: int = 1
    canary: float = 1.0
    closes: bool = True


def closed_rounds(rounds: int, alternating: bool = False) -> list[Attempt]:
    """Rounds that all close; with ``alternating``, the canary turns its gradient each time."""
    return [Attempt(r, canary=-1.0 if alternating and r % 2 else 1.0) for r in range(rounds)]


def rerun_rounds(rounds: int) -> list[Attempt]:
    """Rounds that are each abandoned once, as the canary withdrew, and run again without it."""
    half = range(rounds // 2)
    return [a for r in half for a in (Attempt(r, 1, 1.0, False), Attempt(r, 2, 0.0))]


@dataclass(frozen=True)
class Terms:
    """What the functions under audit read of a study's terms."""

    clipping_norm: int
    noise_multiplier: int
    vector_length: int
    fraction_bits: int = FRACTION_BITS
    min_sites: int = NOISE_SITES + COLLUDERS
    tolerated_colluders: int = COLLUDERS


@dataclass(frozen=True)
class Transcript:
    """What the auditor has. ``seen`` float [attempts, D]: each attempt's sum less the known
    records; ``canaries`` float [attempts, k, D]: what each canary adds when it is in. Units of C.
    """

    seen: np.ndarray
    canaries: np.ndarray


@dataclass(frozen=True)
class Mechanism:
    """A study of ``rounds`` sealed attempts that together claim (epsilon, delta)."""

    model: TwinModel
    recipe: Recipe
    clip_norm: float
    epsilon: float
    delta: float
    rounds: int
    fault: Fault = Fault.NONE
    terms: Terms = field(init=False)
    _first: dict[tuple[int, ...], tuple[list[PatientSeries], np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        multiplier = noise_multiplier_for(self.epsilon, round(self.delta * 10**18), self.rounds)
        steps = round(self.clip_norm * 2**FRACTION_BITS)
        object.__setattr__(self, "terms", Terms(steps, multiplier, self.recipe.size))

    @property
    def mu(self) -> float:
        """Of the Gaussian mechanism that the claimed rounds amount to: sqrt(rounds) / sigma."""
        sigma = self.terms.noise_multiplier / NOISE_MULTIPLIER_UNIT
        return float(np.sqrt(self.rounds)) / sigma

    def run(
        self,
        others: Sequence[PatientSeries],
        records: Sequence[PatientSeries],
        gradients: Callable[[int], np.ndarray] | None,
        present: np.ndarray,
        attempts: Sequence[Attempt],
        secret: bytes,
    ) -> Transcript:
        """One study, run through.

        ``records``: canaries that are records; or ``gradients``: of an attempt's place, canaries
        that are gradients before clipping, float [k, D]. ``present`` bool [k]: which are in. A
        canary that is out counts and adds zero, as the claim's neighbours do. ``secret``: 32 bytes
        that all noise comes from.
        """
        scale = np.array(self.recipe.gradient_scale)
        checkpoint = initial(self.model.initial_prior(), self.model.prior_layout, self.model.name)
        seen, added = [], []
        for place, attempt in enumerate(attempts):
            rows = self._gradients(checkpoint, [*others, *records]) * scale
            own = rows[len(others) :] if gradients is None else gradients(place)
            known = sum_rows(self._encode(rows[: len(others)]))
            canaries = self._encode(attempt.canary * own)
            total = known + sum_rows(canaries[present]) + self._noise(attempt, secret)
            seen.append((total - known) / self.terms.clipping_norm)
            # What the auditor looks for is what the approved code would add.
            clipped = clip_and_encode(own, self.terms.clipping_norm, FRACTION_BITS)
            added.append(attempt.canary * clipped / self.terms.clipping_norm)
            if attempt.closes:
                count = len(others) + len(present)
                checkpoint = apply_round(checkpoint, total, count, self.terms, self.recipe)
        return Transcript(np.array(seen), np.array(added))

    def _gradients(self, checkpoint: Checkpoint, patients: list[PatientSeries]) -> np.ndarray:
        """Those at the first checkpoint are computed once: they are the same in every run."""
        key = tuple(id(patient) for patient in patients)
        if checkpoint.step == 0 and key in self._first:
            return self._first[key][1]
        rows = meta_gradients(self.model, checkpoint.prior, patients, self.recipe.support_visits)
        if checkpoint.step == 0:
            self._first[key] = (patients, rows)  # kept, so that no other gets their identity
        return rows

    def _encode(self, rows: np.ndarray) -> np.ndarray:
        bound = MAX_CLIPPING_NORM if self.fault == Fault.NO_CLIPPING else self.terms.clipping_norm
        return clip_and_encode(rows, bound, FRACTION_BITS)

    def _noise(self, attempt: Attempt, secret: bytes) -> np.ndarray:
        variance = site_variance(self.terms)
        if self.fault == Fault.SMALL_NOISE:
            variance *= Fraction(1, 100)
        same_attempt = self.fault in (Fault.SAME_NOISE_EACH_ATTEMPT, Fault.SAME_NOISE_EACH_ROUND)
        same_round = self.fault == Fault.SAME_NOISE_EACH_ROUND
        number = 0 if same_round else attempt.round
        shares = []
        for site in range(NOISE_SITES):
            key = noise_key(
                hashlib.sha256(secret + bytes([site])).digest(),
                chain_id=1,
                ledger=_LEDGER,
                study_id=1,
                site=f"0x{site + 1:040x}",
                round_number=number + 1,
                attempt=1 if same_attempt else attempt.attempt,
                pinned_block_number=100 + number,
                pinned_block_hash=hashlib.sha256(bytes([number])).digest(),
            )
            shares.append(draw(key, variance, self.terms.vector_length))
        return np.sum(shares, axis=0)
