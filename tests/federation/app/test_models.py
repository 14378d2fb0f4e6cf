"""The models that a recipe may name are found under their own names."""

from __future__ import annotations

import pytest

from federation.app.models import model_named, model_names


@pytest.mark.parametrize("name", model_names())
def test_a_model_says_the_name_that_it_is_found_by(name: str) -> None:
    assert model_named(name).name == name


def test_a_name_that_no_model_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="'none'") as refused:
        model_named("none")
    assert all(name in str(refused.value) for name in model_names())
