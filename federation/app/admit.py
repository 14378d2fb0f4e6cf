"""Admission: which of a site's tokens enter a round, by chain facts alone, read at one block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit.admission import refusal
from audit.cohort import Status, leaf, root
from chain.chain import Block, Chain
from chain.light_dataclass import light_dataclass
from chain.messages import Consent, Round, Terms, token_id


@light_dataclass(frozen=True)
class Cohort:
    """What a site admits to a round, and why it refuses the rest.

    Attributes:
        block: where everything was read; epoch: the (study, site) epoch there.
        statuses: one for each token minted by then, by the token's index.
        consents: the admitted tokens' consents, by index, ascending.
    """

    block: Block
    epoch: int
    statuses: tuple[Status, ...]
    consents: dict[int, Consent]

    @property
    def size(self) -> int:
        """Tokens admitted."""
        return len(self.consents)


def admit(
    chain: Chain, terms: Terms, study_id: int, opened: Round, site: str, purposes: int | None = None
) -> Cohort:
    """Reads the cohort at the head of the site's own node.

    A token is admitted when it is active from now to the round's close deadline for the terms'
    purposes (or for `purposes`, when a harness evaluates).

    Args:
        opened: the round, for its close deadline.
        site: the site's account.

    Raises:
        chain.errors.ChainError
    """
    block = chain.head()
    wanted = terms.purposes if purposes is None else purposes

    def active_at(at: int) -> list[int]:
        return chain.consent.all_active_tokens(study_id, site, wanted, at, block=block.number)

    now, later, minted, study, epoch = chain.together(
        lambda: active_at(block.timestamp),
        lambda: active_at(opened.close_deadline),
        lambda: chain.consent.minted_count(study_id, site, block=block.number),
        lambda: chain.registry.study(study_id, block=block.number),
        lambda: chain.consent.epoch(study_id, site, block=block.number),
    )
    # Active now and to the end: a token whose use period has not begun is not admitted early.
    active = set(now) & set(later)
    statuses: list[Status] = []
    consents: dict[int, Consent] = {}
    tokens = (token_id(study_id, site, index) for index in range(minted))
    for index, consent in enumerate(chain.consent.consents(tokens, block=block.number)):
        if index in active:
            consents[index] = consent
            statuses.append(Status.ADMITTED)
        else:
            statuses.append(
                refusal(
                    consent,
                    consent.version,
                    bool(consent.revoked_at),
                    wanted,
                    terms.disease,
                    block.timestamp,
                    opened.close_deadline,
                    study.consent_version,
                )
            )
    return Cohort(block, epoch, tuple(statuses), consents)


def cohort_root(
    chain: Chain,
    study_id: int,
    number: int,
    site: str,
    statuses: Sequence[Status],
    salt_of: Callable[[int], bytes],
) -> bytes:
    """Root of the cohort tree: a leaf for each token ever minted, so exclusion is provable too.

    Args:
        statuses: one for each token minted by the cohort's block, by index.
        salt_of: the leaf's own 32-byte salt, by index.
    """
    deployment = chain.deployment
    return root(
        [
            leaf(
                deployment.chain_id,
                deployment.ledger,
                study_id,
                site,
                number,
                index,
                token_id(study_id, site, index),
                status,
                salt_of(index),
            )
            for index, status in enumerate(statuses)
        ]
    )
