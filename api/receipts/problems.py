"""What a receipt or its key is refused for."""

from __future__ import annotations

from api.problems import ServiceProblem


class ReceiptKeyRefused(ServiceProblem):
    code = "receipt-key-refused"
    status_code_ = 422
    summary = "The receipt key cannot be taken"
    why = "It names another holder, is no X25519 key, or is dated later than now."
    fix = "Ask `/v1/me/receipt-key/drafts` for what to sign, and sign that."


class ReceiptKeyOlder(ServiceProblem):
    code = "receipt-key-older"
    status_code_ = 409
    summary = "A later receipt key was named before"
    why = "Of two keys the later counts, so that nobody can bring back one that was replaced."
    fix = "Sign a new one."


class ReceiptKeyMissing(ServiceProblem):
    code = "receipt-key-missing"
    status_code_ = 409
    summary = "The holder has named no such receipt key"
    why = "Receipts are kept only when they are encrypted to the key that the holder named last."
    fix = "Ask `/v1/receipts/wanted` again, and encrypt to the key there after checking it."
