"""A search request: its parameters read, and resources matched against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from api.fhir.dates import DateCriterion, interval_of
from api.fhir.naming import Resource
from api.fhir.problems import FhirParameterInvalid
from api.fhir.search_parameters import SEARCH_PARAMETERS, Parameter

DEFAULT_COUNT, LARGEST_COUNT = 20, 100
#: Resources that one request compares with its criteria.
LONGEST_LOOK = 500
_CONTROLS = ("_count", "_after", "_format", "_pretty")


@dataclass(frozen=True)
class Criterion:
    """One parameter of a request; any of its values will do."""

    parameter: Parameter
    values: tuple[str, ...]

    def matches(self, resource: Resource) -> bool:
        """Whether the resource says one of the values."""
        said = list(self.parameter.said(resource))
        if self.parameter.kind == "date":
            dates = [DateCriterion.parse(value) for value in self.values]
            return any(date.matches(interval_of(one)) for date in dates for one in said)
        return any(_is_token(value, *one) for value in self.values for one in said)


@dataclass(frozen=True)
class Search:
    """What is searched for: every criterion must match.

    Attributes:
        after: id of the last resource of the page before.
        used: the parameters that count, as the request wrote them.
    """

    type: str
    criteria: tuple[Criterion, ...]
    count: int
    after: str | None
    used: tuple[tuple[str, str], ...]

    def matches(self, resource: Resource) -> bool:
        return all(criterion.matches(resource) for criterion in self.criteria)

    def values(self, name: str) -> tuple[str, ...] | None:
        """The values of a parameter that was given exactly once; None otherwise."""
        found = [one.values for one in self.criteria if one.parameter.name == name]
        return found[0] if len(found) == 1 else None

    def names(self, name: str) -> bool:
        """Whether the parameter was given."""
        return any(one.parameter.name == name for one in self.criteria)

    def bundle(self, resources: Iterable[Resource], base: str) -> Resource:
        """The first page of what matches, in the order given, as a searchset.

        ``resources`` begin after `after`. They are read only as far as the page needs and no
        further than `LONGEST_LOOK`: a page may hold fewer than were asked for and have a next one.
        """
        found, following = self._page(resources)
        links = [{"relation": "self", "url": self._url(base, self.after)}]
        if following is not None:
            links.append({"relation": "next", "url": self._url(base, following)})
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
        if found:
            bundle["entry"] = [
                {
                    "fullUrl": f"{base}/{self.type}/{one['id']}",
                    "resource": one,
                    "search": {"mode": "match"},
                }
                for one in found
            ]
        return bundle

    def _page(self, resources: Iterable[Resource]) -> tuple[list[Resource], str | None]:
        """What the page shows, and the id after which the next one begins, if there may be one."""
        found: list[Resource] = []
        last: str | None = None
        for place, one in enumerate(resources if self.count else ()):
            if place == LONGEST_LOOK:
                return found, last
            if self.matches(one):
                if len(found) == self.count:
                    return found, last
                found.append(one)
            elif len(found) == self.count:
                continue
            last = one["id"]
        return found, None

    def _url(self, base: str, after: str | None) -> str:
        pairs = [*self.used, ("_count", str(self.count))]
        if after is not None:
            pairs.append(("_after", after))
        return f"{base}/{self.type}?{urlencode(pairs)}"


def read_search(type_: str, pairs: Iterable[tuple[str, str]], strict: bool) -> Search:
    """A search for one type of resource. Raises FhirParameterInvalid.

    Unknown parameters are left out unless ``strict`` (FHIR R4, 3.1.1.1).
    """
    known = {one.name: one for one in SEARCH_PARAMETERS[type_]}
    criteria, used = [], []
    count, after = DEFAULT_COUNT, None
    for name, value in pairs:
        plain, _, modifier = name.partition(":")
        if name == "_count":
            count = _count(value)
        elif name == "_after":
            after = value
        elif plain in known and value:
            criteria.append(_criterion(known[plain], modifier, value))
            used.append((name, value))
        elif strict and name not in _CONTROLS:
            raise FhirParameterInvalid(f"{name[:64]} is not a search parameter of {type_}")
    return Search(type_, tuple(criteria), count, after, tuple(used))


async def search_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of a search: of the URL, and of a form in the body of POST [type]/_search."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        body = await request.body()
        try:
            pairs += parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise FhirParameterInvalid("the body is not a form in UTF-8") from None
    return pairs


def _criterion(parameter: Parameter, modifier: str, value: str) -> Criterion:
    if modifier and not (modifier == "identifier" and parameter.kind == "reference"):
        raise FhirParameterInvalid(f"{parameter.name}: the modifier {modifier[:32]} is not known")
    values = [one for one in value.split(",") if one]
    if not values:
        raise FhirParameterInvalid(f"{parameter.name} has no value")
    if parameter.kind == "date":
        for one in values:
            try:
                DateCriterion.parse(one)
            except ValueError as error:
                raise FhirParameterInvalid(f"{parameter.name}: {error}") from None
    if parameter.kind == "reference" and not modifier:
        # `patient=Patient/0x...` and `patient=0x...` name the only thing that is known of one.
        values = [one.rpartition("/")[2] for one in values]
    return Criterion(parameter, tuple(values))


def _is_token(wanted: str, system: str, code: str) -> bool:
    """FHIR R4, 3.1.1.4.10: `code`, `system|code`, `|code` (no system), `system|`."""
    asked_system, bar, asked_code = wanted.rpartition("|")
    if bar and asked_system != system:
        return False
    if system.startswith("eip155:") and asked_code.lower() == code.lower():
        return True  # an address with or without its checksum
    return asked_code == code or (bool(bar) and not asked_code)


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise FhirParameterInvalid("_count is not a whole number")
    return min(int(value[:9]), LARGEST_COUNT)
