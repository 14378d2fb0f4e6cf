"""StudyRegistry: studies, their committees and their approved terms (IStudyRegistry.sol)."""

from collections.abc import Sequence

from chain.clients.base import ContractClient, Receipt
from chain.messages import GrantRules, RoundRules, Site, Standing, Study, Terms


class StudyRegistryClient(ContractClient):
    name = "StudyRegistry"

    def register_site(self, enrolment_key: str, noise_secret_hash: bytes) -> Receipt:
        """Registers the account as a site; `noise_secret_hash` (SHA-256) can never change."""
        return self.write("registerSite", enrolment_key, noise_secret_hash)

    def rotate_enrolment_key(self, enrolment_key: str) -> Receipt:
        """Replaces the account's enrolment key (an address)."""
        return self.write("rotateEnrolmentKey", enrolment_key)

    def propose_study(self, reviewers: Sequence[str], threshold: int, terms: Terms) -> Receipt:
        """Proposes a study; its number is `receipt.event(StudyProposed).study_id`."""
        return self.write("proposeStudy", reviewers, threshold, terms)

    def propose_version(self, study_id: int, terms: Terms) -> Receipt:
        """Proposes the next version; its number is `receipt.event(VersionProposed).version`."""
        return self.write("proposeVersion", study_id, terms)

    def approve(
        self, study_id: int, version: int, expires_at: int, signer: bytes, signature: bytes
    ) -> Receipt:
        """Carries one reviewer's signed Approval until second `expires_at`; `signer` is ERC-7913.

        Of the newest proposed version, or, to renew it, of the one in force.
        """
        return self.write("approve", study_id, version, expires_at, signer, signature)

    def replace_reviewer(
        self,
        study_id: int,
        outgoing: str,
        incoming: str,
        signers: Sequence[bytes],
        signatures: Sequence[bytes],
    ) -> Receipt:
        """Carries k reviewers' signed Replacements."""
        return self.write("replaceReviewer", study_id, outgoing, incoming, signers, signatures)

    def record_successor(self, successor: str) -> Receipt:
        """Names the registry that new studies go to. Only the authority's members may, after
        its delay (`chain.governance`)."""
        return self.write("recordSuccessor", successor)

    def record_successor_call(self, successor: str) -> bytes:
        """The call data of `record_successor`, for a consortium to agree on."""
        return self.call_data("recordSuccessor", successor)

    def suspend(self, study_id: int) -> Receipt:
        """Stops the study; the account is a reviewer."""
        return self.write("suspend", study_id)

    def suspend_by_sig(self, study_id: int, signer: bytes, signature: bytes) -> Receipt:
        """Carries a reviewer's signed Suspension."""
        return self.write("suspendBySig", study_id, signer, signature)

    def resume(
        self, study_id: int, signers: Sequence[bytes], signatures: Sequence[bytes]
    ) -> Receipt:
        """Carries k reviewers' signed Resumptions."""
        return self.write("resume", study_id, signers, signatures)

    def site(self, account: str, *, block: int | None = None) -> Site:
        """A site's keys; zeros when it is not registered."""
        return self._struct(Site, "site", account, block=block)

    def study(self, study_id: int, *, block: int | None = None) -> Study:
        """A study's standing; zeros when there is none."""
        return self._struct(Study, "study", study_id, block=block)

    def study_count(self, *, block: int | None = None) -> int:
        """Studies are numbered from 1 to this."""
        return int(self._view("studyCount", block=block))

    def reviewers(self, study_id: int, *, block: int | None = None) -> list[str]:
        """The committee's accounts."""
        return self._addresses_of("reviewers", study_id, block=block)

    def terms(self, study_id: int, version: int, *, block: int | None = None) -> Terms:
        """The terms of a version; zeros when there is none."""
        return self._struct(Terms, "terms", study_id, version, block=block)

    def terms_hash(self, study_id: int, version: int, *, block: int | None = None) -> bytes:
        """What reviewers of a version signed; zeros when there is no such version."""
        return bytes(self._view("termsHash", study_id, version, block=block))

    def is_site(
        self, study_id: int, version: int, account: str, *, block: int | None = None
    ) -> bool:
        """Whether a version's terms name the account as a site."""
        return bool(self._view("isSite", study_id, version, account, block=block))

    def sites(self, study_id: int, version: int, *, block: int | None = None) -> list[str]:
        """The sites of a version's terms, ascending."""
        return self._addresses_of("sites", study_id, version, block=block)

    def is_reviewer(self, study_id: int, account: str, *, block: int | None = None) -> bool:
        """Whether the account is of the committee now."""
        return bool(self._view("isReviewer", study_id, account, block=block))

    def approval_of(
        self, study_id: int, version: int, reviewer: str, *, block: int | None = None
    ) -> int:
        """Until when a reviewer's approval of a version holds; 0 when there is none."""
        return int(self._view("approvalOf", study_id, version, reviewer, block=block))

    def standing(self, study_id: int, *, block: int | None = None) -> Standing:
        """What the predicate depends on; zeros when there is no such study."""
        return self._struct(Standing, "standing", study_id, block=block)

    def grant_rules(self, study_id: int, site: str, *, block: int | None = None) -> GrantRules:
        """What a grant at a site is held to now."""
        return self._struct(GrantRules, "grantRules", study_id, site, block=block)

    def round_rules(self, study_id: int, version: int, *, block: int | None = None) -> RoundRules:
        """What a round of a version is run by; zeros when there is no such version."""
        return self._struct(RoundRules, "roundRules", study_id, version, block=block)

    def successor(self, *, block: int | None = None) -> str:
        """The registry that new studies go to; the zero address while it is this one."""
        return str(self._view("successor", block=block))

    def authority(self, *, block: int | None = None) -> str:
        """The AccessManager that says who may record a successor."""
        return str(self._view("authority", block=block))

    def is_usable(self, study_id: int, *, block: int | None = None) -> bool:
        """Whether a version is in force, its approval has not expired, and nothing is suspended."""
        return bool(self._view("isUsable", study_id, block=block))

    def require_quorum(
        self,
        study_id: int,
        digest: bytes,
        signers: Sequence[bytes],
        signatures: Sequence[bytes],
        *,
        block: int | None = None,
    ) -> None:
        """Raises RegistryQuorumNotReached unless k reviewers signed the digest."""
        self._view("requireQuorum", study_id, digest, signers, signatures, block=block)

    def hash_terms(self, terms: Terms, *, block: int | None = None) -> bytes:
        """The contract's own `chain.messages.terms_hash`."""
        return bytes(self._view("hashTerms", terms, block=block))
