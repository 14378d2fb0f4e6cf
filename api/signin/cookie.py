"""The session's cookie, and which pages may use it."""

from __future__ import annotations

from fastapi import Request, Response

from api.settings import Settings
from api.signin.problems import OriginRefused

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds a cookie to this very host over TLS (RFC 6265bis, section 4.1.3.2).

    Browsers refuse that name without TLS, which only this machine itself may do without.
    """
    return "__Host-assent" if _https(settings) else "assent"


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """Gives the browser a session's token, which no script of a page can read."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_minutes * 60,
        path="/",
        secure=_https(settings),
        httponly=True,
        samesite="strict",
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Takes the cookie from the browser."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=_https(settings), httponly=True, samesite="strict"
    )


def require_own_page(request: Request, settings: Settings) -> None:
    """Raises OriginRefused for a change that no page of ours asks for.

    Browsers set `Origin` on every request that is neither GET nor HEAD, and no page can forge it.
    """
    if request.method not in _SAFE_METHODS and not _is_own(request.headers.get("origin"), settings):
        raise OriginRefused


def refuse_foreign_page(request: Request, settings: Settings) -> None:
    """Raises OriginRefused when a page that is not ours asks; a program names no page.

    For sign-in itself: a foreign page must not sign its visitors in as somebody else.
    """
    origin = request.headers.get("origin")
    if origin is not None and not _is_own(origin, settings):
        raise OriginRefused


def _is_own(origin: str | None, settings: Settings) -> bool:
    allowed = {settings.origin, *(one.rstrip("/") for one in settings.cors_origins)}
    return origin in allowed


def _https(settings: Settings) -> bool:
    return settings.origin.startswith("https:")
