"""RoundLedger: rounds and the privacy budget (IRoundLedger.sol)."""

from collections.abc import Sequence

from chain.clients.base import ContractClient, Receipt
from chain.messages import ChallengeRecord, Commitment, Round


class RoundLedgerClient(ContractClient):
    name = "RoundLedger"

    def open(self, study_id: int) -> Receipt:
        """Opens the next round; the account is the coordinator. See `receipt.event(Opened)`."""
        return self.write("open", study_id)

    def commit(self, study_id: int, round_: int, commitment: Commitment) -> Receipt:
        """Commits, or recommits; the account is a site."""
        return self.write("commit", study_id, round_, commitment)

    def seal(self, study_id: int, round_: int) -> Receipt:
        """Fixes the contributors and charges rho. See `receipt.event(Sealed)`."""
        return self.write("seal", study_id, round_)

    def close(
        self,
        study_id: int,
        round_: int,
        checkpoint_hash: bytes,
        manifest_hash: bytes,
        masked_hashes: Sequence[bytes],
        delivery_signatures: Sequence[bytes],
        coordinator_signature: bytes,
    ) -> Receipt:
        """Closes with the evidence; hashes and signatures in the order of the members."""
        return self.write(
            "close",
            study_id,
            round_,
            checkpoint_hash,
            manifest_hash,
            masked_hashes,
            delivery_signatures,
            coordinator_signature,
        )

    def abort(self, study_id: int, round_: int) -> Receipt:
        """Ends a round that is open or sealed. See `receipt.event(Aborted)` for the reason."""
        return self.write("abort", study_id, round_)

    def record_delivery(self, study_id: int, round_: int, masked_hash: bytes) -> Receipt:
        """Puts the account's delivery on record; the account is a member of the sealed round."""
        return self.write("recordDelivery", study_id, round_, masked_hash)

    def bar(self, study_id: int, round_: int, site: str) -> Receipt:
        """Bars a member that did not deliver; the account is the coordinator."""
        return self.write("bar", study_id, round_, site)

    def readmit(self, study_id: int, site: str, signer: bytes, signature: bytes) -> Receipt:
        """Carries one reviewer's signed Readmission."""
        return self.write("readmit", study_id, site, signer, signature)

    def challenge(
        self,
        study_id: int,
        round_: int,
        site: str,
        token_id: int,
        signer: bytes,
        signature: bytes,
    ) -> Receipt:
        """Carries a signed Challenge: a reviewer's (token 0) or the token's holder's."""
        return self.write("challenge", study_id, round_, site, token_id, signer, signature)

    def answer(self, study_id: int, round_: int, token_id: int, answer_hash: bytes) -> Receipt:
        """Answers a challenge with the SHA-256 of the answer; the account is the site."""
        return self.write("answer", study_id, round_, token_id, answer_hash)

    def fault(self, study_id: int, round_: int, site: str, token_id: int) -> Receipt:
        """Puts on record that a site did not answer in time, which bars it; anyone may."""
        return self.write("fault", study_id, round_, site, token_id)

    def roll_back(
        self, study_id: int, to_round: int, signers: Sequence[bytes], signatures: Sequence[bytes]
    ) -> Receipt:
        """Carries k reviewers' signed Rollbacks; signers and signatures in the same order."""
        return self.write("rollBack", study_id, to_round, signers, signatures)

    def round(self, study_id: int, number: int, *, block: int | None = None) -> Round:
        """A round's standing; RoundState.NONE and zeros when there is none."""
        return self._struct(Round, "round", study_id, number, block=block)

    def round_count(self, study_id: int, *, block: int | None = None) -> int:
        """Rounds are numbered from 1 to this."""
        return int(self._view("roundCount", study_id, block=block))

    def last_closed(self, study_id: int, *, block: int | None = None) -> int:
        """The closed round whose checkpoint the next round starts from; 0 for the initial one."""
        return int(self._view("lastClosed", study_id, block=block))

    def last_sealed(self, study_id: int, *, block: int | None = None) -> int:
        """The newest round that was sealed, closed or not; 0 when there is none."""
        return int(self._view("lastSealed", study_id, block=block))

    def members(self, study_id: int, number: int, *, block: int | None = None) -> list[str]:
        """A sealed round's contributors, in the order of Terms.sites."""
        return self._addresses_of("members", study_id, number, block=block)

    def commitment_of(
        self, study_id: int, number: int, site: str, *, block: int | None = None
    ) -> Commitment:
        """A site's newest commitment to a round; attempt 0 and zeros when there is none."""
        return self._struct(Commitment, "commitmentOf", study_id, number, site, block=block)

    def is_current(
        self, study_id: int, number: int, site: str, *, block: int | None = None
    ) -> bool:
        """Whether a commitment may be sealed (open round) or closed (sealed round)."""
        return bool(self._view("isCurrent", study_id, number, site, block=block))

    def current_sites(
        self, study_id: int, number: int, sites: Sequence[str], *, block: int | None = None
    ) -> set[str]:
        """Those of the sites for which `is_current` holds, asked together."""
        asked = [(study_id, number, site) for site in sites]
        answers = self._views("isCurrent", asked, block=block)
        return {site for site, current in zip(sites, answers, strict=True) if current}

    def commitments_of(
        self, study_id: int, number: int, sites: Sequence[str], *, block: int | None = None
    ) -> list[Commitment]:
        """`commitment_of` each of the sites, asked together."""
        asked = [(study_id, number, site) for site in sites]
        return self._structs(Commitment, "commitmentOf", asked, block=block)

    def bars(self, study_id: int, sites: Sequence[str]) -> dict[str, int]:
        """`barred_for` of those of the sites that are barred, asked together."""
        answers = self._views("barredFor", [(study_id, site) for site in sites], block=None)
        return {site: int(of) for site, of in zip(sites, answers, strict=True) if of}

    def barred_for(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """The round that a site is barred for; 0 when it is not."""
        return int(self._view("barredFor", study_id, site, block=block))

    def times_barred(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """How often a site was barred, whatever became of it; a Readmission names this."""
        return int(self._view("timesBarred", study_id, site, block=block))

    def delivery_of(
        self, study_id: int, number: int, site: str, *, block: int | None = None
    ) -> bytes:
        """The masked digest that a member put on record; zeros when there is none."""
        return bytes(self._view("deliveryOf", study_id, number, site, block=block))

    def challenge_of(
        self, study_id: int, number: int, site: str, token_id: int, *, block: int | None = None
    ) -> ChallengeRecord:
        """Where a challenge stands; zeros when there is none."""
        return self._struct(
            ChallengeRecord, "challengeOf", study_id, number, site, token_id, block=block
        )

    def charged_aborts(self, study_id: int, *, block: int | None = None) -> int:
        """Sealed rounds that were aborted since the study was last suspended."""
        return int(self._view("chargedAborts", study_id, block=block))

    def rounds_over(
        self, study_id: int, since: int, count: int, *, block: int | None = None
    ) -> bool:
        """Whether at least `count` rounds that were opened after second `since` are over."""
        return bool(self._view("roundsOver", study_id, since, count, block=block))

    def rollbacks(self, study_id: int, *, block: int | None = None) -> int:
        """How many rollbacks a study has had; a Rollback names this."""
        return int(self._view("rollbacks", study_id, block=block))

    def is_retired(self, study_id: int, number: int, *, block: int | None = None) -> bool:
        """Whether a round closed and a rollback took it out of what later rounds descend from."""
        return bool(self._view("isRetired", study_id, number, block=block))

    def rho_spent(self, study_id: int, *, block: int | None = None) -> int:
        """zCDP rho charged so far, in 1e-18."""
        return int(self._view("rhoSpent", study_id, block=block))

    def rho_of_round(self, study_id: int, version: int, *, block: int | None = None) -> int:
        """zCDP rho that a round of a version costs, in 1e-18."""
        return int(self._view("rhoOfRound", study_id, version, block=block))
