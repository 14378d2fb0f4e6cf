"""Many rows in little memory: a study of 1,000 rounds and 5 sites makes 68,000 checks, of 25 MB."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

Row = TypeVar("Row", bound=tuple[Any, ...])

_BLOCK = 1024
"""Rows that are compressed together; as many are unpacked at a time while they are read."""


class PackedRows(Sequence[Row], Generic[Row]):
    """A list of named tuples that is only added to, and read from end to end.

    What differs from row to row are hashes and CIDs, so that a check takes some 15 bytes. Reading
    unpacks a block at a time; `make` builds a row of its values.
    """

    def __init__(self, make: Callable[[tuple[Any, ...]], Row]) -> None:
        self._make = make
        self._packed: list[bytes] = []
        self._open: list[Row] = []

    def append(self, row: Row) -> None:
        """Add a row at the end."""
        self._open.append(row)
        if len(self._open) == _BLOCK:
            data = pickle.dumps([tuple(one) for one in self._open], pickle.HIGHEST_PROTOCOL)
            self._packed.append(zlib.compress(data, level=1))
            self._open = []

    def __len__(self) -> int:
        return len(self._packed) * _BLOCK + len(self._open)

    def __iter__(self) -> Iterator[Row]:
        for number in range(len(self._packed)):
            yield from self._block(number)
        yield from self._open

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...

    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(*place.indices(len(self))))
        number, within = divmod(range(len(self))[place], _BLOCK)
        return (self._block(number) if number < len(self._packed) else self._open)[within]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedRows):
            return NotImplemented
        return (self._packed, self._open) == (other._packed, other._open)

    __hash__ = None  # type: ignore[assignment]  # it can still grow

    def _block(self, number: int) -> list[Row]:
        # of this process's own making, and of plain values
        rows = pickle.loads(zlib.decompress(self._packed[number]))  # noqa: S301
        return [self._make(row) for row in rows]
