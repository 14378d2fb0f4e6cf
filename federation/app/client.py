"""Flower's ClientApp: a site's process for one message.

It replies with a masked vector and a signature, or with a fixed code; whatever goes wrong is
written to the site's own log and nowhere else.
"""

from __future__ import annotations

import logging

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from chain.errors import ChainError, LedgerStudyNotUsable
from federation.app.reply import WithheldCode, delivered, read_order, withheld
from federation.app.site_round import SiteRound, Withheld
from federation.gate.checked_round import RoundNotChecked, require_checked
from federation.gate.journal_schema import BudgetExceeded, ChargeContradicted, JournalError
from federation.gate.record_tally import RecordTallyRefused
from federation.gate.site import Site, site_folder_from_environment
from ipfs.objects import ObjectStoreError

log = logging.getLogger("assent.site")

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Takes part in the round that the message orders."""
    address = ""
    try:
        site = Site(site_folder_from_environment())
        address = site.address
        study_id, number = read_order(message.content)
        require_checked(site.folder, study_id, number)
        reply = delivered(*SiteRound(site, study_id, number).run())
        log.info("study %d round %d: delivered", study_id, number)
    except Exception as error:
        code = _code_of(error)
        log.exception("withheld with code %s", code)
        reply = withheld(address, code)
    return Message(reply, reply_to=message)


def _code_of(error: Exception) -> WithheldCode:
    if isinstance(error, Withheld):
        return error.code
    if isinstance(error, RoundNotChecked):
        return WithheldCode.NOT_OPEN
    if isinstance(error, LedgerStudyNotUsable):
        return WithheldCode.STUDY_NOT_USABLE
    if isinstance(error, BudgetExceeded | ChargeContradicted | RecordTallyRefused):
        return WithheldCode.BUDGET_REFUSED
    if isinstance(error, JournalError):
        return WithheldCode.SEAL_CONTRADICTS
    if isinstance(error, ChainError | ObjectStoreError):
        return WithheldCode.UNAVAILABLE
    return WithheldCode.FAILED
