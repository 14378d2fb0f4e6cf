"""The patient models that a recipe may name."""

from __future__ import annotations

from collections.abc import Callable

from twin.log_linear import LogLinearModel
from twin.protocol import TwinModel


def _sickle_cell() -> TwinModel:
    from twin.sickle_cell.model import SickleCellModel  # here: no message but its own needs it

    return SickleCellModel()


#: By the name that a recipe gives a model; a model's own `name` is the same.
_MODELS: dict[str, Callable[[], TwinModel]] = {
    "pbc-log-linear-1": LogLinearModel,
    "scd-hydroxyurea-1": _sickle_cell,
}


def model_names() -> tuple[str, ...]:
    """Every name that `model_named` knows."""
    return tuple(_MODELS)


def model_named(name: str) -> TwinModel:
    """The model that a recipe names.

    Raises:
        ValueError: no model of this release has that name.
    """
    make = _MODELS.get(name)
    if make is None:
        raise ValueError(f"unknown model {name!r}; this release has {sorted(_MODELS)}")
    return make()
