"""What a signed act is refused for, before the chain is asked."""

from __future__ import annotations

from api.problems import ServiceProblem


class ActInvalid(ServiceProblem):
    code = "act-invalid"
    status_code_ = 422
    summary = "This is not a signed act"
    why = "It is JSON of schema assent-signed-act-1, with exactly the types that were signed."
    fix = "`detail` names the member. Sign the typed data as the service gave it, unchanged."


class ActForAnotherChain(ServiceProblem):
    code = "act-for-another-chain"
    status_code_ = 422
    summary = "The act was signed for another chain or contract"
    why = "A signature holds for one contract on one chain; `detail` names both."
    fix = "Ask this service for the typed data and sign that."


class ActTooCostly(ServiceProblem):
    code = "act-too-costly"
    status_code_ = 409
    summary = "The act takes more gas than this service pays for"
    why = "What a contract account does to check its signature is paid for by whoever carries it."
    fix = "Have the account check it with less gas, or carry the act to the contract yourself."


class RelayOff(ServiceProblem):
    code = "relay-off"
    status_code_ = 503
    summary = "This service carries nothing to the chain"
    why = "It was started without an account that pays for transactions."
    fix = "Carry the act yourself: anyone may give a signed act to the contract."


class QuotaSpent(ServiceProblem):
    code = "quota-spent"
    status_code_ = 429
    summary = "One address may have only so many acts carried in an hour"
    why = (
        "Every act costs the service a fee. Revocations are not counted, unless a contract account"
        " agreed to them when it was asked and refused them in the block."
    )
    fix = "Wait as long as `Retry-After` says, or carry the act to the contract yourself."


class IdempotencyKeyInvalid(ServiceProblem):
    code = "idempotency-key-invalid"
    status_code_ = 422
    summary = "The Idempotency-Key is not 1 to 128 visible ASCII characters"
    why = "The key is kept and compared, so it has a longest length."
    fix = "Send a fresh UUID for each new request, and the same one when you repeat a request."


class IdempotencyKeyReused(ServiceProblem):
    code = "idempotency-key-reused"
    status_code_ = 422
    summary = "This Idempotency-Key was used for another request"
    why = "A key stands for one request: the same answer is given whenever that is repeated."
    fix = "Send a fresh key with a new request."
