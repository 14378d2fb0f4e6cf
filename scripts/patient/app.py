"""The table of `assent patient`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "key": Command("scripts.patient.granting:key", "Make an address for one study alone."),
    "claim": Command("scripts.patient.claiming:claim", "Answer a hospital's one-time code."),
    "read": Command("scripts.patient.granting:read", "Read what a grant would say."),
    "grant": Command("scripts.patient.granting:grant", "Consent: sign and submit a grant."),
    "revoke": Command("scripts.patient.revoking:revoke", "Revoke a consent, at any time."),
    "sign-revocation": Command(
        "scripts.patient.revoking:sign_revocation", "Sign a revocation in advance."
    ),
    "passkey": Command("scripts.patient.passkey:passkey", "Say the address of a passkey."),
    "message": Command("scripts.patient.passkey:message", "What a passkey signs to revoke."),
    "assemble": Command("scripts.patient.passkey:assemble", "Make an act of a passkey's answer."),
    "guardian": Command("scripts.patient.guardian:guardian", "Make a minor's guardian account."),
    "guardian-sign": Command(
        "scripts.patient.guardians_together:guardian_sign", "Sign as one of two guardians."
    ),
    "guardian-carry": Command(
        "scripts.patient.guardians_together:guardian_carry", "Carry what two guardians signed."
    ),
    "challenge": Command("scripts.patient.asking:challenge", "Ask for the receipt of a round."),
    "receipt-key": Command("scripts.patient.receipts:receipt_key", "Name a key for receipts."),
    "receipts": Command("scripts.patient.receipts:receipts", "Fetch receipts, encrypted."),
    "open-receipt": Command("scripts.patient.receipts:open_receipt", "What a receipt proves."),
    "submit": Command("scripts.patient.revoking:submit", "Carry what a patient has signed."),
    "status": Command("scripts.patient.status:status", "Is a consent active, and for what?"),
    "withdrawal": Command(
        "scripts.patient.withdrawal:withdrawal", "What became of a consent that was revoked."
    ),
    "vectors": Command("scripts.patient.vectors:vectors", "Write test vectors for app developers."),
}

app = lazy_app("patient", "Consent, revoke, and see what was done with it.", COMMANDS)
