"""What an access token may be used for. A session may do all of it."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a program is let do with its owner's account."""

    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    STUDY_READ = "study:read"
    REVIEW_WRITE = "review:write"
    SITE_WRITE = "site:write"
    WEBHOOK_WRITE = "webhook:write"


ALL_SCOPES = frozenset(scope.value for scope in Scope)
