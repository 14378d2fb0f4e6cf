// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";

import {IQuorum} from "./interfaces/IQuorum.sol";

/// @title An account that acts when at least two of its ERC-7913 signers have signed
abstract contract Quorum is IQuorum, MultiSignerERC7913 {
    /// @dev Reverts with QuorumNotReached unless `signatures` is abi.encode(bytes[] signers, bytes[] signatures) with
    /// the valid signatures over `digest` of distinct signers of this account, as many as its threshold.
    function _checkQuorum(bytes32 digest, bytes calldata signatures) internal view {
        if (!_rawSignatureValidation(digest, signatures)) revert QuorumNotReached();
    }

    /// @dev Reverts with QuorumVerifierMissing when a signer that names a verifier could never sign, or always.
    function _checkVerifier(bytes memory signer) internal view {
        if (signer.length <= 20) return;
        address verifier = address(bytes20(signer));
        if (verifier.code.length == 0) revert QuorumVerifierMissing(verifier);
    }

    function _addSigners(bytes[] memory newSigners) internal override {
        for (uint256 i = 0; i < newSigners.length; ++i) {
            _checkVerifier(newSigners[i]);
        }
        super._addSigners(newSigners);
    }

    function _setThreshold(uint64 newThreshold) internal override {
        if (newThreshold < 2) revert QuorumTooSmall(newThreshold);
        super._setThreshold(newThreshold);
    }
}
