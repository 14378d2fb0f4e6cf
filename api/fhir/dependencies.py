"""What FHIR endpoints ask for, by type."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import ChainOf, Database, ServiceOf
from api.fhir.naming import Naming
from api.fhir.reading import Reading
from api.fhir.responses import prefers
from api.fhir.searching import search_pairs
from api.signin.caller import Caller, requires
from api.signin.scopes import Scope

#: Who may read consents. Raises NotSignedIn, ScopeMissing.
ReaderOf = Annotated[Caller, Depends(requires(Scope.CONSENT_READ))]


def _naming(service: ServiceOf) -> Naming:
    return Naming.of(service.settings.origin, service.node.deployment)


NamingOf = Annotated[Naming, Depends(_naming)]


def _reading(database: Database, chain: ChainOf, naming: NamingOf) -> Reading:
    return Reading.of(database, chain, naming)


ReadingOf = Annotated[Reading, Depends(_reading)]
#: The parameters of a search, of URL and form.
PairsOf = Annotated[list[tuple[str, str]], Depends(search_pairs)]


def _strict(request: Request) -> bool:
    return prefers(request).get("handling") == "strict"


#: Whether unknown parameters are refused.
StrictOf = Annotated[bool, Depends(_strict)]
