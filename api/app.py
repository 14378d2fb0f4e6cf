"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.cohorts import endpoints as cohorts
from api.consents import endpoints as consents
from api.enrolments import endpoints as enrolments
from api.erasures import endpoints as erasures
from api.fhir import endpoints as fhir
from api.http.described import OUTCOMES, PROBLEMS
from api.http.errors import Defects, install_error_handlers
from api.http.headers import EntityTags, RequestHeaders
from api.http.limits import BodyLimit, RequestRate, make_limiter
from api.index.metrics import IndexMetrics
from api.observability import endpoints as observability
from api.observability.requests import ObservedRequests, RequestMetrics
from api.observability.traces import install_traces
from api.outbox import endpoints as outbox
from api.outbox.intake import Intake
from api.outbox.metrics import OutboxMetrics
from api.receipts import endpoints as receipts
from api.review import acting_endpoints as review_acting
from api.review import reading_endpoints as review_reading
from api.review.bundling import endpoints as bundling
from api.review.log import endpoints as audit_log
from api.roles import endpoints as roles
from api.rounds import endpoints as rounds
from api.service import Service
from api.signin import account_endpoints as signin_account
from api.signin import endpoints as signin
from api.signin import passkey_endpoints as signin_passkeys
from api.sites import endpoints as sites
from api.stream import endpoints as stream
from api.studies import endpoints as studies
from api.webhooks import endpoints as webhooks

_DESCRIPTION = """
Consent and audit over HTTP. A convenience over the contracts, never an authority: whatever this
service says can be checked on the chain, and it can fail or lie without anyone's consent changing.
Errors are problem details (RFC 9457); `/problems` lists their codes.
"""

#: One router a feature.
ROUTERS: tuple[APIRouter, ...] = (
    signin.router,
    signin_account.router,
    signin_passkeys.router,
    roles.router,
    studies.router,
    rounds.router,
    cohorts.router,
    stream.router,
    webhooks.router,
    outbox.router,
    review_reading.router,
    review_acting.router,
    bundling.router,
    audit_log.router,
    sites.router,
    consents.router,
    receipts.router,
    enrolments.router,
    erasures.router,
)


def create_app(service: Service) -> FastAPI:
    """The application over one service; it closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    settings = service.settings
    app = FastAPI(
        title="Assent",
        version=version("assent"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        # It would name the host that the request names, whatever that is.
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.intake = Intake(service)
    app.state.limiter = make_limiter()
    app.include_router(observability.router, responses=PROBLEMS)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1", responses=PROBLEMS)
    app.include_router(fhir.router, prefix="/fhir", responses=OUTCOMES)
    service.registry.register(OutboxMetrics(service))
    service.registry.register(IndexMetrics(service))
    install_error_handlers(app, settings.origin)
    # The last that is added meets a request first.
    app.add_middleware(EntityTags)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, origin=settings.origin)
    app.add_middleware(
        RequestRate,
        limiter=app.state.limiter,
        per_minute=settings.requests_per_minute,
        origin=settings.origin,
    )
    app.add_middleware(Defects, origin=settings.origin)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=[
            *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
            *("Last-Event-ID", "Prefer"),
        ],
        expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-ID"],
        max_age=600,
    )
    app.add_middleware(ObservedRequests, metrics=RequestMetrics(service.registry))
    app.add_middleware(RequestHeaders, https=settings.origin.startswith("https:"))
    install_traces(app)
    return app
