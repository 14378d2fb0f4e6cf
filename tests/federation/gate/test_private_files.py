"""A private file is whole, or it is not there."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chain.new_file import save_new
from federation.gate.private_files import write_private_file

WRITERS: dict[str, Callable[[Path], None]] = {
    "a secret": lambda path: write_private_file(path, b"0x" + b"11" * 32),
    "a signed act": lambda path: save_new(path, {"schema": "assent-act-1"}),
}


@contextmanager
def no_room() -> Iterator[None]:
    """A file is made, and nothing can be written to it, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_what_could_not_be_written_is_not_in_the_way_of_the_next_try(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "new"
    with no_room(), pytest.raises(OSError, match="File too large"):
        write(path)
    assert not path.exists()
    write(path)
    kept = path.read_bytes()
    with pytest.raises(FileExistsError):
        write(path)
    assert path.read_bytes() == kept
