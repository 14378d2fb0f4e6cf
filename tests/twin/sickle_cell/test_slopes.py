"""The derivative written by hand is the derivative of the model, wherever the parameters are."""

import numpy as np
import pytest
import torch
from torch.func import jacfwd

from twin.sickle_cell import physiology, slopes
from twin.sickle_cell.channels import DOSE, DOSE_UNIT, RESULTS, WEIGHT
from twin.sickle_cell.exposure import FEW_CHANGES, MOST_CHANGES, changes_in, exposure_of

PLACES = len(physiology.PARAMETERS)


def rows(changes: int):
    """Five results at every one of some visits, with a weight and a dose at some of them."""
    times, channel, scaled = [], [], []
    for visit in range(changes + 2):
        given = [WEIGHT, DOSE] if visit < changes else []
        for code in [*range(len(RESULTS)), *given]:
            times.append(0.15 * visit)
            channel.append(code)
            dose = 0.0 if visit in (0, 2) else 700.0 + 90 * visit
            scaled.append({WEIGHT: 0.05 * visit, DOSE: dose / DOSE_UNIT}.get(code, 0.3))
    return torch.tensor(times).double(), torch.tensor(channel), torch.tensor(scaled).double()


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 10.0])
@pytest.mark.parametrize("changes", [0, 1, 5, 12])
def test_slopes_by_hand_are_those_of_forward_differentiation(changes, spread):
    times, channel, scaled = rows(changes)
    exposure = exposure_of(times, channel, scaled, torch.ones_like(times))
    result = torch.clamp(channel, max=len(RESULTS) - 1)
    generator = torch.Generator().manual_seed(changes)
    for _ in range(3):
        z = spread * torch.randn(PLACES, dtype=torch.float64, generator=generator)
        logs, slope = slopes.linearised(z, exposure, slopes.rows_at(exposure, result))
        expected = physiology.expected_logs(z, exposure, result)
        by_torch = jacfwd(lambda at: physiology.expected_logs(at, exposure, result))(z)
        np.testing.assert_allclose(logs, expected, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(slope, by_torch, rtol=1e-9, atol=1e-10)


def test_curvature_too_is_that_of_forward_differentiation():
    """Meta-gradients differentiate the slopes again."""
    times, channel, scaled = rows(4)
    exposure = exposure_of(times, channel, scaled, torch.ones_like(times))
    result = torch.clamp(channel, max=len(RESULTS) - 1)
    places = slopes.rows_at(exposure, result)
    z = torch.linspace(-1.0, 1.0, PLACES, dtype=torch.float64)
    by_hand = jacfwd(lambda at: slopes.linearised(at, exposure, places)[1])(z)
    by_torch = jacfwd(jacfwd(lambda at: physiology.expected_logs(at, exposure, result)))(z)
    np.testing.assert_allclose(by_hand, by_torch, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("changes", [0, 3, FEW_CHANGES])
def test_room_for_few_changes_gives_the_same_course(changes):
    times, channel, scaled = rows(changes)
    assert changes_in(channel.numpy()) == FEW_CHANGES
    known = torch.ones_like(times)
    z = torch.zeros(PLACES, dtype=torch.float64)
    result = torch.clamp(channel, max=len(RESULTS) - 1)
    few, most = (
        physiology.expected_logs(z, exposure_of(times, channel, scaled, known, most=room), result)
        for room in (FEW_CHANGES, MOST_CHANGES)
    )
    np.testing.assert_allclose(few, most, rtol=1e-14)


def test_more_changes_ask_for_all_the_room():
    assert changes_in(rows(FEW_CHANGES + 1)[1].numpy()) == MOST_CHANGES
