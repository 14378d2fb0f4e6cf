"""Fixed-point form of contributions: clipped integer rows, exact sums, and their words modulo 2^64.

One grid step is 2^-fraction_bits. A row's clipping bound C is counted in grid steps. The same input
gives the same integers on any machine: norms use `math.fsum`, which is correctly rounded, and the
final bound is integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, isqrt, sqrt

import numpy as np
from numpy.typing import NDArray

from audit.errors import EncodingRefused
from audit.unixfs import Buffer

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

MAX_CLIPPING_NORM = 2**53
"""Whole float64 numbers are exact up to here, so that truncating a clipped row never misses a grid
step.
"""

MAX_FRACTION_BITS = 62


def clip_and_encode(gradients: FloatArray, clipping_norm: int, fraction_bits: int) -> IntArray:
    """Clip each row to L2 norm C, scale to the grid and round toward zero.

    gradients float64 [n, D]; ``clipping_norm`` is C in grid steps. Returns int64 [n, D]; the
    integer L2 norm of each row is at most C, exactly. A row with a number that is not finite
    becomes zeros: it still counts as a row. Raises EncodingRefused for another shape or dtype, or
    bounds outside [1, MAX_CLIPPING_NORM], [0, MAX_FRACTION_BITS].
    """
    if not 1 <= clipping_norm <= MAX_CLIPPING_NORM:
        raise EncodingRefused(
            f"clipping norm {clipping_norm} is outside [1, {MAX_CLIPPING_NORM}] grid steps"
        )
    if not 0 <= fraction_bits <= MAX_FRACTION_BITS:
        raise EncodingRefused(f"fraction bits {fraction_bits} are outside [0, {MAX_FRACTION_BITS}]")
    if gradients.ndim != 2 or gradients.dtype != np.float64:
        raise EncodingRefused(
            f"gradients must be float64 [n, D], not {gradients.dtype} {gradients.shape}"
        )
    found = np.empty(gradients.shape, dtype=np.int64)  # not of Python's integers, 9 times as large
    for index, row in enumerate(gradients):
        found[index] = _encode_row(row, clipping_norm, fraction_bits)
    return found


def _encode_row(row: FloatArray, clipping_norm: int, fraction_bits: int) -> list[int]:
    if not np.isfinite(row).all() or not row.any():
        return [0] * row.size
    largest = float(np.abs(row).max())
    relative = [
        float(value) / largest for value in row
    ]  # in [-1, 1], so that squares cannot overflow
    relative_norm = sqrt(fsum(value * value for value in relative))
    bound = clipping_norm / 2.0**fraction_bits
    if largest > bound / relative_norm:
        scale = clipping_norm / relative_norm
        encoded = [int(value * scale) for value in relative]
    else:
        encoded = [int(float(value) * 2.0**fraction_bits) for value in row]
    return _within(encoded, clipping_norm)


def _within(row: list[int], clipping_norm: int) -> list[int]:
    """Shrink a row that rounding left just outside the bound; exact, since ceil(norm) is at least
    the norm.
    """
    squares = sum(value * value for value in row)
    if squares <= clipping_norm * clipping_norm:
        return row
    norm = isqrt(squares - 1) + 1
    return [(abs(value) * clipping_norm // norm) * (1 if value > 0 else -1) for value in row]


def sum_rows(rows: IntArray) -> IntArray:
    """Exact column sums: int64 [n, D] to int64 [D]. Raises EncodingRefused when a sum could leave
    int64.
    """
    if rows.ndim != 2 or rows.dtype != np.int64:
        raise EncodingRefused(f"rows must be int64 [n, D], not {rows.dtype} {rows.shape}")
    if rows.size:
        largest = max(abs(int(rows.max())), abs(int(rows.min())))
        if largest * rows.shape[0] > 2**63 - 1:
            raise EncodingRefused(
                f"{rows.shape[0]} rows of up to {largest} steps may not fit a signed 64-bit sum"
            )
    total: IntArray = rows.sum(axis=0, dtype=np.int64)
    return total


def wrap(vector: IntArray) -> WordArray:
    """Signed integers as words modulo 2^64: int64 [D] to uint64 [D]."""
    if vector.dtype != np.int64:
        raise EncodingRefused(f"only int64 wraps to words, not {vector.dtype}")
    return vector.view(np.uint64).copy()


def unwrap(words: WordArray) -> IntArray:
    """The inverse of `wrap`: uint64 [D] to int64 [D]."""
    if words.dtype != np.uint64:
        raise EncodingRefused(f"only uint64 words unwrap, not {words.dtype}")
    return words.view(np.int64).copy()


def add_words(vectors: Iterable[WordArray]) -> WordArray:
    """Sum modulo 2^64 of at least one uint64 [D], one in memory at a time.

    Raises EncodingRefused for none, or differing shapes or dtypes.
    """
    total: WordArray | None = None
    for vector in vectors:
        if total is None:
            total = np.zeros(vector.shape, dtype=np.uint64)
        if vector.dtype != np.uint64 or vector.shape != total.shape:
            raise EncodingRefused(
                f"words must all be uint64 {total.shape}, one is {vector.dtype} {vector.shape}"
            )
        total += vector  # NumPy's unsigned arrays wrap around, which is the arithmetic meant here
    if total is None:
        raise EncodingRefused("there is no vector to add")
    return total


def to_bytes(words: WordArray) -> bytes:
    """uint64 [D] as 8 D bytes, each word little endian."""
    if words.dtype != np.uint64 or words.ndim != 1:
        raise EncodingRefused(f"only uint64 [D] has bytes here, not {words.dtype} {words.shape}")
    return words.astype("<u8").tobytes()


def from_bytes(data: Buffer) -> WordArray:
    """The inverse of `to_bytes`; read only, where it can be the bytes themselves.

    Raises EncodingRefused when the length is not a multiple of 8.
    """
    if len(data) % 8:
        raise EncodingRefused(f"a vector has 8 bytes a number; {len(data)} bytes is not a multiple")
    return np.frombuffer(data, dtype="<u8").astype(np.uint64, copy=False)
