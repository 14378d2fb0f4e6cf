"""The patient models that a recipe may name."""

from __future__ import annotations

from twin.log_linear import LogLinearModel
from twin.protocol import TwinModel


def model_named(name: str) -> TwinModel:
    """The model that a recipe names.

    Raises:
        ValueError: no model of this release has that name.
    """
    models: dict[str, TwinModel] = {model.name: model for model in (LogLinearModel(),)}
    try:
        return models[name]
    except KeyError:
        raise ValueError(f"unknown model {name!r}; this release has {sorted(models)}") from None
