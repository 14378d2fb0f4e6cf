"""What the benchmark of a site's step compares computes the same gradients."""

import numpy as np
import pytest

from bench.meta_gradient.cohorts import MODELS, patients_of
from bench.meta_gradient.learners import maml_step, point_of, prior_step, start_of, usable
from bench.meta_gradient.peers import (
    Tasks,
    maml_higher,
    maml_loop,
    maml_torchopt,
    maml_torchopt_vmapped,
)
from bench.meta_gradient.prior_peers import prior_higher, prior_loop
from federation.app.learning.point import PointSettings

SETTINGS = PointSettings(steps=2, counts=(1, 3))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_peers_give_the_products_gradients(name):
    model = MODELS[name]()
    several, at = usable(model, patients_of(model, 12))[:2], point_of(model)
    ours = maml_step(model, several, SETTINGS).ours()
    assert (np.abs(ours).sum(axis=1) > 0).all()
    tasks = Tasks(model, several, SETTINGS)
    for peer in (maml_higher, maml_loop, maml_torchopt):
        np.testing.assert_allclose(peer(tasks, at, SETTINGS), ours, rtol=1e-8, atol=1e-10)
    vmapped = maml_torchopt_vmapped(model, several, at, SETTINGS)()
    np.testing.assert_allclose(vmapped, ours, rtol=1e-8, atol=1e-10)

    ours = prior_step(model, several[:1]).ours()
    for peer in (prior_loop, prior_higher):
        theirs = peer(model, several[:1], start_of(model))
        np.testing.assert_allclose(theirs, ours, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_floor_forecasts_without_adapting(name):
    """So the two agree for a patient with one visit, and for no other."""
    model = MODELS[name]()
    every = patients_of(model, 60)
    once = next(one for one in every if one.visit.max() == 0)
    often = next(one for one in every if one.visit.max() > 3)
    step = prior_step(model, [once, often])
    ours, floor = step.ours(), step.floors["floor"]()
    np.testing.assert_allclose(floor[0], ours[0], rtol=1e-10, atol=1e-12)
    assert np.abs(floor[1] - ours[1]).max() > 1e-3
