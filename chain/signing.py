"""EIP-712 domains, digests and signatures. Pure: no provider.

Import these names from `chain.messages`.
"""

import re
from functools import cache, lru_cache
from typing import Any

from coincurve import PublicKey
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address

from chain.hashing import keccak
from chain.light_dataclass import light_dataclass
from chain.solidity import abi_type, camel, check_members, members, to_abi

# Half the order of secp256k1: OpenZeppelin's ECDSA refuses a larger s (malleability, EIP-2).
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_checksummed = lru_cache(maxsize=65_536)(to_checksum_address)
_ONE_WORD = re.compile(r"(?:address|bool|bytes32|uint[0-9]+) ")


@light_dataclass(frozen=True)
class Domain:
    """The EIP-712 domain of one contract on one chain; the version is always "1"."""

    name: str
    chain_id: int
    contract: str


def registry_domain(chain_id: int, contract: str) -> Domain:
    """Domain of Approval, Suspension, Resumption and Replacement."""
    return Domain("Assent StudyRegistry", chain_id, contract)


def consent_domain(chain_id: int, contract: str) -> Domain:
    """Domain of Grant, Enrolment and Revocation, and of `chain.off_chain_messages`."""
    return Domain("Assent ConsentToken", chain_id, contract)


def ledger_domain(chain_id: int, contract: str) -> Domain:
    """Domain of Delivery, Closure, Readmission and Challenge."""
    return Domain("Assent RoundLedger", chain_id, contract)


def consortium_domain(chain_id: int, contract: str) -> Domain:
    """Domain of Execution."""
    return Domain("Assent Consortium", chain_id, contract)


class Struct:
    """Base of the dataclasses that mirror a Solidity struct; values are checked when made."""

    def __post_init__(self) -> None:
        check_members(self)

    @classmethod
    def type_members(cls) -> list[dict[str, str]]:
        """The EIP-712 type: [{"name", "type"}], in Solidity's order and spelling."""
        return [{"name": camel(name), "type": abi_type(hint)} for name, hint in members(cls)]

    def message(self) -> dict[str, Any]:
        """The EIP-712 message with Solidity's names and plain values."""
        cls = type(self)
        return {camel(name): to_abi(getattr(self, name), hint) for name, hint in members(cls)}

    def struct_hash(self) -> bytes:
        """EIP-712 hashStruct, 32 bytes; it depends on no domain."""
        cls: Any = type(self)
        prefix = _prefix_of_words(cls)
        if prefix is not None:
            values = (getattr(self, name) for name, _ in members(cls))
            return keccak(prefix + b"".join(map(_word, values)))
        signable = encode_typed_data(
            full_message={
                "types": {"EIP712Domain": [], cls.__name__: cls.type_members()},
                "primaryType": cls.__name__,
                "domain": {},
                "message": self.message(),
            }
        )
        return bytes(signable.body)


class SignedMessage(Struct):
    """A struct that somebody signs (EIP-712)."""

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """What eth_signTypedData_v4 takes: bytes as 0x hex, integers as decimal strings."""
        cls = type(self)
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                cls.__name__: cls.type_members(),
            },
            "primaryType": cls.__name__,
            "domain": {
                "name": domain.name,
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": domain.contract,
            },
            "message": {name: _wallet_value(value) for name, value in self.message().items()},
        }

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that are signed: keccak256(0x1901 || domain separator || struct hash)."""
        return keccak(b"\x19\x01" + _separator(domain) + self.struct_hash())

    def sign(self, key: LocalAccount | bytes, domain: Domain) -> bytes:
        """65 bytes r || s || v with v 27 or 28. `key` is a local account or its 32 secret bytes."""
        secret = key if isinstance(key, bytes) else bytes(key.key)
        signature = PrivateKey(secret).sign_msg_hash(self.digest(domain)).to_bytes()
        return signature[:64] + bytes([signature[64] + 27])


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    """hashStruct of the domain, EIP-712."""
    said = (keccak(domain.name.encode()), keccak(b"1"), domain.chain_id, domain.contract)
    return keccak(keccak(_DOMAIN_TYPE.encode()) + b"".join(map(_word, said)))


@cache
def _prefix_of_words(cls: Any) -> bytes | None:
    """typeHash of a struct each of whose members is one word; None for any other.

    Of such a struct encodeData is the words in their order (EIP-712), as in its ABI encoding.
    """
    named = [f"{member['type']} {member['name']}" for member in cls.type_members()]
    if not all(_ONE_WORD.match(member) for member in named):
        return None
    return keccak(f"{cls.__name__}({','.join(named)})".encode())


def _word(value: Any) -> bytes:
    """A value of 32 bytes, an unsigned integer or an address as a word."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    return bytes.fromhex(value[2:]).rjust(32, b"\0")


def _wallet_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int):
        return str(value)
    return value


def recover(digest: bytes, signature: bytes) -> str:
    """The checksummed address whose key signed `digest`.

    Raises ValueError when the signature is not 65 bytes r || s || v with v 27 or 28 and s in the
    lower half, as the contracts demand, or when no key fits it.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise ValueError("a signature is 65 bytes r || s || v, with v 27 or 28")
    if int.from_bytes(signature[32:64]) > _HALF_ORDER:
        raise ValueError("the signature is malleable (s in the upper half); contracts refuse it")
    try:
        compact = signature[:64] + bytes((signature[64] - 27,))
        public_key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError as error:
        raise ValueError(f"no key fits the signature: {error}") from error
    return _account_of_key(public_key.format(compressed=False))


@lru_cache(maxsize=4096)
def _account_of_key(public_key: bytes) -> str:
    """Of an uncompressed point (65 bytes; yellow paper, appendix F)."""
    return str(_checksummed(keccak(public_key[1:])[12:]))


def account_of_signer(signer: bytes) -> str:
    """The account of an ERC-7913 signer.

    20 bytes are the account itself (EOA or ERC-1271); longer ones are a verifier and a key, whose
    account is the low 160 bits of keccak256(signer). Raises ValueError for fewer than 20 bytes.
    """
    if len(signer) < 20:
        raise ValueError(f"an ERC-7913 signer has at least 20 bytes, not {len(signer)}")
    return str(_checksummed(signer if len(signer) == 20 else keccak(signer)[12:]))


def signer_of_account(account: str) -> bytes:
    """The ERC-7913 signer of an EOA or ERC-1271 account: its 20 bytes."""
    return bytes.fromhex(account.removeprefix("0x"))
