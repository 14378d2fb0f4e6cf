"""Judging one Bundle of a Bulk Data export's `deleted` files: what its server has deleted.

Each is a transaction whose entries are requests to DELETE one resource
(hl7.org/fhir/uv/bulkdata/STU2/export.html, "Response - Complete Status").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from federation.gate.records.fhir_resources import Resource, Rules, version_of
from federation.gate.records.rejections import Refused
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.rows import NEVER, Version

BUNDLE: Final = "Bundle"
_URL: Final = re.compile(r"(?P<kind>[A-Za-z]{1,40})/(?P<id>[A-Za-z0-9.-]{1,64})")


@dataclass(frozen=True, slots=True)
class Deletions:
    """What was deleted, by resource type and id, and the removal that each of them gets."""

    version: Version
    resources: tuple[tuple[str, str], ...]


def judge_deletions(resource: Resource, rules: Rules) -> Deletions | None:
    """What a Bundle deletes; None when it deletes nothing.

    Refuses FHIR_META_INVALID, for without a time nobody can tell what was deleted from what was
    made after it, and FHIR_INVALID for a deletion that names no resource.
    """
    urls = [url for entry in _listed(resource.get("entry")) for url in _deleted_by(entry)]
    if not urls:
        return None
    version = version_of(resource, rules, removed=True)
    if version.updated_us == NEVER:
        raise Refused(Code.FHIR_META_INVALID)
    # A Bundle's versionId says nothing of the versions of what it deletes.
    version = Version(version.updated_us, removed=True)
    matches = [_URL.fullmatch(url) if isinstance(url, str) else None for url in urls]
    found = tuple((match["kind"], match["id"]) for match in matches if match is not None)
    if len(found) < len(matches):
        raise Refused(Code.FHIR_INVALID, "element entry")
    return Deletions(version, found)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _deleted_by(entry: Any) -> list[Any]:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or request.get("method") != "DELETE":
        return []
    return [request.get("url")]
