"""The patient models that a recipe may name."""

from __future__ import annotations

from collections.abc import Callable

from twin.log_linear import LogLinearModel
from twin.protocol import TwinModel
from twin.sickle_cell.model import SickleCellModel

MODELS: tuple[Callable[[], TwinModel], ...] = (LogLinearModel, SickleCellModel)


def model_names() -> tuple[str, ...]:
    """Every name that `model_named` knows."""
    return tuple(make().name for make in MODELS)


def model_named(name: str) -> TwinModel:
    """The model that a recipe names.

    Raises:
        ValueError: no model of this release has that name.
    """
    models: dict[str, TwinModel] = {model.name: model for model in (make() for make in MODELS)}
    try:
        return models[name]
    except KeyError:
        raise ValueError(f"unknown model {name!r}; this release has {sorted(models)}") from None
