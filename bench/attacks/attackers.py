"""What a lying site sends instead of its contribution."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np

from bench.attacks.records import Trigger, inverted
from bench.attacks.world import CLIP_STEPS, Records, World
from twin.series import PatientSeries


class Attack(StrEnum):
    """Each with what a replay of the site's own round would show."""

    NONE = "nobody lies"
    NAN_RECORDS = "NaN in records"
    NAN_BYTES = "NaN as bytes"
    SCALED = "scaled x 1000"
    FLIPPED = "sign-flipped"
    FLIPPED_SCALED = "sign-flipped x 1000"
    FLIPPED_AT_BOUND = "sign-flipped, at the norm bound"
    LABELS = "labels poisoned"
    BACKDOOR = "backdoor in records"

    @property
    def shows_in_replay(self) -> bool:
        """Whether the vector is not what the approved code makes of the site's records."""
        return self in (
            Attack.NAN_BYTES,
            Attack.SCALED,
            Attack.FLIPPED,
            Attack.FLIPPED_SCALED,
            Attack.FLIPPED_AT_BOUND,
        )


@cache
def poisoned(world: World, attack: Attack, site: int) -> Records:
    """The records that the site trains on."""
    patients = world.sites[site]
    if attack == Attack.LABELS:
        return tuple(inverted(world.model, patient) for patient in patients)
    if attack == Attack.BACKDOOR:
        return tuple(Trigger.planted(world.model, p, n) for n, p in enumerate(patients))
    if attack == Attack.NAN_RECORDS:
        return (PatientSeries(np.zeros(0), np.zeros(0, np.int64), np.zeros(0)),) * len(patients)
    return patients


def sent(attack: Attack, honest: np.ndarray, noise: np.ndarray, patients: int) -> np.ndarray:
    """int64 [D]: what leaves the site, before its mask. A liar in its vector adds no noise."""
    match attack:
        case Attack.NAN_BYTES:
            return np.full(honest.shape, np.array(np.nan).view(np.int64), dtype=np.int64)
        case Attack.SCALED:
            return 1000 * honest
        case Attack.FLIPPED:
            return -honest
        case Attack.FLIPPED_SCALED:
            return -1000 * honest
        case Attack.FLIPPED_AT_BOUND:
            longest = patients * CLIP_STEPS / np.linalg.norm(honest.astype(np.float64))
            return (-longest * honest).astype(np.int64)
    return honest + noise
