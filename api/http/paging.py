"""Lists in pages: `?limit=` and `?after=`, answered as `items` and `next`."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from api.problems import ServiceProblem

T = TypeVar("T")
S = TypeVar("S")

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200


class Page(BaseModel, Generic[T]):
    """One page; `next` is the `after` of the following one, null at the end."""

    items: list[T]
    next: str | None = None


class CursorInvalid(ServiceProblem):
    code = "cursor-invalid"
    status_code_ = 422
    summary = "`after` is not a cursor of this list"
    why = "A cursor is what `next` of the page before says, unchanged."
    fix = "Begin without `after`, and follow `next`."


@dataclass(frozen=True)
class Paging:
    """What a request asks for. `after` holds what the list's own code put into the cursor."""

    limit: int
    after: str | None

    def key(self, *kinds: type) -> tuple[Any, ...] | None:
        """The cursor's values, of the kinds named; None: the first page. Raises CursorInvalid."""
        if self.after is None:
            return None
        try:
            found = json.loads(base64.urlsafe_b64decode(self.after + "=" * (-len(self.after) % 4)))
        except (binascii.Error, ValueError, RecursionError):
            raise CursorInvalid from None
        right = isinstance(found, list) and [type(value) for value in found] == list(kinds)
        if not right or any(
            kind is int and abs(v) >= 1 << 63 for kind, v in zip(kinds, found, strict=True)
        ):
            raise CursorInvalid
        return tuple(found)

    def page(
        self, rows: Sequence[S], key: Callable[[S], tuple[Any, ...]], item: Callable[[S], T]
    ) -> Page[T]:
        """The page of rows read in order, one more than `limit` when there is a next page.

        `key` gives the values (int or str) after which the next page begins.
        """
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(
            items=[item(row) for row in shown], next=cursor(*key(shown[-1])) if more else None
        )


def cursor(*values: int | str) -> str:
    """The opaque text of a cursor; `Paging.key` reads it."""
    packed = json.dumps(values, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _paging(
    limit: Annotated[
        int, Query(ge=1, le=LARGEST_LIMIT, description="Items on a page.")
    ] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, Query(max_length=512, description="`next` of the page before.")
    ] = None,
) -> Paging:
    return Paging(limit, after)


PagingOf = Annotated[Paging, Depends(_paging)]
