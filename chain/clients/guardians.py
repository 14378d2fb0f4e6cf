"""GuardianAccounts and the accounts that it makes (IGuardianAccounts.sol, IGuardianAccount.sol)."""

from collections.abc import Mapping, Sequence
from typing import Any

from web3 import Web3

from chain.clients.base import ContractClient, Receipt
from chain.events import ContractName
from chain.guardians import Quarter, Rotation, guardian_domain
from chain.messages import Domain
from chain.sender import Sender

GUARDIANS = 3


class GuardianAccountClient(ContractClient):
    """One account; `domain` is that of its Rotation."""

    name = "GuardianAccount"

    def study_id(self) -> int:
        """The only study that it grants to."""
        return int(self._view("studyId", block=None))

    def ends_at(self) -> int:
        """First second at which it grants no more; the longest use period ends here."""
        return int(self._view("endsAt", block=None))

    def acting_key(self, *, block: int | None = None) -> bytes:
        """The ERC-7913 signer that grants and revokes."""
        return bytes(self._view("actingKey", block=block))

    def rotations(self, *, block: int | None = None) -> int:
        """How often the acting key was replaced; it grants only while this is 0."""
        return int(self._view("rotations", block=block))

    def guardians(self) -> list[bytes]:
        """The three guardians, ERC-7913 signers, of whom two act."""
        return [bytes(signer) for signer in self._view("getSigners", 0, GUARDIANS, block=None)]

    def check_signature(self, digest: bytes, signature: bytes) -> None:
        """Raises the Guardian... refusal that says why the account does not approve `digest`.

        The consent token says no more than ConsentSignatureInvalid.
        """
        self._view("checkSignature", digest, signature, block=None)

    def rotation(self, new_key: bytes) -> Rotation:
        """What two guardians sign to replace the acting key now."""
        return Rotation(new_key, self.rotations())

    def rotate(self, rotation: Rotation, signatures: bytes) -> Receipt:
        """Carries a rotation; `signatures` is `quorum_signatures` of two guardians over it."""
        return self.write("rotate", rotation.new_key, signatures)

    def revoke_by_guardians(self, token_id: int, signatures: bytes) -> Receipt:
        """Carries a revocation that two guardians signed under the consent token's domain."""
        return self.write("revokeByGuardians", token_id, signatures)


class GuardianAccountsClient(ContractClient):
    """Makes guardian accounts and finds them. Acting key and guardians are ERC-7913 signers."""

    name = "GuardianAccounts"

    def __init__(
        self,
        w3: Web3,
        addresses: Mapping[str, ContractName],
        chain_id: int,
        address: str,
        sender: Sender | None,
    ) -> None:
        # Nothing is signed for it: the domain only says where it is.
        super().__init__(w3, addresses, Domain("", chain_id, address), sender)
        self._w3 = w3

    def account_of(
        self, study_id: int, end: Quarter, acting_key: bytes, guardians: Sequence[bytes]
    ) -> str:
        """Where `create` makes, or has made, the account of these: known before, so that whoever
        agreed on the address agreed on all four."""
        arguments = self._arguments(study_id, end, acting_key, guardians)
        return str(self._view("accountOf", *arguments, block=None))

    def create(
        self, study_id: int, end: Quarter, acting_key: bytes, guardians: Sequence[bytes]
    ) -> GuardianAccountClient:
        """Makes the account, or finds it made; anyone may.

        `end` is `chain.guardians.last_quarter_before_majority`. Keys serve this study alone: in two
        accounts the same guardian would link them. Raises GuardianAccountEnded, GuardianKeyInvalid,
        QuorumVerifierMissing and MultiSignerERC7913..., beside what every write raises.
        """
        self.write("create", *self._arguments(study_id, end, acting_key, guardians))
        return self.account(self.account_of(study_id, end, acting_key, guardians))

    def is_guardian_account(self, address: str, *, block: int | None = None) -> bool:
        """Whether it was made here, and so keeps the rules of IGuardianAccount."""
        return bool(self._view("isGuardianAccount", address, block=block))

    def account(self, address: str) -> GuardianAccountClient:
        """The account at an address, which `is_guardian_account` should know."""
        domain = guardian_domain(self.domain.chain_id, address)
        return GuardianAccountClient(self._w3, self._addresses, domain, self._sender)

    def _arguments(
        self, study_id: int, end: Quarter, acting_key: bytes, guardians: Sequence[bytes]
    ) -> list[Any]:
        if len(guardians) != GUARDIANS:
            raise ValueError(f"an account has {GUARDIANS} guardians, not {len(guardians)}")
        return [study_id, end.year, end.quarter, acting_key, list(guardians)]
