"""The settings of the comparison, read from the file that is committed before a run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.learning.private import Descent
from federation.app.learning.point import NAMES, PointSettings

FILE: Final = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True)
class Tuning:
    """Fine-tuning by count: (place in the settings' rates, place in their steps)."""

    by_count: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Settings:
    """See settings.toml, which says what each is for."""

    epsilons: tuple[float, ...]
    delta: float
    colluders: int
    seeds: int
    held_out: float
    counts: tuple[int, ...]
    primary_count: int
    later_count: int
    primary_epsilon: float
    resamples: int
    steps: tuple[int, ...]
    rates: tuple[float, ...]
    tuning_patients: int
    fixed: dict[str, tuple[tuple[float, int], ...]]
    prior: Descent
    point: dict[str, Descent]
    local: dict[str, PointSettings]
    plain_rounds: int
    plain_local_steps: int
    plain_rate: float

    def fine_tuning(self, kind: str) -> Tuning:
        """The fine-tuning of a point learner that is fixed here, by count."""
        return Tuning(
            {
                count: (self.rates.index(rate), self.steps.index(steps))
                for count, (rate, steps) in zip(self.counts, self.fixed[kind], strict=True)
            }
        )


def read(path: Path = FILE, *, published: bool = True) -> Settings:
    """``published``: for a model whose prior is, or for the default one of unknown codes.

    Raises KeyError, TypeError or ValueError when the file is not complete.
    """
    raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    if not published:
        other = raw["unknown_codes"]
        raw["prior"] |= other["prior"]
        raw["fine_tuning"] |= other["fine_tuning"]
        raw["point"] = {name: one | other["point"][name] for name, one in raw["point"].items()}
    run, plain = raw["run"], raw["plain"]
    rounds = {raw["prior"]["rounds"], *(one["rounds"] for one in raw["point"].values())}
    if len(rounds) != 1:
        raise ValueError("every learner has as many rounds: they share the noise of one budget")
    return Settings(
        epsilons=tuple(float(one) for one in run["epsilons"]),
        delta=float(run["delta"]),
        colluders=int(run["colluders"]),
        seeds=int(run["seeds"]),
        held_out=float(run["held_out"]),
        counts=tuple(run["counts"]),
        primary_count=int(run["primary_count"]),
        later_count=int(run["later_count"]),
        primary_epsilon=float(run["primary_epsilon"]),
        resamples=int(run["resamples"]),
        steps=tuple(raw["fine_tuning"]["steps"]),
        rates=tuple(raw["fine_tuning"]["rates"]),
        tuning_patients=int(raw["fine_tuning"]["patients"]),
        fixed={
            name: tuple((float(rate), int(steps)) for rate, steps in raw["fine_tuning"][name])
            for name in NAMES
        },
        prior=Descent(**raw["prior"]),
        point={name: Descent(**one) for name, one in raw["point"].items()},
        local={
            name: PointSettings(**{**one, "counts": tuple(one.get("counts", (1, 2, 3, 4)))})
            for name, one in raw["local"].items()
        },
        plain_rounds=int(plain["rounds"]),
        plain_local_steps=int(plain["local_steps"]),
        plain_rate=float(plain["rate"]),
    )
