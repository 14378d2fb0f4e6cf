"""A bundle's IPFS objects in one CAR file, in the one order that IPFS nodes export them in.

CARv1 (https://ipld.io/specs/transport/car/carv1/) of objects in ascending order of their CIDs'
bytes. Lists of links in DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/) hold them together:
each page links to the next 8,192 objects, the root links to the pages, and the file's one root is
that root. Blocks stand depth first, each once: the root, then each page before its objects, then
the root of a large object before those of its blocks that did not stand before. So
`ipfs dag import` takes the file and pins all of it, `ipfs dag export ROOT` gives the same bytes
back, and the same objects always make the same file.
"""

from __future__ import annotations

import os
import stat
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from audit.cid import (
    FILE_PREFIX,
    RAW_PREFIX,
    cid_bytes,
    cid_of,
    cid_of_large,
    cid_text,
    is_cid_of_large,
    sha256,
)
from audit.dag_cbor import CID_BYTES, LINK_PREFIX, header, link_list, links_in
from audit.errors import AuditError, CarInvalid
from audit.unixfs import (
    BLOCK_BYTES,
    MAX_OBJECT_BYTES,
    MAX_ROOT_BYTES,
    blocks_of,
    is_large,
    leaves_of,
    varint,
)
from audit.unixfs import root_of as file_root_of

PAGE = 8192
"""Links of one page; a page has 336 kB, well below what an IPFS block may have."""
MAX_OBJECTS = 250_000
"""As many as 1,000 rounds of 200 sites make; an index of them takes less than 100 MB."""

_HEADER_BYTES = len(header(bytes(CID_BYTES)))
_Place = tuple[int, int]
"""Where a block's data begins in the file, and how many bytes it has."""


def root_of(cids: Iterable[str]) -> str:
    """The root of the objects with these CIDs, itself a CID (DAG-CBOR). Raises AuditError."""
    return cid_text(_Layout(sorted(map(cid_bytes, cids))).root_cid)


def write_car(file: BinaryIO, objects: Mapping[str, bytes]) -> str:
    """Write objects, by CID, to a file; each is asked for once, when it is written. Their root.

    Raises AuditError for an object that is too large, or not the one that its CID names.
    """
    cids = sorted(map(cid_bytes, objects))
    layout = _Layout(cids)
    written = set(cids)
    file.write(header(layout.root_cid))
    _write_block(file, layout.root_cid, layout.root)
    for position, cid in enumerate(cids):
        if position % PAGE == 0:
            page = layout.pages[position // PAGE]
            _write_block(file, LINK_PREFIX + sha256(page), page)
        name = cid_text(cid)
        data = objects[name]
        root = file_root_of(data) if is_large(len(data)) else None
        if (cid_of(data) if root is None else cid_of_large(sha256(root))) != name:
            raise AuditError(f"object {name} holds other bytes than its CID names")
        if root is None:
            _write_block(file, cid, data)
        else:
            _write_large(file, cid, root, data, written)
    return cid_text(layout.root_cid)


def _write_large(file: BinaryIO, cid: bytes, root: bytes, data: bytes, written: set[bytes]) -> None:
    _write_block(file, cid, root)
    for leaf, block in zip(leaves_of(root) or (), blocks_of(data), strict=True):
        if (of_block := RAW_PREFIX + leaf.sha256) not in written:
            _write_block(file, of_block, block)
            written.add(of_block)


def _write_block(file: BinaryIO, cid: bytes, data: bytes | memoryview) -> None:
    file.write(varint(len(cid) + len(data)) + cid)
    file.write(data)


class CarObjects(Mapping[str, bytes]):
    """The objects of a CAR file by CID, each read from the file when it is asked for.

    Only the form of the file is checked on opening, all of it but the objects' bytes: whether an
    object is what its CID names is for whoever reads it to check.

    Raises:
        CarInvalid: it is not the one file that `write_car` makes of objects with these CIDs.
        OSError
    """

    def __init__(self, path: Path, start: int = 0, length: int | None = None) -> None:
        """`start` and `length`: where it lies in a larger file, bytes."""
        # no symbolic link, and no waiting on a pipe that somebody put there
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        weakref.finalize(self, os.close, self._file)
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            raise CarInvalid("it is not a plain file")
        self._end = status.st_size if length is None else start + length
        self._position = start
        self._bytes_left = 4 * (self._end - start + MAX_OBJECT_BYTES)
        self._objects: dict[str, _Place] = {}
        self._last = b""
        self._blocks: dict[bytes, _Place] = {}
        self.root = self._read_index()

    def __getitem__(self, cid: str) -> bytes:
        places = self._places(cid)
        if places is None:
            raise KeyError(cid)
        return b"".join([os.pread(self._file, length, offset) for offset, length in places])

    def read_into(self, cid: str, buffer: bytearray) -> memoryview | None:
        """An object's bytes at the beginning of a buffer, or of a new one where that is too short;
        None when it is not there. A buffer that is used again need not be cleared before.
        """
        places = self._places(cid)
        if places is None:
            return None
        size = sum(length for _, length in places)
        if len(buffer) < size:
            buffer = bytearray(size)
        view, position = memoryview(buffer)[:size], 0
        for offset, length in places:
            read = os.preadv(self._file, [view[position : position + length]], offset)
            position += read
        return view[:position]

    def __contains__(self, cid: object) -> bool:
        return cid in self._objects

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def _places(self, cid: str) -> list[_Place] | None:
        """Where the blocks of an object lie; None when it is not there."""
        place = self._objects.get(cid)
        if place is None or not is_cid_of_large(cid):
            return place and [place]
        leaves = leaves_of(os.pread(self._file, place[1], place[0])) or ()
        return [self._block(leaf.sha256) or (0, 0) for leaf in leaves]

    def _block(self, digest: bytes) -> _Place | None:
        """Where a block of a large object lies; it may be an object, too."""
        return self._objects.get(cid_text(RAW_PREFIX + digest)) or self._blocks.get(digest)

    def _read_index(self) -> str:
        opening = os.pread(self._file, _HEADER_BYTES, self._position)
        self._position += len(opening)
        root, place = self._next_block()
        if opening != header(root):
            raise CarInvalid("its header does not name the root of its objects")
        pages = self._links(root, place, 1 + MAX_OBJECTS // PAGE)
        for number, page in enumerate(pages):
            cids = self._links(page, self._expect(page), PAGE)
            if not cids or (len(cids) < PAGE and number + 1 < len(pages)):
                raise CarInvalid("its lists of links are not as long as they must be")
            for cid in cids:
                self._read_object(cid)
        if self._position != self._end:
            raise CarInvalid(f"something follows its last block, at byte {self._position}")
        return cid_text(root)

    def _read_object(self, cid: bytes) -> None:
        if cid <= self._last:
            raise CarInvalid(f"{cid_text(cid)} is out of order or there twice")
        if len(self._objects) == MAX_OBJECTS:
            raise CarInvalid(f"it has more than {MAX_OBJECTS} objects")
        if not cid.startswith((RAW_PREFIX, FILE_PREFIX)):
            raise CarInvalid(f"{cid_text(cid)} is no object's CID")
        place = self._expect(cid)
        self._objects[cid_text(cid)] = place
        self._last = cid
        if cid.startswith(RAW_PREFIX):
            self._take(place[1])
            return
        root = os.pread(self._file, min(place[1], MAX_ROOT_BYTES + 1), place[0])
        leaves = leaves_of(root)
        if leaves is None:
            raise CarInvalid(f"block {cid_text(cid)} is not the root of an object of ours")
        for leaf in leaves:
            found = self._block(leaf.sha256)
            if found is None:
                found = self._blocks[leaf.sha256] = self._expect(RAW_PREFIX + leaf.sha256)
            if found[1] != leaf.size:
                raise CarInvalid(f"a block of {cid_text(cid)} has another length than it says")
            self._take(leaf.size)

    def _take(self, size: int) -> None:
        """Blocks of several objects are there once: so a small file could hold objects that take
        days to hash. Optimisers that have seen nothing share zeros, a third of each is its own.
        """
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise CarInvalid("its objects are together more than four times as large as itself")

    def _links(self, cid: bytes, place: _Place, most: int) -> list[bytes]:
        """The links of a block that is a list of them, and what its CID names."""
        block = os.pread(self._file, place[1], place[0])
        links = links_in(block)
        if links is None or len(links) > most or LINK_PREFIX + sha256(block) != cid:
            raise CarInvalid(
                f"its lists of links are not those of its objects, at most {MAX_OBJECTS} objects"
            )
        return links

    def _expect(self, cid: bytes) -> _Place:
        found, place = self._next_block()
        if found != cid:
            raise CarInvalid(f"{cid_text(found)} stands where {cid_text(cid)} must")
        return place

    def _next_block(self) -> tuple[bytes, _Place]:
        """A block's CID, and where its data lies."""
        position = self._position
        opening = os.pread(self._file, 4 + CID_BYTES, position)
        size, shift, used = 0, 0, 0
        for byte in opening[:4]:
            size |= (byte & 0x7F) << shift
            shift, used = shift + 7, used + 1
            if byte < 0x80:
                break
        cid = opening[used : used + CID_BYTES]
        length = size - CID_BYTES
        whole = len(cid) == CID_BYTES and cid.startswith((RAW_PREFIX, LINK_PREFIX, FILE_PREFIX))
        if not whole or opening[:used] != varint(size):
            raise CarInvalid(f"byte {position} does not begin a block with a CID of ours")
        if not 0 <= length <= BLOCK_BYTES:
            raise CarInvalid(f"block {cid_text(cid)} is larger than {BLOCK_BYTES} bytes")
        offset = position + used + CID_BYTES
        self._position = offset + length
        if self._position > self._end:
            raise CarInvalid(f"it ends within the block {cid_text(cid)}")
        return cid, (offset, length)


class _Layout:
    """The lists of links over objects, whose CIDs (bytes) are in order."""

    def __init__(self, cids: list[bytes]) -> None:
        if len(cids) > MAX_OBJECTS:
            raise AuditError(f"a bundle holds at most {MAX_OBJECTS} objects, not {len(cids)}")
        self.pages = [link_list(cids[at : at + PAGE]) for at in range(0, len(cids), PAGE)]
        self.root = link_list([LINK_PREFIX + sha256(page) for page in self.pages])
        self.root_cid = LINK_PREFIX + sha256(self.root)
