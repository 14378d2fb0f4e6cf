"""The block, the three contracts' beginning and code, and what a trusted header proves of them."""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from audit.bundle_writer import ABI, interfaces
from audit.checks.context import Context
from audit.evidence import ContractEvidence, Evidence, parse_evidence
from audit.fields import hex_of
from audit.known_code import KnownCode, known_code
from audit.manifest import Contracts
from audit.proofs import Account, Header, parse_header, prove_account, prove_storage
from chain.events import CONTRACT_NAMES, ContractName

_RUNNING_HASH, _BUDGET = "assent.storage.RunningHash", "assent.storage.Budget"
_EIP712_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


def check_anchor(context: Context, trust_block: bytes | None) -> None:
    """Adds `anchor`, `evidence` and `header`."""
    record, bundle = context.record, context.bundle
    with record.group("header", "chain/header.rlp"):
        header = parse_header(bundle.files.get("chain/header.rlp", b""))
        stated = (header.number, header.hash) == (bundle.block_number, bundle.block_hash)
        record.add(
            "header",
            "chain/header.rlp",
            stated,
            f"block {header.number}, {hex_of(header.hash)}, at chain time {header.timestamp}"
            + ("" if stated else "; bundle.json names another block"),
        )
        context.header = header
    found = context.header.hash if context.header else None
    if trust_block is None:
        detail = "no trusted block hash was given: learn it from two sites and give --trust-block"
    elif trust_block == found:
        detail = f"the evidence is of the trusted block {hex_of(trust_block)}"
    else:
        detail = f"the trusted block is {hex_of(trust_block)}, the evidence is of another"
    anchored = trust_block is not None and trust_block == found
    record.add("anchor", "chain/header.rlp", anchored, detail)
    with record.group("evidence", "chain"):
        context.evidence = parse_evidence(bundle.files)


def check_deployment(context: Context, wanted: Contracts) -> None:
    """Adds `deployment`: the contracts are those that the reader knows the study to live in.

    Anybody who can deploy on the chain can run the same code at other addresses, with a study and
    a committee of their own, and everything else here then holds.
    """
    found = context.bundle.contracts
    detail = (
        f"chain {found.chain_id}, registry {found.registry}, consents {found.consent_token},"
        f" ledger {found.ledger}"
    )
    if found != wanted:
        detail += (
            f"; the deployment that you gave is chain {wanted.chain_id}, registry"
            f" {wanted.registry}, consents {wanted.consent_token}, ledger {wanted.ledger}: this is"
            " another study than yours, whatever its number"
        )
    context.record.add("deployment", "bundle.json", found == wanted, detail)


def check_number(context: Context, wanted: int) -> None:
    """Adds `study.number`: the study is the one that the reader asks about.

    Anybody may propose a study in the very contracts that the reader knows, with sites and a
    committee of their own, and the reader in it: nobody is asked before.
    """
    found = context.bundle.study
    detail = f"it is of study {found}" + ("" if found == wanted else f", you asked for {wanted}")
    context.record.add("study.number", "bundle.json", found == wanted, detail)


def check_contracts(context: Context) -> None:
    """For each contract adds `contract.origin`, `.address`, `.account`, `.code`, `.immutables` and
    `.storage`.

    Adds `contract.abi` for all together.
    """
    if context.evidence is None or context.header is None:
        context.record.fail("contracts", "chain/proofs.json", "not checked: no header or evidence")
        return
    _check_interfaces(context)
    for name in CONTRACT_NAMES:
        _check_origin(context, name)
        with context.record.group("contract", name):
            _check_contract(context, context.evidence, context.header, name)


def _check_interfaces(context: Context) -> None:
    """chain/abi.json is what this release's code, whose hash is proven, was compiled with."""
    same = context.bundle.files.get(ABI) == interfaces()
    detail = "the contracts' functions, events and errors"
    if not same:
        detail += " are not those of the code that this release knows"
    context.record.add("contract.abi", ABI, same, detail)


def _check_origin(context: Context, name: ContractName) -> None:
    """Its address follows from this release's creation code alone.

    Code and storage do not tell what a constructor did: one that writes consents into storage may
    return the same code. That there is an account at the address is proven elsewhere.
    """
    origin = context.bundle.origin
    found, due = context.address(name), origin.made[name]
    detail = f"made by this release's code, for the authority {origin.authority}"
    if found != due:
        detail = f"it is at {found}; {detail} (by {origin.maker}), it would be at {due}"
    context.record.add("contract.origin", name, found == due, detail)


def _check_contract(
    context: Context, evidence: Evidence, header: Header, name: ContractName
) -> None:
    record = context.record
    contract = evidence.contracts[name]
    place = contract.address == context.address(name)
    record.need("contract.address", name, place, f"{contract.address}, as bundle.json says")
    account = prove_account(header.state_root, contract.address, contract.account_proof)
    stated = Account(contract.nonce, contract.balance, contract.storage_root, contract.code_hash)
    record.need("contract.account", name, account == stated, "as the block's state holds it")
    same = keccak(contract.code) == account.code_hash
    record.need("contract.code", name, same, "the bundle's code is the one in the block's state")
    known = known_code(name)
    masked = known.masked_hash(contract.code)
    record.need(
        "contract.code",
        name,
        masked == known.code_hash,
        f"its code with immutables zeroed hashes to {hex_of(masked)},"
        f" this release's to {hex_of(known.code_hash)}",
    )
    _check_immutables(context, name, contract, known)
    _check_storage(context, name, contract, known)


def _check_storage(
    context: Context, name: ContractName, contract: ContractEvidence, known: KnownCode
) -> None:
    wanted = {(_RUNNING_HASH, context.study)}
    if name == "StudyRegistry":
        wanted.add((_RUNNING_HASH, 0))
    if name == "RoundLedger":
        wanted.add((_BUDGET, context.study))
    stated = [(slot.namespace, slot.study) for slot in contract.storage]
    complete = len(stated) == len(wanted) and set(stated) == wanted
    context.record.need("contract.storage", name, complete, f"proofs of {len(wanted)} slots")
    for slot in contract.storage:
        where = f"{name}, {slot.namespace} of study {slot.study}"
        with context.record.group("contract.storage", where):
            key = known.mapping_slot(slot.namespace, slot.study)
            value = prove_storage(contract.storage_root, key, slot.proof)
            same = (key, value) == (slot.key, slot.value)
            context.record.need("contract.storage", where, same, f"proven: {hex_of(value)}")
            if slot.namespace == _BUDGET:
                context.rho_spent = int.from_bytes(value, "big")
            else:
                context.running_hashes[name, slot.study] = value


def _check_immutables(
    context: Context, name: ContractName, contract: ContractEvidence, known: KnownCode
) -> None:
    """What constructors wrote: the EIP-712 domain, and the contracts that this one relies on."""
    chain_id, address = context.bundle.contracts.chain_id, contract.address
    title = f"Assent {name}"
    separator = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_EIP712_DOMAIN, keccak(text=title), keccak(text="1"), chain_id, address],
        )
    )
    # OpenZeppelin's EIP712 keeps these seven (utils/cryptography/EIP712.sol)
    wanted = {
        separator,
        chain_id.to_bytes(32, "big"),
        _word(address),
        keccak(text=title),
        keccak(text="1"),
        _short_string(title),
        _short_string("1"),
    }
    others: dict[ContractName, Sequence[ContractName]] = {
        "StudyRegistry": (),
        "ConsentToken": ("StudyRegistry", "RoundLedger"),
        "RoundLedger": ("StudyRegistry", "ConsentToken"),
    }
    wanted |= {_word(context.address(other)) for other in others[name]}
    found = known.immutables(contract.code)
    context.record.need(
        "contract.immutables",
        name,
        found == wanted,
        f"chain id {chain_id}, EIP-712 domain {title!r} and the contracts it relies on",
    )


def _word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def _short_string(text: str) -> bytes:
    """OpenZeppelin's ShortString: up to 31 bytes on the left, the length in the last byte."""
    return text.encode().ljust(31, b"\0") + bytes((len(text),))
