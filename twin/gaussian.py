"""Adaptation of a model that is linear in its parameters with Gaussian noise, in torch, for one
patient.

With prior z ~ N(mu, F F^T) and rows y = Phi z + e, e ~ N(0, diag(noise^2)), write z = mu + F w, w ~
N(0, I). The posterior of w has precision A = I + F^T Phi^T diag(support / noise^2) Phi F, which is
at least the identity, so that its Cholesky factor exists whatever the data. This is the textbook
posterior (Bishop, Pattern Recognition and Machine Learning, 2006, equations 3.50 and 3.51), and one
Gauss-Newton step from any starting point reaches it exactly.

Matrices are filled up with zeros to whole cache lines. MKL's results depend on how far a matrix
lies from one (Intel MKL Developer Guide, "Obtaining Numerically Reproducible Results"), so that
otherwise a patient's place in a batch would change the last bits of their posterior.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

CACHE_LINE: Final = 8
"""float64 numbers in 64 bytes."""


class Posterior(NamedTuple):
    """``mean`` [P]; ``factor`` [P, P], whose product with its transpose is the covariance."""

    mean: Tensor
    factor: Tensor


def adapt(
    mu: Tensor, factor: Tensor, design: Tensor, noise: Tensor, y: Tensor, support: Tensor
) -> Posterior:
    """The posterior of the parameters given the rows with support weight 1.

    mu [P], factor [P, P], design [n, P], noise [n] (SD), y [n], support [n] of 0 and 1; all
    float64.
    """
    size = mu.shape[-1]
    mu, factor, design = filled(mu), filled(factor, 2), filled(design)
    weight = support / noise**2
    projected = design @ factor
    identity = torch.eye(factor.shape[-1], dtype=factor.dtype)
    precision = identity + projected.T @ (weight.unsqueeze(-1) * projected)
    lower, _ = torch.linalg.cholesky_ex(precision)
    right = projected.T @ (weight * (y - design @ mu))
    w = torch.cholesky_solve(right.unsqueeze(-1), lower).squeeze(-1)
    half = torch.linalg.solve_triangular(lower, factor.T, upper=False)
    return Posterior((mu + factor @ w)[:size], half.T[:size, :size])


def predict(posterior: Posterior, design: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Predictive mean and variance [n], noise included, of rows with this design [n, P] and noise
    SD [n].
    """
    design = filled(design)
    spread = design @ filled(posterior.factor, 2)
    return design @ filled(posterior.mean), (spread**2).sum(-1) + noise**2


def filled(tensor: Tensor, dimensions: int = 1) -> Tensor:
    """The tensor with zeros after its last one or two dimensions, up to whole cache lines."""
    missing = -tensor.shape[-1] % CACHE_LINE
    if missing == 0:
        return tensor
    return torch.nn.functional.pad(tensor, (0, missing) * dimensions)
