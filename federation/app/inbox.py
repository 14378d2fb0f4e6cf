"""What sites have sent to one round: deliveries that a sealed member signed, and silences."""

from __future__ import annotations

from collections.abc import Callable

from audit.cid import digest_of
from audit.errors import AuditError
from chain.messages import Delivery, Domain, RoundState, Terms, ledger_domain, recover
from federation.app.coordinator import Coordinator, MaskedDelivery
from federation.app.reply import WithheldCode

#: New deliveries, new withheld codes by site, and whether every asked site has answered.
Replies = Callable[[], tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]]


class Inbox:
    """Takes replies as they come and believes only signatures over the ledger's own seal.

    Args:
        replies: called at each look.

    Attributes:
        deliveries: the first good delivery of each member, by site; kept on disk before it counts.
        silent: codes that answers gave in a site's name, for people to read: nobody signs one, so
            any node can say it of any site.
        all_answered: whether nobody is left to wait for.
    """

    def __init__(
        self, coordinator: Coordinator, terms: Terms, round_number: int, replies: Replies
    ) -> None:
        self._coordinator, self._terms = coordinator, terms
        self._number, self._replies = round_number, replies
        self._early: list[MaskedDelivery] = []
        self.deliveries = coordinator.deliveries(round_number)
        self.silent: dict[str, WithheldCode] = {}
        self.all_answered = False

    @property
    def codes(self) -> str:
        """Who was silent and why, for a message."""
        return ", ".join(f"{site}: {code}" for site, code in self.silent.items()) or "none"

    def look(self) -> None:
        """Takes what has come. Before the seal nothing can be judged, so it waits here."""
        new, silent, self.all_answered = self._replies()
        self.silent.update(dict(silent))
        self._early += new
        if not self._early:
            return
        ledger, study = self._coordinator.chain.ledger, self._coordinator.config.study_id
        sealed = ledger.round(study, self._number)
        if sealed.state != RoundState.SEALED:
            return
        members = set(ledger.members(study, self._number))
        for delivery in self._early:
            site = self._signer(delivery, sealed.seal_digest)
            if site not in members or len(delivery.masked) != 8 * self._terms.vector_length:
                self._note("delivery-refused", site)
            elif site not in self.deliveries:  # a second one must not replace what was kept
                self._coordinator.keep_delivery(self._number, site, delivery)
                self.deliveries[site] = delivery
                self._note("delivered", site)
        self._early = []

    def _signer(self, delivery: MaskedDelivery, seal_digest: bytes) -> str:
        """Who signed it; "" for nobody, or when the bytes are none that could be kept."""
        try:
            message = Delivery(seal_digest, digest_of(delivery.masked))
            return recover(message.digest(self._domain()), delivery.signature)
        except (AuditError, ValueError):
            return ""

    def _domain(self) -> Domain:
        deployment = self._coordinator.chain.deployment
        return ledger_domain(deployment.chain_id, deployment.ledger)

    def _note(self, phase: str, site: str) -> None:
        self._coordinator.note(self._number, phase, site=site)
