"""Checkpoints: canonical safetensors that other tools read, and no second spelling of the same."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audit import checkpoint
from audit.errors import CheckpointInvalid, NotCanonical
from audit.unixfs import is_large

LAYOUT = (("mean", (4,)), ("chol", (2, 3)), ("log_noise", (1,)))
finite = st.floats(allow_nan=False, allow_infinity=False)


def sample() -> checkpoint.Checkpoint:
    numbers = np.arange(11, dtype=np.float64)
    return checkpoint.Checkpoint(
        numbers - 5, numbers / 7, numbers / 3, 0.81, 0.998001, 2, LAYOUT, "log-linear-1"
    )


@given(
    arrays(np.float64, 11, elements=finite),
    arrays(np.float64, 11, elements=finite),
    arrays(np.float64, 11, elements=st.floats(0, 1e300)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 2**31 - 1),
)
def test_a_checkpoint_comes_back_bit_by_bit(prior, first, second, power1, power2, step):
    one = checkpoint.Checkpoint(prior, first, second, power1, power2, step, LAYOUT, "m")
    data = checkpoint.write(one)
    two = checkpoint.read(data)
    assert checkpoint.write(two) == data
    assert two.prior.tobytes() == prior.tobytes()
    assert (two.beta1_power, two.beta2_power, two.step) == (power1, power2, step)
    assert (two.layout, two.model) == (LAYOUT, "m")


def test_the_safetensors_library_reads_it_and_data_is_aligned():
    data = checkpoint.write(sample())
    tensors = safetensors.numpy.load(data)
    optimiser = {"adam.first_moment", "adam.second_moment", "adam.powers", "adam.step"}
    assert set(tensors) == {"prior.mean", "prior.chol", "prior.log_noise"} | optimiser
    assert tensors["prior.chol"].tolist() == [[-1, 0, 1], [2, 3, 4]]
    assert tensors["adam.step"].tolist() == [2]
    assert int.from_bytes(data[:8], "little") % 8 == 0


def test_a_change_of_any_byte_of_the_header_is_refused():
    data = checkpoint.write(sample())
    header_end = 8 + int.from_bytes(data[:8], "little")
    same = checkpoint.read(data)
    for position in range(header_end):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(data)
            changed[position] ^= flip
            try:
                other = checkpoint.read(bytes(changed))
            except (CheckpointInvalid, NotCanonical):
                continue
            # only the model's name and arrays' names are free text: then it says something else
            assert (other.model, other.layout) != (same.model, same.layout)


def test_other_spellings_of_the_same_checkpoint_are_refused():
    data = checkpoint.write(sample())
    length = int.from_bytes(data[:8], "little")
    padded = (length + 8).to_bytes(8, "little") + data[8 : 8 + length] + b" " * 8
    with pytest.raises(NotCanonical):
        checkpoint.read(padded + data[8 + length :])
    with pytest.raises(NotCanonical):
        checkpoint.read(data + b"\0" * 8)
    tensors = safetensors.numpy.load(data)
    metadata = {"layout": '[["mean",[4]],["chol",[2,3]],["log_noise",[1]]]'}
    metadata |= {"model": "log-linear-1", "schema": checkpoint.SCHEMA}
    with pytest.raises(NotCanonical):
        checkpoint.read(safetensors.numpy.save(tensors, metadata))


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_refused_by_name(data):
    with pytest.raises((CheckpointInvalid, NotCanonical)):
        checkpoint.read(data)
    with pytest.raises((CheckpointInvalid, NotCanonical)):
        checkpoint.read(len(data).to_bytes(8, "little") + data)


def test_a_truncated_file_is_refused_at_every_length():
    data = checkpoint.write(sample())
    for length in range(len(data)):
        with pytest.raises((CheckpointInvalid, NotCanonical)):
            checkpoint.read(data[:length])


def test_arrays_that_all_name_the_whole_file_are_refused_before_they_are_copied():
    """A file of 3 MB could make two gigabytes of whoever reads it: gate, reviewer, verifier."""
    layout = [[f"a{index}", [1]] for index in range(300)]
    body = bytes(8 * 40_000)
    names = [f"prior.{name}" for name, _ in layout]
    names += ["adam.first_moment", "adam.second_moment", "adam.powers", "adam.step"]
    tensor = {"data_offsets": [0, len(body)], "dtype": "F64", "shape": [1]}
    metadata = {"layout": json.dumps(layout), "model": "m", "schema": checkpoint.SCHEMA}
    header = json.dumps({"__metadata__": metadata, **dict.fromkeys(names, tensor)}).encode()
    data = len(header).to_bytes(8, "little") + header + body
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointInvalid):
            checkpoint.read(data)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["prior", "first_moment", "second_moment"])
def test_numbers_that_are_not_finite_are_no_checkpoint(name, number):
    arguments = dict(vars(sample()))
    arguments[name] = arguments[name].copy()
    arguments[name][3] = number
    with pytest.raises(CheckpointInvalid, match=name):
        checkpoint.Checkpoint(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("second_moment", -np.ones(11)),
        ("prior", np.zeros(10)),
        ("prior", np.zeros(11, dtype=np.float32)),
        ("beta1_power", 1.5),
        ("beta2_power", float("nan")),
        ("step", -1),
        ("layout", ()),
        ("layout", (("mean", (11,)), ("mean", (11,)))),
        ("layout", (("../x", (11,)),)),
        ("layout", (("mean", (0,)),)),
        ("model", ""),
    ],
)
def test_fields_that_cannot_be_are_refused(name, value):
    with pytest.raises(CheckpointInvalid):
        checkpoint.Checkpoint(**{**vars(sample()), name: value})


def test_the_initial_checkpoint_holds_the_prior_and_an_untouched_optimiser():
    prior = {"mean": np.ones(4), "chol": np.arange(6.0).reshape(2, 3), "log_noise": np.zeros(1)}
    one = checkpoint.initial(prior, LAYOUT, "m")
    assert one.prior.tolist() == [1, 1, 1, 1, 0, 1, 2, 3, 4, 5, 0]
    assert (one.beta1_power, one.beta2_power, one.step) == (1.0, 1.0, 0)
    assert not one.first_moment.any()
    assert not one.second_moment.any()
    assert one.arrays()["chol"].tolist() == prior["chol"].tolist()
    with pytest.raises(CheckpointInvalid):
        checkpoint.initial({"mean": np.ones(4)}, LAYOUT, "m")
    with pytest.raises(CheckpointInvalid):
        checkpoint.initial({**prior, "mean": np.ones((2, 2))}, LAYOUT, "m")


@pytest.mark.parametrize("size", [1, 40_957, 40_958, 40_959, 43_000, 43_688, 43_689, 50_000])
@pytest.mark.parametrize("parts", [1, 200])
def test_how_many_numbers_it_has_tells_whether_it_is_over_1_mib(size, parts):
    names = [f"a_rather_long_name_of_an_array_{number}" for number in range(min(parts, size))]
    first = (names[0], (size - len(names) + 1,))
    layout = (first, *((name, (1,)) for name in names[1:]))
    prior = {name: np.ones(shape) for name, shape in layout}
    data = checkpoint.write(checkpoint.initial(prior, layout, "m"))
    assert is_large(len(data)) == checkpoint.is_large_with(size)
    assert checkpoint.read(data).layout == layout
    assert safetensors.numpy.load(data)["adam.first_moment"].shape == (size,)


def test_arrays_that_no_header_has_room_for_are_refused():
    layout = tuple((f"{'x' * 55}_{number}", (1,)) for number in range(600))
    made = checkpoint.initial({name: np.ones(1) for name, _ in layout}, layout, "m")
    with pytest.raises(CheckpointInvalid, match="header"):
        checkpoint.write(made)
