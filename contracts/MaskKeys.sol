// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title X25519 public keys (RFC 7748: 32 bytes, little endian) with which every private key has a secret
library MaskKeys {
    /// @dev The points of order 8; those of order 1, 2 and 4 are 0, p - 1 and 1 (Bernstein, "Curve25519: new
    /// Diffie-Hellman speed records", section 3).
    uint256 private constant ORDER_8 = 0xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800;
    uint256 private constant ORDER_8_TOO = 0x5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157;

    /// @notice Whether a key is no point of low order, and is written as the one encoding of its point. A member with
    /// another would be sealed in, and every honest member would refuse to mask.
    /// @dev Refuses all of the last 256 below 2^255, where p - 1 and what lies above p are.
    function isUsable(bytes32 key) internal pure returns (bool) {
        uint256 encoded = uint256(key);
        return encoded != 0 && encoded != 1 << 248 && encoded != ORDER_8 && encoded != ORDER_8_TOO
            && encoded & 0x80 == 0 && encoded | 0xff << 248 != type(uint256).max - 0x80;
    }
}
