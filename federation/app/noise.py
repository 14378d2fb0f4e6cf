"""A site's share of the privacy noise: exact discrete Gaussians from a keyed stream.

The sampler is Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020,
arXiv 2004.00010), algorithms 1 to 3, in integers only: no float, no library generator. Its running
time depends on what it draws, as that of every rejection sampler; only the site can time it.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from federation.app.derive import address_bytes, derive_key, hash_bytes
from federation.app.stream import KeyStream

_LABEL = "assent/noise/1"


def noise_key(
    noise_secret: bytes,
    chain_id: int,
    ledger: str,
    study_id: int,
    site: str,
    round_number: int,
    attempt: int,
    pinned_block_number: int,
    pinned_block_hash: bytes,
    draw_number: int = 0,
) -> bytes:
    """The 32-byte key of the noise of one attempt of one site at one round.

    Args:
        noise_secret: the site's 32 bytes whose SHA-256 is in the registry.
        ledger: address of the RoundLedger.
        site: the site's account.
        attempt: the attempt that the commitment names, from 1.
        pinned_block_number, pinned_block_hash: the block that the round pins.
        draw_number: the journal's count of different vectors that were prepared for this attempt
            (more than one only when a process died before its commitment reached the chain).

    Raises:
        ValueError: an argument has the wrong size.
    """
    if len(noise_secret) != 32:
        raise ValueError(f"a noise secret has 32 bytes, this one has {len(noise_secret)}")
    return derive_key(
        noise_secret,
        _LABEL,
        chain_id,
        address_bytes(ledger),
        study_id,
        address_bytes(site),
        round_number,
        attempt,
        pinned_block_number,
        hash_bytes(pinned_block_hash, "the pinned block's hash"),
        draw_number,
    )


def draw(key: bytes, variance: Fraction, count: int) -> NDArray[np.int64]:
    """`count` independent discrete Gaussians of mean 0 and parameter sigma^2 = `variance`.

    P[X = x] is proportional to exp(-x^2 / (2 variance)) on the integers, exactly. The result is a
    pure function of the arguments.

    Returns:
        int64[count].

    Raises:
        ValueError: the key does not have 32 bytes, or the variance is not in (0, 2^108].
    """
    if not 0 < variance <= 1 << 108:
        raise ValueError("the variance must be positive and at most 2^108 grid steps squared")
    stream = KeyStream(key)
    return np.array([_gaussian(stream, variance) for _ in range(count)], dtype=np.int64)


def _gaussian(stream: KeyStream, variance: Fraction) -> int:
    """Algorithm 3, with the acceptance exponent (|y| - variance/t)^2 / (2 variance) as a ratio."""
    a, b = variance.numerator, variance.denominator
    t = isqrt(a // b) + 1
    denominator = 2 * a * b * t * t
    while True:
        y = _laplace(stream, t)
        if _bernoulli_exp(stream, (abs(y) * t * b - a) ** 2, denominator):
            return y


def _laplace(stream: KeyStream, t: int) -> int:
    """Algorithm 2 with s = 1: P[Y = y] proportional to exp(-|y| / t)."""
    while True:
        remainder = stream.below(t)
        if not _bernoulli_exp(stream, remainder, t):
            continue
        quotient = 0
        while _bernoulli_exp(stream, 1, 1):
            quotient += 1
        magnitude = remainder + t * quotient
        negative = stream.bits(1)
        if negative and magnitude == 0:
            continue
        return -magnitude if negative else magnitude


def _bernoulli_exp(stream: KeyStream, numerator: int, denominator: int) -> bool:
    """Algorithm 1: True with probability exp(-numerator / denominator), exactly."""
    while numerator > denominator:
        if not _bernoulli_exp(stream, 1, 1):
            return False
        numerator -= denominator
    k = 1
    while stream.bernoulli(numerator, denominator * k):
        k += 1
    return k % 2 == 1
