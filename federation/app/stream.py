"""Uniform integers from a key: the only source of randomness for noise and masks."""

from __future__ import annotations

import os

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

_WORDS_AT_ONCE = 1024
_MAX_WORDS = 1 << 34  # half of what a 32-bit block counter reaches: it can never wrap
_WORD_MASK = (1 << 64) - 1


class StreamCrossedFork(RuntimeError):
    """A stream made before a fork was used after it, where both processes would draw the same."""


class KeyStream:
    """The ChaCha20 key stream (RFC 8439, nonce and counter zero) as little-endian 64-bit words.

    A key must be used for one purpose only (see `derive.derive_key`). All methods consume words in
    order, so the same calls on the same key give the same integers on every machine.

    Args:
        key: 32 bytes.

    Raises:
        ValueError: the key does not have 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError(f"a stream key has 32 bytes, this one has {len(key)}")
        self._encryptor = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
        self._process = os.getpid()
        self._words: list[int] = []
        self._position = 0
        self._generated = 0

    def uint64(self, count: int) -> NDArray[np.uint64]:
        """`count` uniform words, uint64[count]."""
        if count < 0:
            raise ValueError("a count of words is not negative")
        self._check_process()
        buffered = self._words[self._position : self._position + count]
        self._position += len(buffered)
        fresh = self._generate(count - len(buffered))
        return np.concatenate([np.array(buffered, dtype=np.uint64), fresh])

    def word(self) -> int:
        """One uniform integer in [0, 2^64)."""
        self._check_process()
        if self._position == len(self._words):
            self._words = self._generate(_WORDS_AT_ONCE).tolist()
            self._position = 0
        value = self._words[self._position]
        self._position += 1
        return value

    def bits(self, count: int) -> int:
        """One uniform integer in [0, 2^count); takes ceil(count / 64) words, the first lowest."""
        if count < 0:
            raise ValueError("a count of bits is not negative")
        value = 0
        for shift in range(0, count, 64):
            value |= self.word() << shift
        return value & ((1 << count) - 1)

    def below(self, bound: int) -> int:
        """One exactly uniform integer in [0, bound), by rejection."""
        if bound < 1:
            raise ValueError(f"there is no integer in [0, {bound})")
        bits = (bound - 1).bit_length()
        while (value := self.bits(bits)) >= bound:
            pass
        return value

    def bernoulli(self, numerator: int, denominator: int) -> bool:
        """True with probability numerator / denominator, exactly.

        Compares a uniform number in [0, 1) with the fraction, 64 binary digits at a time; almost
        always the first word decides.
        """
        if not 0 <= numerator <= denominator or denominator < 1:
            raise ValueError(f"{numerator}/{denominator} is not a probability")
        if numerator == denominator:
            return True
        while numerator:
            digit, numerator = divmod(numerator << 64, denominator)
            word = self.word()
            if word != digit:
                return word < digit
        return False

    def _generate(self, count: int) -> NDArray[np.uint64]:
        self._generated += count
        if self._generated > _MAX_WORDS:
            raise OverflowError("a stream key may not be stretched beyond 128 GiB")
        stream = self._encryptor.update(bytes(8 * count))
        return np.frombuffer(stream, dtype="<u8").astype(np.uint64)

    def _check_process(self) -> None:
        # Forked processes would draw the same words from a copied stream.
        if os.getpid() != self._process:
            raise StreamCrossedFork("a key stream was made before a fork; make it after the fork")
