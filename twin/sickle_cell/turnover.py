"""Linear turnover under a dose that changes now and then, exactly and without a loop over time.

While the dose stays the same, dx/dt = rate (level - x), whose solution is

    x(t + dt) = level + (x(t) - level) exp(-rate dt),

so a stretch of time is a map x -> a x + b, and a course is a chain of such maps. Chains are
composed by doubling (Hillis and Steele, Commun ACM 1986;29:1170-1183): about log2(n) vectorised
operations for n stretches, each bounded because every a is at most 1, so that nothing overflows
however long the course.
"""

from __future__ import annotations

import torch
from torch import Tensor


def starts(rate: Tensor, level: Tensor, days: Tensor, first: Tensor) -> Tensor:
    """x at the start of each of n stretches, [..., n]; the first starts at ``first`` [...].

    ``rate`` > 0 per day and ``level`` (where x would settle) [..., n]; ``days`` >= 0 long, [n].
    """
    return chained(torch.exp(-rate * days), -level * torch.expm1(-rate * days), first)


def chained(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """x before each of n maps x -> a x + b, [..., n], from ``first`` [...]; a and b broadcast."""
    after = _composed(a, b, first)
    return torch.cat([first.unsqueeze(-1), after[..., :-1]], dim=-1)


def within(rate: Tensor, level: Tensor, start: Tensor, days: Tensor) -> Tensor:
    """x some days after the start of a stretch; everything broadcasts."""
    return level + (start - level) * torch.exp(-rate * days)


def _composed(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """x after each map."""
    reach, count = 1, a.shape[-1]
    while reach < count:
        earlier_a = torch.nn.functional.pad(a[..., :-reach], (reach, 0), value=1.0)
        earlier_b = torch.nn.functional.pad(b[..., :-reach], (reach, 0), value=0.0)
        b = b + a * earlier_b
        a = a * earlier_a
        reach *= 2
    return a * first.unsqueeze(-1) + b
