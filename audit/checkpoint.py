"""Checkpoints as canonical safetensors: the shared prior with its optimiser state, one byte string
for each value.

Form (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header length,
the header as canonical JSON padded with spaces to a multiple of 8 (and further where D numbers with
the longest header would be over 1 MiB, see `is_large_with`), then the tensors in name order
without gaps. Everything is 8 bytes wide, so every tensor is aligned. One tensor `prior.<name>` for
each array of the prior; `adam.first_moment` and `adam.second_moment` [D] in layout order;
`adam.powers` [2] = (beta1^step, beta2^step); `adam.step` [1], int64.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit import canonical_json, fields
from audit.errors import CheckpointInvalid, NotCanonical
from audit.unixfs import BLOCK_BYTES

FloatArray = NDArray[np.float64]
Layout = tuple[tuple[str, tuple[int, ...]], ...]

SCHEMA = "assent-checkpoint-1"
MAX_HEADER_BYTES = 1 << 16
MAX_NUMBERS = 1_000_000
"""Three float64 for each number of the prior must fit one object (`audit.unixfs`)."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The shared model after ``step`` closed rounds.

    prior, first_moment, second_moment: float64 [D], finite, second moment not negative, arrays of
    the layout one after another. beta1_power and beta2_power: beta1^step and beta2^step as running
    products. layout: (name, shape) of each array. model: the name of the patient model that the
    prior belongs to. Raises CheckpointInvalid.
    """

    prior: FloatArray
    first_moment: FloatArray
    second_moment: FloatArray
    beta1_power: float
    beta2_power: float
    step: int
    layout: Layout
    model: str

    def __post_init__(self) -> None:
        check_layout(self.layout)
        shape = (size_of(self.layout),)
        for name in ("prior", "first_moment", "second_moment"):
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != shape:
                raise CheckpointInvalid(
                    f"{name} must be float64 {shape}, not {array.dtype} {array.shape}"
                )
            if not np.isfinite(array).all():
                raise CheckpointInvalid(f"{name} holds a number that is not finite")
        if (self.second_moment < 0).any():
            raise CheckpointInvalid("second_moment holds a negative number")
        for name in ("beta1_power", "beta2_power"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise CheckpointInvalid(f"{name} must lie in [0, 1]")
        if not 0 <= self.step < 2**31:
            raise CheckpointInvalid(f"step {self.step} is outside [0, 2^31)")
        if not 0 < len(self.model) <= 200:
            raise CheckpointInvalid("model must be a name of 1 to 200 characters")

    def arrays(self) -> dict[str, FloatArray]:
        """The prior as named arrays in layout order; copies."""
        return unflatten(self.prior, self.layout)


def check_layout(layout: Layout) -> None:
    """Raises CheckpointInvalid unless names are plain and distinct, and shapes positive and small
    enough.
    """
    if not layout or len({name for name, _ in layout}) != len(layout):
        raise CheckpointInvalid("a layout names at least one array, each once")
    for name, shape in layout:
        if not _NAME.fullmatch(name):
            raise CheckpointInvalid(
                f"array name {name!r} is not lower-case letters, digits and underscores"
            )
        if len(shape) > 4 or any(not 1 <= length <= MAX_NUMBERS for length in shape):
            raise CheckpointInvalid(f"array {name!r} has an unusable shape {shape}")
    if size_of(layout) > MAX_NUMBERS:
        raise CheckpointInvalid(
            f"a prior has at most {MAX_NUMBERS} numbers, this layout {size_of(layout)}"
        )


def size_of(layout: Layout) -> int:
    """How many numbers a prior of this layout holds (D)."""
    return sum(prod(shape) for _, shape in layout)


def unflatten(vector: FloatArray, layout: Layout) -> dict[str, FloatArray]:
    """float64 [D] as named arrays, each in C order; copies."""
    arrays, start = {}, 0
    for name, shape in layout:
        stop = start + prod(shape)
        arrays[name] = vector[start:stop].reshape(shape).copy()
        start = stop
    return arrays


def initial(prior: Mapping[str, FloatArray], layout: Layout, model: str) -> Checkpoint:
    """The checkpoint before any round: a published prior and an optimiser that has seen nothing.

    Raises CheckpointInvalid when the prior's names, shapes or dtypes differ from the layout.
    """
    check_layout(layout)
    if set(prior) != {name for name, _ in layout}:
        raise CheckpointInvalid(
            f"the prior has {sorted(prior)}, the layout {sorted(name for name, _ in layout)}"
        )
    for name, shape in layout:
        if prior[name].shape != shape or prior[name].dtype != np.float64:
            raise CheckpointInvalid(f"prior array {name!r} must be float64 {shape}")
    vector = np.concatenate([prior[name].reshape(-1) for name, _ in layout])
    zeros = np.zeros(vector.size)
    return Checkpoint(vector, zeros, zeros.copy(), 1.0, 1.0, 0, layout, model)


def is_large_with(numbers: int) -> bool:
    """Whether a checkpoint of so many numbers (D) is over 1 MiB, so that its CID is that of a large
    object. Its header is padded where that hangs on it: so D tells, which terms on chain name.
    """
    return 8 + MAX_HEADER_BYTES + 8 * (3 * numbers + 3) > BLOCK_BYTES


def write(checkpoint: Checkpoint) -> bytes:
    """The canonical bytes of a checkpoint. Raises CheckpointInvalid for more and longer names of
    arrays than a header holds.
    """
    tensors: dict[str, tuple[str, tuple[int, ...], bytes | memoryview]] = {
        "adam.first_moment": _float_tensor(checkpoint.first_moment),
        "adam.second_moment": _float_tensor(checkpoint.second_moment),
        "adam.powers": _float_tensor(np.array([checkpoint.beta1_power, checkpoint.beta2_power])),
        "adam.step": ("I64", (1,), checkpoint.step.to_bytes(8, "little", signed=True)),
    }
    start = 0
    for name, shape in checkpoint.layout:
        array = checkpoint.prior[start : (start := start + prod(shape))]
        tensors[f"prior.{name}"] = _float_tensor(array.reshape(shape))
    layout = canonical_json.dumps(
        [[name, list(shape)] for name, shape in checkpoint.layout]
    ).decode()
    header: dict[str, Any] = {
        "__metadata__": {"layout": layout, "model": checkpoint.model, "schema": SCHEMA}
    }
    body: list[bytes | memoryview] = []
    size = 0
    for name in sorted(tensors):
        dtype, shape, data = tensors[name]
        header[name] = {
            "data_offsets": [size, size + 8 * prod(shape)],
            "dtype": dtype,
            "shape": list(shape),
        }
        size += 8 * prod(shape)
        body.append(data)
    text = canonical_json.dumps(header)
    if len(text) > MAX_HEADER_BYTES:
        raise CheckpointInvalid(f"its arrays need a header of over {MAX_HEADER_BYTES} bytes")
    text += b" " * (-len(text) % 8)
    if is_large_with(size_of(checkpoint.layout)):
        text = text.ljust(BLOCK_BYTES - size)
    return b"".join((len(text).to_bytes(8, "little"), text, *body))


def _float_tensor(array: FloatArray) -> tuple[str, tuple[int, ...], memoryview]:
    return "F64", array.shape, np.ascontiguousarray(array, "<f8").data


def read(data: bytes) -> Checkpoint:
    """The checkpoint of canonical bytes.

    Raises CheckpointInvalid when the bytes hold no checkpoint, NotCanonical when `write` would
    write others.
    """
    try:
        checkpoint = _read(data)
    except (
        fields.FieldInvalid,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        RecursionError,
    ) as error:
        if isinstance(error, CheckpointInvalid):
            raise
        raise CheckpointInvalid(f"not a checkpoint: {error}") from error
    if write(checkpoint) != data:
        raise NotCanonical("a checkpoint whose bytes are not in the canonical safetensors form")
    return checkpoint


def _read(data: bytes) -> Checkpoint:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > MAX_HEADER_BYTES or 8 + length > len(data):
        raise CheckpointInvalid("a checkpoint whose header does not fit the file")
    header = json.loads(data[8 : 8 + length].decode("utf-8"))
    body = memoryview(data)[8 + length :]
    metadata = fields.members(header["__metadata__"], ("layout", "model", "schema"), "__metadata__")
    if metadata["schema"] != SCHEMA:
        raise CheckpointInvalid(f"unknown checkpoint schema {metadata['schema']!r}")
    layout = read_layout(
        json.loads(fields.text(metadata["layout"], "layout", MAX_HEADER_BYTES)), "layout"
    )
    check_layout(layout)

    def numbers(name: str, dtype: str, count: int) -> NDArray[Any]:
        start, stop = header[name]["data_offsets"]
        if type(start) is not int or type(stop) is not int or not 0 <= start <= stop <= len(body):
            raise CheckpointInvalid(f"tensor {name!r} lies outside the file")
        # Before anything is copied: a thousand arrays may all name one large part of the file.
        if stop - start != 8 * count:
            raise CheckpointInvalid(f"tensor {name!r} does not hold {count} numbers")
        return np.frombuffer(body[start:stop], dtype=dtype)

    prior = np.concatenate(
        [numbers(f"prior.{name}", "<f8", prod(shape)) for name, shape in layout]
    ).astype(np.float64)
    size = size_of(layout)
    powers = numbers("adam.powers", "<f8", 2)
    return Checkpoint(
        prior=prior,
        first_moment=numbers("adam.first_moment", "<f8", size).astype(np.float64),
        second_moment=numbers("adam.second_moment", "<f8", size).astype(np.float64),
        beta1_power=float(powers[0]),
        beta2_power=float(powers[1]),
        step=int(numbers("adam.step", "<i8", 1)[0]),
        layout=layout,
        model=fields.text(metadata["model"], "model"),
    )


def read_layout(value: Any, where: str) -> Layout:
    """A layout from its JSON form, an array of [name, [lengths]]. Raises fields.FieldInvalid."""

    def entry(pair: Any, place: str) -> tuple[str, tuple[int, ...]]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise fields.FieldInvalid(f"{place} must be [name, shape]")
        return fields.text(pair[0], f"{place} name", 64), fields.array(
            pair[1], f"{place} shape", fields.integer, 4
        )

    return fields.array(value, where, entry, 1000)
