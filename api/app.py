"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from slowapi.middleware import SlowAPIASGIMiddleware
from starlette.middleware.cors import CORSMiddleware

from api.http.errors import install_error_handlers
from api.http.headers import EntityTags, RequestHeaders
from api.http.limits import BodyLimit, make_limiter
from api.observability import endpoints as observability
from api.observability.requests import ObservedRequests, RequestMetrics
from api.observability.traces import install_traces
from api.outbox import endpoints as outbox
from api.service import Service
from api.signin import account_endpoints as signin_account
from api.signin import endpoints as signin

_DESCRIPTION = """
Consent and audit over HTTP. A convenience over the contracts, never an authority: whatever this
service says can be checked on the chain, and it can fail or lie without anyone's consent changing.
Errors are problem details (RFC 9457); `/problems` lists their codes.
"""

#: One router a feature.
ROUTERS: tuple[APIRouter, ...] = (signin.router, signin_account.router, outbox.router)


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
    )
    app.state.service = service
    app.state.limiter = make_limiter(settings.requests_per_minute)
    app.include_router(observability.router)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    install_error_handlers(app, settings.origin)
    # The last that is added meets a request first.
    app.add_middleware(EntityTags)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, origin=settings.origin)
    app.add_middleware(SlowAPIASGIMiddleware)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
        expose_headers=["ETag", "Link", "Retry-After", "X-Request-ID"],
        max_age=600,
    )
    app.add_middleware(ObservedRequests, metrics=RequestMetrics(service.registry))
    app.add_middleware(RequestHeaders, https=settings.origin.startswith("https:"))
    install_traces(app)
    return app
