"""The table of `assent site`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "init": Command("scripts.site.setup:init", "Make a site's folder with fresh keys."),
    "keys": Command("scripts.site.setup:keys", "Show public keys; register them; rotate one."),
    "passphrase": Command(
        "scripts.site.passphrase:passphrase", "Encrypt the account key with another passphrase."
    ),
    "join": Command("scripts.site.joining:join", "Check a study's terms and join it."),
    "load": Command("scripts.site.records:load", "Load records from FHIR or LIS exports."),
    "enrol": Command("scripts.site.records:enrol", "Let a patient's address stand for a record."),
    "enrolments": Command("scripts.site.enrolments:enrolments", "Enrol who used their code."),
    "preflight": Command("scripts.site.checks:preflight", "Check all that a round will need."),
    "health": Command("scripts.site.checks:health", "Check what can go wrong while it runs."),
    "start": Command("scripts.site.service:start", "Take part in rounds, in the background."),
    "stop": Command("scripts.site.service:stop", "Stop taking part."),
    "status": Command("scripts.site.service:status", "Show connection, rounds, budget, cohort."),
    "challenges": Command("scripts.site.answering:challenges", "List what the site is asked."),
    "answer": Command("scripts.site.answering:answer", "Answer a challenge, by its file's hash."),
    "replay": Command(
        "scripts.site.replaying:replay", "Compute a round's part again, and compare."
    ),
    "record-delivery": Command(
        "scripts.site.answering:record_delivery", "Put a delivery on record, on chain."
    ),
    "disclose": Command(
        "scripts.site.disclosing:disclose", "Show a reviewer a round's cohort, encrypted."
    ),
    "receipt": Command("scripts.site.receipts:receipt", "Write the receipt of a patient's token."),
    "send-receipts": Command(
        "scripts.site.receipts:send_receipts", "Send patients their receipts, encrypted."
    ),
    "erasures": Command("scripts.site.erasing:erasures", "List who asks for erasure."),
    "erase-record": Command(
        "scripts.site.erasing:erase_record", "Make a record unlinkable, and confirm it."
    ),
    "record-tally": Command(
        "scripts.site.tally:record_tally", "Show what records gave to all studies; make it anew."
    ),
    "backup": Command("scripts.site.copies:backup", "Write the whole site to one encrypted file."),
    "restore": Command("scripts.site.copies:restore", "Make a site's folder from a backup."),
}

app = lazy_app("site", "Run a hospital's part of a study.", COMMANDS)
