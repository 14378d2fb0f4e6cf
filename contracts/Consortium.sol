// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IConsortium} from "./interfaces/IConsortium.sol";
import {Quorum} from "./Quorum.sol";

/// @title The account of those who run a deployment together
contract Consortium is IConsortium, EIP712, Nonces, Quorum {
    bytes32 private constant EXECUTION_TYPE_HASH = keccak256("Execution(address target,bytes data,uint256 nonce)");

    constructor(bytes[] memory members, uint64 threshold_)
        EIP712("Assent Consortium", "1")
        MultiSignerERC7913(members, threshold_)
    {}

    /// @inheritdoc IConsortium
    function execute(address target, bytes calldata data, bytes calldata signatures)
        external
        returns (bytes memory result)
    {
        // Used before the call, so that a target which calls back cannot execute this again.
        uint256 nonce = _useNonce(address(this));
        bytes32 structHash = keccak256(abi.encode(EXECUTION_TYPE_HASH, target, keccak256(data), nonce));
        _checkQuorum(_hashTypedDataV4(structHash), signatures);
        emit ConsortiumExecuted(nonce, target, data);
        return Address.functionCall(target, data);
    }

    /// @inheritdoc IConsortium
    function changeMembers(bytes[] calldata added, bytes[] calldata removed, uint64 threshold_) external {
        if (msg.sender != address(this)) revert ConsortiumNotItself(msg.sender);
        _addSigners(added);
        _setThreshold(threshold_);
        _removeSigners(removed);
    }
}
