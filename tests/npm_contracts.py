"""Contracts of npm packages, compiled as ours are and deployed on a test's chain."""

from __future__ import annotations

import json
import re
from functools import cache

import solcx
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3 import Web3

from stack.binaries import ROOT

COMPILER = ROOT / "hardhat-local"
VERIFIERS = "@openzeppelin/contracts/utils/cryptography/verifiers"


@cache
def creation_code(path: str, name: str) -> bytes:
    """The code that creates a contract without constructor arguments."""
    sources: dict[str, dict[str, str]] = {}
    pending = [path]
    while pending:
        source = pending.pop()
        if source in sources:
            continue
        text = (COMPILER / "node_modules" / source).read_text(encoding="utf-8")
        sources[source] = {"content": text}
        folder = (COMPILER / "node_modules" / source).parent
        for imported in re.findall(r'^import\s[^;]*?"([^"]+)";', text, re.MULTILINE):
            there = (folder / imported).resolve() if imported.startswith(".") else None
            base = (COMPILER / "node_modules").resolve()
            pending.append(str(there.relative_to(base)) if there else imported)
    settings = json.loads((COMPILER / "compiler.json").read_text(encoding="utf-8"))["settings"]
    wanted = {path: {name: ["evm.bytecode.object"]}}
    question = {
        "language": "Solidity",
        "sources": sources,
        "settings": {**settings, "outputSelection": wanted},
    }
    answer = solcx.compile_standard(question, solc_binary=COMPILER / "solc")
    return bytes.fromhex(answer["contracts"][path][name]["evm"]["bytecode"]["object"])


def deploy_verifier(w3: Web3, account: LocalAccount, name: str) -> str:
    """The address of a fresh ERC-7913 verifier, `ERC7913P256Verifier` or `...WebAuthnVerifier`."""
    transaction = {
        "from": account.address,
        "data": creation_code(f"{VERIFIERS}/{name}.sol", name),
        "nonce": w3.eth.get_transaction_count(account.address),
        "chainId": w3.eth.chain_id,
        "gas": 5_000_000,
        "gasPrice": w3.eth.gas_price * 2,
    }
    signed = account.sign_transaction({k: v for k, v in transaction.items() if k != "from"})
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(signed.raw_transaction)
    )
    assert receipt["contractAddress"] is not None
    return str(to_checksum_address(receipt["contractAddress"]))
