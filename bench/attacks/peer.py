"""The peer: what Flower's own weighted average makes of the same five sites' vectors."""

from __future__ import annotations

import numpy as np
from flwr.server.strategy.aggregate import aggregate

from bench.attacks.attackers import Attack, poisoned, sent
from bench.attacks.learning import noise_share
from bench.attacks.world import CLIP_STEPS, World


def flower_average(world: World, attack: Attack, liars: tuple[int, ...]) -> float:
    """The length of Flower's FedAvg average of the sites' mean gradients in the first round, over
    that without attack; NaN when one number is. Sites send float64, as Flower's do.
    """

    def length(lying: tuple[int, ...]) -> float:
        updates = []
        records = [
            poisoned(world, attack, site) if site in lying else own
            for site, own in enumerate(world.sites)
        ]
        for site, vector in enumerate(world.honest(records, world.start)):
            patients = len(world.sites[site])
            noise = np.random.default_rng([1, site]).standard_normal(vector.size) * noise_share()
            if site in lying and attack in (Attack.NAN_RECORDS, Attack.NAN_BYTES):
                mean = np.full(vector.size, np.nan)
            else:
                lies = attack if site in lying else Attack.NONE
                mean = sent(lies, vector, noise.astype(np.int64), patients) / patients
            updates.append(([mean / CLIP_STEPS], patients))
        return float(np.linalg.norm(aggregate(updates)[0]))

    return length(liars) / length(())
