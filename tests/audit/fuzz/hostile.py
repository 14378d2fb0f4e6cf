"""Bundles that are made to cost memory, time or a stack, by name."""

from __future__ import annotations

import dataclasses
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from pathlib import Path

import rlp
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from audit import canonical_json
from audit.bundle import Bundle
from audit.bundle_index import INDEX, OBJECTS
from audit.cid import sha256
from audit.fields import hex_of
from chain import events as ev
from tests.audit.fuzz.on_disk import written
from tests.audit.misbehaviour.forgery import Forgery
from tests.audit.misbehaviour.of_people import amended
from tests.audit.tampering import forged, records_of, with_records

DEEP = 1_000_000
"""Levels of nesting."""
CROWD = 100_000
"""Events of one kind; a file of the largest size holds nine times as many."""

FILES: dict[str, tuple[str, bytes]] = {
    "deep arrays": ("chain/events.json", b"[" * DEEP + b"]" * DEEP),
    "deep objects": ("chain/proofs.json", b'{"a":' * DEEP + b"0" + b"}" * DEEP),
    "many empty arrays": ("chain/events.json", b"[" + b"[]," * DEEP + b"[]]"),
    "huge integer": ("chain/events.json", b"[" + b"9" * DEEP + b"]"),
    "huge exponent": ("chain/events.json", b"[1e999999999]"),
    "huge string": ("chain/code.json", b'{"ConsentToken":"0x' + b"0" * 8 * DEEP + b'"}'),
    "escapes": ("chain/code.json", b'"' + b"\\ud800" * DEEP + b'"'),
    "no UTF-8": ("chain/events.json", b"\xff" * DEEP),
    "zeros": ("chain/events.json", bytes(8 * DEEP)),
    "length of RLP": ("chain/header.rlp", b"\xff" + b"\xff" * 8 + bytes(100)),
    "deep RLP": ("chain/header.rlp", b"\xc1" * DEEP + b"\xc0"),
    "long RLP": ("chain/header.rlp", rlp.encode([b"\0" * 100] * 100_000)),
}


def bomb(size: int, files: int = 1) -> bytes:
    """A zip of zeros: a thousandth of what it unpacks to."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(files):
            made.writestr(f"zeros-{number}", bytes(size // files))
        made.writestr(".info/CONTENT", "")
    return out.getvalue()


def lying_zip(stated: int) -> bytes:
    """Its directory says another size than the data unpacks to."""
    data = bytearray(bomb(1 << 16))
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"zeros-0"))
    data[place + 24 : place + 28] = struct.pack("<I", stated)
    return bytes(data)


def paths_in_zip() -> bytes:
    """Names that would leave the folder that somebody unpacks it into."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in ("../../outside", "/etc/passwd", "C:\\x", "a/../../b", ".info/CONTENT"):
            made.writestr(name, "x")
    return out.getvalue()


def cut_deflate() -> bytes:
    data = bytearray(bomb(1 << 16))
    place = data.index(zlib.compress(bytes(1 << 16))[2:6])
    data[place : place + 4] = b"\xff" * 4
    return bytes(data)


APPS: dict[str, Callable[[], bytes]] = {
    "zip bomb": lambda: bomb(250 << 20),
    "zip bomb beyond the limit": lambda: bomb(300 << 20),
    "zip of many": lambda: bomb(1 << 20, files=9_000),
    "zip that understates": lambda: lying_zip(1),
    "zip that overstates": lambda: lying_zip(0xFFFFFFF0),
    "zip with paths": paths_in_zip,
    "zip of broken data": cut_deflate,
}

CHECKPOINTS: dict[str, bytes] = {
    "header of 2^63": b"\xff" * 7 + b"\x7f" + bytes(64),
    "deep header": (100_000).to_bytes(8, "little") + b"[" * 100_000,
    "huge layout": b"",
}


def huge_layout() -> bytes:
    """A header whose layout would need far more than the file holds."""
    layout = canonical_json.dumps([["mean", [1 << 20, 1 << 20]]]).decode()
    metadata = {"layout": layout, "model": "x", "schema": "assent-checkpoint-1"}
    header = canonical_json.dumps({"__metadata__": metadata})
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def cases(bundle: Bundle, accounts: Sequence[LocalAccount], folder: Path) -> dict[str, Path]:
    """Every hostile bundle, written to a folder of its own."""
    made: dict[str, Path] = {}

    def place(name: str) -> Path:
        made[name] = folder / name.replace(" ", "-")
        return made[name]

    for name, (path, data) in FILES.items():
        written(forged(bundle, {path: data}), place(name))
    proofs = canonical_json.loads(bundle.files["chain/proofs.json"])
    proofs[0]["account_proof"] = [hex_of(b"\xc1" * 100_000 + b"\xc0")]
    data = canonical_json.dumps(proofs)
    written(forged(bundle, {"chain/proofs.json": data}), place("deep RLP in a proof"))
    proofs[0]["account_proof"] = [hex_of(FILES["long RLP"][1])]
    data = canonical_json.dumps(proofs)
    written(forged(bundle, {"chain/proofs.json": data}), place("long RLP in a proof"))
    for name, app in APPS.items():
        written(approved(bundle, accounts, "app_hash", "app.fab", app()), place(name))
    for name, checkpoint in CHECKPOINTS.items():
        first = checkpoint or huge_layout()
        written(started(bundle, accounts, first), place(name))
    for name, events in crowds(bundle).items():
        written(with_records(bundle, [*records_of(bundle), *events]), place(name))
    for name, text in {
        "index of a million files": b'{"files":{' + b",".join(b'"%d":0' % n for n in range(DEEP)),
        "deep index": b"[" * DEEP,
        "empty index": b"",
    }.items():
        (written(bundle, place(name)) / INDEX).write_bytes(text)
    for name, car in {
        "car of a huge block": b"\xff\xff\xff\xff\x7f" + bytes(64),
        "car of varints": b"\x80" * 100_000,
        "empty car": b"",
    }.items():
        objects = written(bundle, place(name)) / OBJECTS
        objects.write_bytes(objects.read_bytes()[:59] + car)
    with (written(bundle, place("sparse car")) / OBJECTS).open("r+b") as file:
        file.truncate(1 << 40)
    with (written(bundle, place("sparse file")) / "chain/events.json").open("r+b") as file:
        file.truncate((256 << 20) + 1)
    return made


def crowds(bundle: Bundle) -> dict[str, Iterator[ev.EventRecord]]:
    """Events of which the chain takes any number from anybody: registering needs no permission."""
    records = records_of(bundle)
    block, time = records[-1].block_number, records[-1].block_timestamp
    known = next(e for e in map(ev.decode, records) if isinstance(e, ev.SiteRegistered))
    rotated = ev.EnrolmentKeyRotated(0, known.site, known.enrolment_key)
    sites = (to_checksum_address(number.to_bytes(20)) for number in range(1, CROWD + 1))
    registered = (dataclasses.replace(known, site=site) for site in sites)
    return {
        "keys rotated all day": repeat(ev.encode(rotated, block, time), CROWD),
        "sites registered all day": (ev.encode(event, block, time) for event in registered),
    }


def approved(
    bundle: Bundle, accounts: Sequence[LocalAccount], field: str, name: str, data: bytes
) -> Bundle:
    """Reviewers approved a document of just these bytes."""
    forgery = Forgery(bundle, accounts)
    amended(forgery, **{field: sha256(data)})
    forgery.put(f"documents/3/{name}", data)
    return forgery.proven()


def started(bundle: Bundle, accounts: Sequence[LocalAccount], first: bytes) -> Bundle:
    """The newest version starts from just these bytes."""
    forgery = Forgery(bundle, accounts)
    assert forgery.event(ev.VersionProposed).version == 3
    amended(forgery, initial_checkpoint=sha256(first))
    forgery.store(first)
    return forgery.proven()
