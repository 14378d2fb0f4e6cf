"""ConsentToken: consent as a locked token (IConsentToken.sol)."""

from collections.abc import Iterable

from chain.clients.base import ContractClient, Receipt
from chain.messages import Consent, EnrolmentProof, Grant

# Indices that one eth_call looks at, 3,900 gas each: 8 M for a page. That is below what nodes allow
# a call (commonly 50 M) and a transaction (EIP-7825: 2^24).
PAGE_SIZE = 2048


class ConsentTokenClient(ContractClient):
    name = "ConsentToken"

    def grant(self, grant: Grant, enrolment: EnrolmentProof) -> Receipt:
        """Grants; the account is the holder. The token is `receipt.event(Granted).token_id`.

        `chain.messages.enrolment_proof` makes the proof of a signed enrolment.
        """
        return self.write("grant", grant, enrolment)

    def grant_by_sig(
        self, grant: Grant, signer: bytes, signature: bytes, enrolment: EnrolmentProof
    ) -> Receipt:
        """Carries a holder's signed Grant; `signer` is ERC-7913."""
        return self.write("grantBySig", grant, signer, signature, enrolment)

    def revoke(self, token_id: int) -> Receipt:
        """Revokes; the account is the holder."""
        return self.write("revoke", token_id)

    def revoke_by_sig(self, token_id: int, signer: bytes, signature: bytes) -> Receipt:
        """Carries a holder's signed Revocation."""
        return self.write("revokeBySig", token_id, signer, signature)

    def is_consent_active(
        self, token_id: int, purposes: int, at: int, *, block: int | None = None
    ) -> bool:
        """The only predicate: may the record be used for all of `purposes` at second `at`."""
        return bool(self._view("isConsentActive", token_id, purposes, at, block=block))

    def active_tokens(
        self,
        study_id: int,
        site: str,
        purposes: int,
        at: int,
        from_index: int,
        page_size: int,
        *,
        block: int | None = None,
    ) -> tuple[list[int], int]:
        """(active indices in [from_index, from_index + page_size), next from_index or 0)."""
        indices, following = self._view(
            "activeTokens", study_id, site, purposes, at, from_index, page_size, block=block
        )
        return [int(index) for index in indices], int(following)

    def all_active_tokens(
        self, study_id: int, site: str, purposes: int, at: int, *, block: int
    ) -> list[int]:
        """Every active index of a site, ascending, page by page at one block."""
        found: list[int] = []
        start = 0
        while True:
            page, start = self.active_tokens(
                study_id, site, purposes, at, start, PAGE_SIZE, block=block
            )
            found += page
            if start == 0:
                return found

    def consent(self, token_id: int, *, block: int | None = None) -> Consent:
        """What is kept of a token, also after its revocation; zeros when there is none."""
        return self._struct(Consent, "consent", token_id, block=block)

    def consents(self, token_ids: Iterable[int], *, block: int | None = None) -> list[Consent]:
        """`consent` of each, in one request a hundred."""
        return self._structs(Consent, "consent", ((token,) for token in token_ids), block=block)

    def token_id_of(self, study_id: int, site: str, index: int, *, block: int | None = None) -> int:
        """The contract's own `chain.messages.token_id`."""
        return int(self._view("tokenIdOf", study_id, site, index, block=block))

    def minted_count(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """Tokens ever granted at a site; indices are 0 to one less."""
        return int(self._view("mintedCount", study_id, site, block=block))

    def unburned_count(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """Tokens granted and not revoked."""
        return int(self._view("unburnedCount", study_id, site, block=block))

    def unburned_word(
        self, study_id: int, site: str, word: int, *, block: int | None = None
    ) -> int:
        """256 bits of the bitmap of unburned tokens; bit n of word w is index 256 w + n."""
        return int(self._view("unburnedWord", study_id, site, word, block=block))

    def epoch(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """How many acts ended a token of this site in this study."""
        return int(self._view("epoch", study_id, site, block=block))

    def epoch_moved_at(self, study_id: int, site: str, *, block: int | None = None) -> int:
        """When the epoch first moved after the ledger last took a commitment of the site; 0 when
        it has not."""
        return int(self._view("epochMovedAt", study_id, site, block=block))

    def revocation_counter(self, holder: str, *, block: int | None = None) -> int:
        """What a holder's next grant must be signed with."""
        return int(self._view("revocationCounter", holder, block=block))

    def live_token_of(
        self, study_id: int, site: str, record_tag: bytes, *, block: int | None = None
    ) -> int:
        """The record's unburned token; 0 when there is none."""
        return int(self._view("liveTokenOf", study_id, site, record_tag, block=block))

    def owner_of(self, token_id: int, *, block: int | None = None) -> str:
        """A live token's holder (ERC-721). Raises ERC721NonexistentToken when there is none."""
        return str(self._view("ownerOf", token_id, block=block))
