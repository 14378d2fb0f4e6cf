"""Receipts and disclosures: what this site committed to about tokens in a round, made from its
journal again.
"""

from __future__ import annotations

from audit.cohort import leaf, proof, root
from audit.disclosure import Disclosure
from chain.chain import Chain
from chain.messages import split_token_id, token_id
from federation.gate.journal import Journal
from federation.gate.kept_cohort import KeptCohort
from federation.gate.keys import SiteKeys
from study.receipt import Receipt


class NoReceipt(Exception):
    """There is no receipt of this site for a round, or for a token in it. The message says why."""


class RoundReceipts:
    """The cohort tree of one round, as the site's newest commitment on chain has it.

    Raises:
        NoReceipt: the site has committed nothing to the round, or its journal keeps no cohort of
            what it committed (the round was abandoned here, or the folder is another's).
        chain.errors.ChainError, KeyFolderInvalid
    """

    def __init__(
        self, keys: SiteKeys, journal: Journal, chain: Chain, study_id: int, number: int
    ) -> None:
        self._chain, self._study, self._number = chain, study_id, number
        self._site = keys.public.account
        commitment = chain.ledger.commitment_of(study_id, number, self._site)
        if commitment.attempt == 0:
            raise NoReceipt(f"this site has committed nothing to round {number}")
        data = journal.cohort(study_id, number, commitment.vector_hash)
        if data is None:
            raise NoReceipt(
                f"the journal keeps no cohort of round {number}: the round was abandoned here, or"
                " this is not the folder that took part in it"
            )
        self._attempt, self._kept = commitment.attempt, KeptCohort.parse(data)
        deployment = chain.deployment
        self._salts = [
            keys.leaf_salt(
                deployment.chain_id, deployment.ledger, study_id, number, self._attempt, index
            )
            for index in range(len(self._kept.statuses))
        ]
        self._leaves = [
            leaf(
                deployment.chain_id,
                deployment.ledger,
                study_id,
                self._site,
                number,
                index,
                token_id(study_id, self._site, index),
                status,
                salt,
            )
            for index, (status, salt) in enumerate(
                zip(self._kept.statuses, self._salts, strict=True)
            )
        ]
        if root(self._leaves) != commitment.cohort_root:
            raise NoReceipt(
                f"the journal's cohort of round {number} is not the one on the chain; restore the"
                " newest backup"
            )

    def of(self, token: int) -> Receipt:
        """A token's receipt.

        Raises:
            NoReceipt: it is not this site's, or was granted after the site had committed.
        """
        study, site, index = split_token_id(token)
        if (study, site) != (self._study, self._site):
            raise NoReceipt(f"token {token} is not one of this site in study {self._study}")
        if index >= len(self._leaves):
            raise NoReceipt(
                f"token {token} was granted after this site had committed to round {self._number}"
            )
        return Receipt(
            chain_id=self._chain.deployment.chain_id,
            ledger=self._chain.deployment.ledger,
            token_id=token,
            round_number=self._number,
            attempt=self._attempt,
            status=self._kept.statuses[index],
            salt=self._salts[index],
            count=len(self._leaves),
            path=proof(self._leaves, index),
            root=root(self._leaves),
        )

    def disclosure(self) -> Disclosure:
        """The whole cohort, for a reviewer: every token's status and its leaf's salt."""
        return Disclosure(
            chain_id=self._chain.deployment.chain_id,
            ledger=self._chain.deployment.ledger,
            study=self._study,
            site=self._site,
            round_number=self._number,
            attempt=self._attempt,
            leaves=tuple(zip(self._kept.statuses, self._salts, strict=True)),
        )
