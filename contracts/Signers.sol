// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Accounts of ERC-7913 signers
library Signers {
    /// @notice The account that a signer acts for: itself when it is 20 bytes long, the low 160 bits of its keccak256
    /// when it is longer (a verifier and a key), and none (0) when it is shorter.
    function accountOf(bytes memory signer) internal pure returns (address) {
        if (signer.length < 20) return address(0);
        if (signer.length == 20) return address(bytes20(signer));
        return address(uint160(uint256(keccak256(signer))));
    }

    /// @notice Whether `signer` acts for `account` and `signature` is its signature over `digest`.
    function signedFor(address account, bytes memory signer, bytes32 digest, bytes memory signature)
        internal
        view
        returns (bool)
    {
        return account != address(0) && accountOf(signer) == account
            && SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }

    /// @notice Whether 65 bytes for a 20-byte `signer`, which is how plain keys sign, are of that account's own key. Who
    /// recomputes signatures from events alone cannot ask a contract, and would take one that it accepted for forged.
    function isToldApart(bytes memory signer, bytes32 digest, bytes memory signature) internal view returns (bool) {
        if (signer.length != 20 || signature.length != 65) return true;
        address account = address(bytes20(signer));
        if (account.code.length == 0) return true;
        (address recovered,,) = ECDSA.tryRecover(digest, signature);
        return recovered == account;
    }
}
