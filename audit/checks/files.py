"""Every file that bundle.json lists is there, with its bytes; nothing else is."""

from __future__ import annotations

from audit.bundle import EVIDENCE_FILES
from audit.bundle_index import OBJECTS
from audit.car import CarObjects, root_of
from audit.checks.context import Context
from audit.cid import sha256
from audit.fields import hex_of


def check_files(context: Context) -> None:
    """Adds `files.listed`, `files.present`, `files.hash`, `files` and `objects.root`."""
    bundle, record = context.bundle, context.record
    listed, held = set(bundle.listed), set(bundle.files)
    for path in sorted(held - listed):
        record.fail("files.listed", path, "the folder holds it, bundle.json does not list it")
    for path in sorted((listed | set(EVIDENCE_FILES)) - held):
        record.fail("files.present", path, "it is not in the folder")
    wrong = False
    for path in sorted(listed & held):
        entry, data = bundle.listed[path], bundle.files[path]
        if (entry.sha256, entry.bytes) != (sha256(data), len(data)):
            wrong = True
            record.fail(
                "files.hash",
                path,
                f"bundle.json lists {entry.bytes} bytes with SHA-256 {hex_of(entry.sha256)}, the"
                f" file has {len(data)} with {hex_of(sha256(data))}",
            )
    if listed == held and not wrong:
        record.add("files", "bundle.json", True, f"{len(held)} files, complete and hashed")
    objects = bundle.objects
    root = objects.root if isinstance(objects, CarObjects) else root_of(objects)
    detail = f"{len(objects)} objects with the root {root}"
    if root != bundle.root:
        detail += f", bundle.json says {bundle.root}"
    record.add("objects.root", OBJECTS, root == bundle.root, detail)
