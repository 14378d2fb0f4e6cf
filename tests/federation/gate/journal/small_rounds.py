"""Rounds of a few bytes, as far as a journal takes part in them."""

import hashlib

SEAL = hashlib.sha256(b"seal").digest()
OTHER_SEAL = hashlib.sha256(b"another seal").digest()
RHO = 222 * 10**15
CEILING = 2 * 10**18


def noised(attempt, plain):
    """Stands for plain vector + noise: a function of the reservation, as the real one is."""
    return hashlib.sha256(attempt.salt + bytes([attempt.draw_number]) + plain).digest() * 4


def stored(journal, plain=b"plain", attempt=1, round_number=1, cohort=b"cohort"):
    reserved = journal.reserve(1, round_number, attempt, plain, cohort)
    vector = noised(reserved, plain)
    return journal.store(reserved, vector, hashlib.sha256(reserved.salt + vector).digest())


def delivered(journal, round_number=1, seal=SEAL):
    journal.charge(1, round_number, RHO, CEILING, round_number * RHO)
    return journal.deliver_once(1, round_number, seal, lambda: (b"masked" * 9, b"signature"))
