"""Whether a filed Consent says what the signed grant says: element by element, nothing more."""

from __future__ import annotations

from typing import Any

from api.fhir.dates import same_instant
from api.fhir.naming import Resource

#: Of a filed Consent: not compared, because the chain tells it or nothing of it is kept.
_OWN = frozenset(
    {
        *("resourceType", "id", "meta", "language", "text", "identifier", "dateTime"),
        *("verification", "sourceReference"),
    }
)
#: May be missing: the signed grant says it whether or not the resource repeats it.
_MAY_BE_MISSING = frozenset({"performer", "organization", "sourceAttachment"})
#: Words for people, of which nothing is kept.
_WORDS = frozenset({"display", "text", "id", "title"})
#: What an attachment says of its own data.
_OF_DATA = frozenset({"contentType", "creation", "data", "hash", "size"})
_FILED_STATUS = frozenset({"draft", "proposed", "active"})


def first_difference(expected: Resource, filed: Resource) -> str | None:
    """The first element (a FHIRPath) at which a filed Consent says something else than expected.

    ``expected`` is `consent_of_grant` of the signed grant; None: they say the same.
    """
    if filed.get("status") not in _FILED_STATUS:
        return "Consent.status"
    for name in sorted(set(filed) - _OWN - {"status"}):
        if name == "sourceAttachment":
            if found := _attachment(expected[name], filed[name]):
                return found
        elif name not in expected:
            return f"Consent.{name}"
        elif found := _difference(expected[name], filed[name], f"Consent.{name}"):
            return found
    missing = sorted(set(expected) - set(filed) - _MAY_BE_MISSING - _OWN)
    return f"Consent.{missing[0]}" if missing else None


def _attachment(expected: dict[str, Any], filed: Any) -> str | None:
    """The consent text may be named, or the signed act may stand here, which is read elsewhere."""
    if not isinstance(filed, dict):
        return "Consent.sourceAttachment"
    of_data: frozenset[str] = _OF_DATA if "data" in filed else frozenset()
    for name in sorted(set(filed) - _WORDS - of_data):
        if filed[name] != expected.get(name):
            return f"Consent.sourceAttachment.{name}"
    return None


def _difference(expected: Any, filed: Any, path: str) -> str | None:
    if isinstance(expected, dict):
        return _of_members(expected, filed, path)
    if isinstance(expected, list):
        return _of_items(expected, filed, path)
    if expected == filed and type(expected) is type(filed):
        return None
    both_text = isinstance(expected, str) and isinstance(filed, str)
    return None if both_text and same_instant(expected, filed) else path


def _of_members(expected: dict[str, Any], filed: Any, path: str) -> str | None:
    if not isinstance(filed, dict):
        return path
    for name in sorted(set(filed) - _WORDS):
        if name not in expected:
            return f"{path}.{name}"
        if found := _difference(expected[name], filed[name], f"{path}.{name}"):
            return found
    # A logical reference need not repeat what kind of thing its identifier names.
    optional = {"type"} if "identifier" in expected else set()
    missing = sorted(set(expected) - set(filed) - optional)
    return f"{path}.{missing[0]}" if missing else None


def _of_items(expected: list[Any], filed: Any, path: str) -> str | None:
    """Lists here are sets: order says nothing, how often something is said does."""
    if not isinstance(filed, list):
        return path
    left = list(expected)
    for place, one in enumerate(filed):
        found = [_difference(wanted, one, f"{path}[{place}]") for wanted in left]
        if None not in found:
            # Against the only candidate the difference itself can be named.
            return found[0] if len(found) == 1 else f"{path}[{place}]"
        del left[found.index(None)]
    return path if left else None
