"""What a confirmation is refused for."""

from __future__ import annotations

from api.problems import ServiceProblem


class ConfirmationRefused(ServiceProblem):
    code = "confirmation-refused"
    status_code_ = 422
    summary = "The confirmation does not fit the request"
    why = "A site's account signs which study, site and holder it has erased, and when."
    fix = "Sign for exactly the request's study, site and holder."
