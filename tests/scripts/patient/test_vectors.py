"""docs/vectors holds what the commands sign, so that other implementations can be compared."""

from __future__ import annotations

import json

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.crypto import keccak

from scripts.patient.vectors import all_vectors
from stack.binaries import ROOT
from tests.desk import Desk

FOLDER = ROOT / "docs" / "vectors"
# Recorded: in a browser (tests/chain/test_passkey_vector.py), and as no encryption is the same
# twice (tests/study/test_receipt.py).
RECORDED = {"passkey.json", "receipt.json"}


def test_the_committed_vectors_are_those_that_the_command_writes(desk: Desk) -> None:
    fresh = desk.folder / "vectors"
    fresh.mkdir()
    desk.must("patient vectors vectors")
    written = {path.name for path in fresh.iterdir()}
    assert written | RECORDED == {path.name for path in FOLDER.iterdir()}
    for path in fresh.iterdir():
        assert (FOLDER / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_implementation_makes_a_guardian_account_s_answers() -> None:
    """By the layout that contracts/interfaces/IGuardianAccount.sol states, with eth_abi alone."""
    vector = json.loads((FOLDER / "guardian.json").read_text())
    acts = []
    for one in vector["acts"]:
        act, payload, key_signature = decode(
            ["uint8", "bytes", "bytes"], bytes.fromhex(one["signature"][2:])
        )
        signable = (
            encode_defunct(text=one["text"])
            if "text" in one
            else encode_typed_data(full_message=one["typed_data"])
        )
        signed = Account.sign_message(signable, vector["private_key"])
        assert "0x" + bytes(signed.message_hash).hex() == one["digest"]
        assert bytes(signed.signature) == key_signature
        assert "0x" + key_signature.hex() == one["key_signature"]
        if "text" in one:
            assert payload == one["text"].encode()
            assert vector["account"] in one["text"]
        elif act == 2:
            # hashStruct of EIP-712 is keccak256 of just these bytes.
            assert keccak(payload) == bytes(signable.body)
        else:
            encoded = keccak(text="Revocation(uint256 tokenId)") + payload
            assert (act, keccak(encoded)) == (1, bytes(signable.body))
        acts.append(act)
    assert acts == [1, 2, 2, 3]
    assert vector["acting_key"] == Account.from_key(vector["private_key"]).address


@pytest.mark.parametrize("name", sorted(all_vectors()))
def test_another_implementation_of_eip_712_signs_the_same(name: str) -> None:
    vector = json.loads((FOLDER / name).read_text())
    signable = encode_typed_data(full_message=vector["typed_data"])
    signed = Account.sign_message(signable, vector["private_key"])
    assert "0x" + bytes(signed.message_hash).hex() == vector["digest"]
    assert "0x" + bytes(signed.signature).hex() == vector["signature"]
    assert Account.from_key(vector["private_key"]).address == vector["signer"]
