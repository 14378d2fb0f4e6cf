"""One study under attack: rounds, what is done about them, and the prior that is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audit.checkpoint import Checkpoint, initial
from audit.errors import UpdateRefused
from audit.privacy import NOISE_MULTIPLIER_UNIT, noise_multiplier_for
from audit.recipe import Recipe
from audit.update import apply_round
from bench.attacks import defences
from bench.attacks.attackers import Attack, poisoned, sent
from bench.attacks.world import CLIP_STEPS, World
from federation.app.learning.recipe import ROUNDS, recommended_recipe
from federation.planning.pooled import Grid

EPSILON, DELTA, SPARE_ROUNDS, NOISE_SITES = 8.0, 1e-5, 2, 3
FIRST_LIE = 1
"""The round, from 0, in which liars begin: a check against earlier rounds needs an honest one."""

WORSE = 1.05
"""How much larger the error on the reference cohort may get in a round, before reviewers roll back.
"""
TURNED = 1.5
"""How many times longer than the first a later round's sum may be, by the round-to-round check."""


@dataclass(frozen=True)
class Defence:
    """``rule``: which vectors enter a round. ``rolls_back``: k reviewers watch the error on a
    public cohort and vote for the checkpoint before. ``replays``: reviewers have every site replay
    every round, roll the round back when one contradicts, and bar the site. ``compares``: a round
    whose sum is much longer than the first one's is refused. ``sees_sites``: needs each site's
    vector, so no secure aggregation.
    """

    name: str
    rule: defences.Rule = defences.plain_sum
    sees_sites: bool = False
    rolls_back: bool = False
    replays: bool = False
    compares: bool = False


DEFENCES = (
    Defence("none"),
    Defence("bound on the sum", defences.sum_within_bound),
    Defence("round to round", compares=True),
    Defence("rollback", rolls_back=True),
    Defence("replay, bar", replays=True),
    Defence("bound on sum, rollback, replay", defences.sum_within_bound, False, True, True),
    Defence("bound on each site", defences.sites_within_bound, True),
    Defence("median", defences.median, True),
    Defence("trimmed mean", defences.trimmed_mean, True),
    Defence("multi-Krum", defences.multi_krum, True),
)


@dataclass(frozen=True)
class Learned:
    """The prior that a study ends with, and what became of its rounds."""

    prior: np.ndarray
    refused: int
    rolled_back: int
    barred: int


def noise_share() -> float:
    """SD of one site's noise, in grid steps: sigma C / sqrt(m - t)."""
    rounds = ROUNDS + SPARE_ROUNDS
    sigma = noise_multiplier_for(EPSILON, round(DELTA * 10**18), rounds) / NOISE_MULTIPLIER_UNIT
    return float(sigma * CLIP_STEPS / np.sqrt(NOISE_SITES))


def learn(
    world: World,
    attack: Attack,
    liars: tuple[int, ...],
    defence: Defence,
    seed: int,
    rounds: int = ROUNDS,
) -> Learned:
    """Runs the study: liars are honest until `FIRST_LIE`, then lie each round until barred."""
    recipe = recommended_recipe(world.model)
    model, grid = world.model, Grid(recipe.size)
    bounds = defences.Bounds(CLIP_STEPS, noise_share())
    checkpoint = initial(model.initial_prior(), model.prior_layout, model.name)
    records = [
        poisoned(world, attack, site) if site in liars else world.sites[site]
        for site in range(len(world.sites))
    ]
    barred: set[int] = set()
    first_length, refused, rolled_back = None, 0, 0
    for number in range(rounds):
        members = [site for site in range(len(records)) if site not in barred]
        lying = attack if number >= FIRST_LIE else Attack.NONE
        trained = [records[s] if number >= FIRST_LIE else world.sites[s] for s in members]
        vectors, sizes = [], [len(one) for one in trained]
        for site, own in zip(members, world.honest(trained, checkpoint.prior), strict=True):
            noise = np.random.default_rng([seed, number, site]).standard_normal(recipe.size)
            share = np.rint(noise * bounds.share).astype(np.int64)
            lies = lying if site in liars else Attack.NONE
            vectors.append(sent(lies, own, share, len(records[site])))
        applied = defence.rule(np.array(vectors), sizes, bounds)
        if defence.compares and applied is not None:
            length = float(np.linalg.norm(applied[0].astype(np.float64)))
            first_length = length if first_length is None else first_length
            applied = applied if length <= TURNED * first_length else None
        made = None if applied is None else _apply(checkpoint, *applied, grid, recipe)
        caught = set(liars) - barred if defence.replays and lying.shows_in_replay else set()
        if caught:
            barred |= caught
            rolled_back += made is not None
            refused += made is None
            continue
        if made is None:
            refused += 1
            continue
        if defence.rolls_back and not _better(world, made, checkpoint):
            rolled_back += 1
            continue
        checkpoint = made
    return Learned(checkpoint.prior, refused, rolled_back, len(barred))


def _apply(
    base: Checkpoint, total: np.ndarray, count: int, grid: Grid, recipe: Recipe
) -> Checkpoint | None:
    try:
        return apply_round(base, total, count, grid, recipe)
    except UpdateRefused:
        return None


def _better(world: World, made: Checkpoint, base: Checkpoint) -> bool:
    before, after = (world.error(one.prior, world.reference) for one in (base, made))
    return after <= WORSE * before
