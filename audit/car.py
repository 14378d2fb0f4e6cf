"""A bundle's IPFS objects in one CAR file, in the one order that IPFS nodes export them in.

CARv1 (https://ipld.io/specs/transport/car/carv1/) of raw blocks in ascending order of their CIDs'
bytes. Lists of links in DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/) hold them together:
each page links to the next 8,192 objects, the root links to the pages, and the file's one root is
that root. Blocks stand depth first: the root, then each page before its objects. So
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

from audit.cid import MAX_OBJECT_BYTES, cid_of, cid_of_sha256, sha256, sha256_of_cid
from audit.dag_cbor import LINK_PREFIX, RAW_PREFIX, cid_text, header, link_list
from audit.errors import AuditError, CarInvalid

PAGE = 8192
"""Links of one page; a page has 336 kB, well below what an IPFS block may have."""
MAX_OBJECTS = 250_000
"""As many as 1,000 rounds of 200 sites make; an index of them takes less than 100 MB."""

_CID_BYTES = 36
_HEADER_BYTES = len(header(bytes(_CID_BYTES)))


def root_of(cids: Iterable[str]) -> str:
    """The root of the objects with these CIDs, itself a CID (DAG-CBOR). Raises AuditError."""
    return cid_text(_Layout.of(sorted(sha256_of_cid(cid) for cid in cids)).root_cid)


def write_car(file: BinaryIO, objects: Mapping[str, bytes]) -> str:
    """Write objects, by CID, to a file; each is asked for once, when it is written. Their root.

    Raises AuditError for an object that is too large, or not the one that its CID names.
    """
    digests = sorted(sha256_of_cid(cid) for cid in objects)
    layout = _Layout.of(digests)
    file.write(header(layout.root_cid))
    file.write(_section(layout.root_cid, layout.root))
    for position, digest in enumerate(digests):
        if position % PAGE == 0:
            page = layout.pages[position // PAGE]
            file.write(_section(LINK_PREFIX + sha256(page), page))
        cid = cid_of_sha256(digest)
        data = objects[cid]
        if cid_of(data) != cid:
            raise AuditError(f"object {cid} holds other bytes than its CID names")
        file.write(_section(RAW_PREFIX + digest, data))
    return cid_text(layout.root_cid)


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
        self._places: dict[bytes, tuple[int, int]] = {}
        self.root = self._read_index(start)

    def __getitem__(self, cid: str) -> bytes:
        try:
            offset, length = self._places[sha256_of_cid(cid)]
        except AuditError:
            raise KeyError(cid) from None
        return os.pread(self._file, length, offset)

    def __iter__(self) -> Iterator[str]:
        return (cid_of_sha256(digest) for digest in self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _read_index(self, start: int) -> str:
        blocks: list[tuple[int, bytes, bytes]] = []
        opening = os.pread(self._file, _HEADER_BYTES, start)
        position, last = start + len(opening), b""
        while position < self._end:
            length, cid, offset = self._read_section(position)
            position = offset + length
            if position > self._end:
                raise CarInvalid(f"it ends within the block {cid_text(cid)}")
            if cid.startswith(RAW_PREFIX):
                digest = cid[len(RAW_PREFIX) :]
                if digest <= last:
                    raise CarInvalid(f"{cid_of_sha256(digest)} is out of order or there twice")
                self._places[digest], last = (offset, length), digest
            else:
                links = os.pread(self._file, length, offset)
                blocks.append((len(self._places), cid, links))
            if len(self._places) > MAX_OBJECTS or len(blocks) > 2 + MAX_OBJECTS // PAGE:
                raise CarInvalid(f"it has more than {MAX_OBJECTS} objects")
        layout = _Layout.of(list(self._places))
        if opening != header(layout.root_cid):
            raise CarInvalid("its header does not name the root of its objects")
        if blocks != layout.blocks():
            raise CarInvalid("its lists of links are not those of its objects")
        return cid_text(layout.root_cid)

    def _read_section(self, position: int) -> tuple[int, bytes, int]:
        """Length of a block's data, its CID, and where its data begins."""
        opening = os.pread(self._file, 4 + _CID_BYTES, position)
        size, shift, used = 0, 0, 0
        for byte in opening[:4]:
            size |= (byte & 0x7F) << shift
            shift, used = shift + 7, used + 1
            if byte < 0x80:
                break
        cid = opening[used : used + _CID_BYTES]
        length = size - _CID_BYTES
        whole = len(cid) == _CID_BYTES and cid.startswith((RAW_PREFIX, LINK_PREFIX))
        if not whole or opening[:used] != _varint(size):
            raise CarInvalid(f"byte {position} does not begin a block with a CID of ours")
        if not 0 <= length <= MAX_OBJECT_BYTES:
            raise CarInvalid(f"block {cid_text(cid)} is larger than {MAX_OBJECT_BYTES} bytes")
        return length, cid, position + used + _CID_BYTES


class _Layout:
    """The lists of links over objects."""

    def __init__(self, pages: list[bytes]) -> None:
        self.pages = pages
        self.root = link_list([LINK_PREFIX + sha256(page) for page in pages])
        self.root_cid = LINK_PREFIX + sha256(self.root)

    @classmethod
    def of(cls, digests: list[bytes]) -> _Layout:
        if len(digests) > MAX_OBJECTS:
            raise AuditError(f"a bundle holds at most {MAX_OBJECTS} objects, not {len(digests)}")
        links = [RAW_PREFIX + digest for digest in digests]
        return cls([link_list(links[at : at + PAGE]) for at in range(0, len(links), PAGE)])

    def blocks(self) -> list[tuple[int, bytes, bytes]]:
        """Every list with its CID, and how many objects stand before it."""
        pages = [
            (number * PAGE, LINK_PREFIX + sha256(page), page)
            for number, page in enumerate(self.pages)
        ]
        return [(0, self.root_cid, self.root), *pages]


def _section(cid: bytes, data: bytes) -> bytes:
    return _varint(len(cid) + len(data)) + cid + data


def _varint(number: int) -> bytes:
    """Unsigned LEB128 in as few bytes as it takes.

    Source: https://github.com/multiformats/unsigned-varint
    """
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
