"""The learning recipe that a study's terms fix by hash: model, adaptation and the constants of the
update rule.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, pairwise, repeat
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit import canonical_json, fields
from audit.checkpoint import MAX_NUMBERS, Layout, check_layout, read_layout, size_of
from audit.errors import CheckpointInvalid, RecipeInvalid

SCHEMA = "assent-recipe-3"

_MEMBERS = (
    "schema",
    "model",
    "layout",
    "learner",
    "support_visits",
    "adaptation_steps",
    "adaptation_rate",
    "gradient_scale",
    "learning_rate",
    "beta1",
    "beta2",
    "adam_epsilon",
)


@dataclass(frozen=True)
class Recipe:
    """Constants of learning; nothing in them may come from private records.

    model: patient model name. layout: (name, shape) of the prior's arrays, D numbers in all.
    learner: what is learned, and from which contributions. support_visits: how many first visits a
    patient's adaptation sees. adaptation_steps: inner steps of gradient descent; adaptation_rate >
    0: their rate; both 1 for a prior, which its model adapts by steps of its own. gradient_scale
    float [D] > 0: what a site multiplies each coordinate of a gradient by before clipping, so the
    summed direction is in scaled coordinates. learning_rate float [D] > 0.
    beta1, beta2 in [0, 1) and adam_epsilon > 0: Adam (Kingma & Ba 2015, algorithm 1). Raises
    RecipeInvalid.
    """

    model: str
    layout: Layout
    support_visits: int
    adaptation_steps: int
    gradient_scale: tuple[float, ...]
    learning_rate: tuple[float, ...]
    beta1: float
    beta2: float
    adam_epsilon: float
    learner: str = "prior"
    adaptation_rate: float = 1.0

    def __post_init__(self) -> None:
        try:
            check_layout(self.layout)
        except CheckpointInvalid as error:
            raise RecipeInvalid(f"layout: {error}") from error
        if not 0 < len(self.model) <= 200:
            raise RecipeInvalid("model must be a name of 1 to 200 characters")
        if not 0 < len(self.learner) <= 200:
            raise RecipeInvalid("learner must be a name of 1 to 200 characters")
        if not (isfinite(self.adaptation_rate) and self.adaptation_rate > 0):
            raise RecipeInvalid("adaptation_rate must be a finite number above 0")
        if not 1 <= self.support_visits <= 1000 or not 0 <= self.adaptation_steps <= 1000:
            raise RecipeInvalid(
                "support_visits must lie in [1, 1000], adaptation_steps in [0, 1000]"
            )
        size = size_of(self.layout)
        for name in ("gradient_scale", "learning_rate"):
            values = np.array(getattr(self, name), dtype=np.float64)
            fit = values.shape == (size,) and np.isfinite(values).all() and (values > 0).all()
            if not fit:
                raise RecipeInvalid(f"{name} must be {size} finite numbers above 0")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise RecipeInvalid("beta1 and beta2 must lie in [0, 1)")
        if not (isfinite(self.adam_epsilon) and self.adam_epsilon > 0):
            raise RecipeInvalid("adam_epsilon must be a finite number above 0")

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """The learning rates, float64 [D]; read only."""
        array = np.array(self.learning_rate, dtype=np.float64)
        array.setflags(write=False)
        return array

    @property
    def size(self) -> int:
        """D, the numbers in the prior and so in one contribution."""
        return size_of(self.layout)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        value: dict[str, Any] = {name: getattr(self, name) for name in _MEMBERS if name != "schema"}
        value["schema"] = SCHEMA
        value["layout"] = [[name, list(shape)] for name, shape in self.layout]
        value["gradient_scale"] = _runs(self.gradient_scale)
        value["learning_rate"] = _runs(self.learning_rate)
        return canonical_json.dumps(value)

    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON: Terms.recipe_hash."""
        return hashlib.sha256(self.to_bytes()).digest()


def parse(data: bytes) -> Recipe:
    """The recipe of canonical JSON bytes. Raises NotCanonical or RecipeInvalid."""
    value = canonical_json.loads(data, "recipe")
    try:
        fields.members(value, _MEMBERS, "recipe")
        if value["schema"] != SCHEMA:
            raise RecipeInvalid(f"unknown recipe schema {value['schema']!r}")
        return Recipe(
            model=fields.text(value["model"], "model"),
            layout=read_layout(value["layout"], "layout"),
            learner=fields.text(value["learner"], "learner"),
            adaptation_rate=fields.number(value["adaptation_rate"], "adaptation_rate"),
            support_visits=fields.integer(value["support_visits"], "support_visits"),
            adaptation_steps=fields.integer(value["adaptation_steps"], "adaptation_steps"),
            gradient_scale=_read_runs(value["gradient_scale"], "gradient_scale"),
            learning_rate=_read_runs(value["learning_rate"], "learning_rate"),
            beta1=fields.number(value["beta1"], "beta1"),
            beta2=fields.number(value["beta2"], "beta2"),
            adam_epsilon=fields.number(value["adam_epsilon"], "adam_epsilon"),
        )
    except fields.FieldInvalid as error:
        raise RecipeInvalid(f"recipe: {error}") from error


def _runs(values: tuple[float, ...]) -> list[list[float | int]]:
    """[value, how many times it stands there] of each run of equal values: a million numbers
    that share one constant take one line.
    """
    return [[value, sum(1 for _ in run)] for value, run in groupby(values)]


def _read_runs(value: Any, where: str) -> tuple[float, ...]:
    """The inverse of `_runs`. Raises fields.FieldInvalid, also where a run could be longer."""

    def run(pair: Any, place: str) -> tuple[float, int]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise fields.FieldInvalid(f"{place} must be [number, count]")
        return fields.number(pair[0], place), fields.integer(pair[1], place, 1, MAX_NUMBERS)

    runs = fields.array(value, where, run, MAX_NUMBERS)
    if any(before == after for (before, _), (after, _) in pairwise(runs)):
        raise fields.FieldInvalid(f"{where} has two runs of one number beside each other")
    if sum(count for _, count in runs) > MAX_NUMBERS:
        raise fields.FieldInvalid(f"{where} has more than {MAX_NUMBERS} numbers")
    return tuple(chain.from_iterable(repeat(number, count) for number, count in runs))
