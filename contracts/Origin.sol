// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOrigin} from "./interfaces/IOrigin.sol";

/// @title Makes the three contracts, at addresses that prove how they began
contract Origin is IOrigin {
    uint256 public made;

    address private immutable _authority;
    bytes32[3] private _codeHashes;

    /// @param authority whom the registry obeys
    /// @param codeHashes keccak256 of each creation code without its arguments, in the order of making
    constructor(address authority, bytes32[3] memory codeHashes) {
        _authority = authority;
        _codeHashes = codeHashes;
    }

    /// @inheritdoc IOrigin
    function make(bytes calldata creation) external returns (address created) {
        uint256 number = made;
        if (number == _codeHashes.length) revert OriginComplete();
        bytes32 given = keccak256(creation);
        if (given != _codeHashes[number]) revert OriginCodeMismatch(_codeHashes[number], given);
        made = number + 1;
        bytes memory code = bytes.concat(creation, _arguments(number));
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        if (created == address(0)) revert OriginCreationFailed();
    }

    function _arguments(uint256 number) private view returns (bytes memory) {
        if (number == 0) return abi.encode(_authority);
        if (number == 1) return abi.encode(_at(1), _at(3));
        return abi.encode(_at(1), _at(2));
    }

    /// @dev Where CREATE leads at a nonce below 128: the RLP encoding of the pair is then this short.
    function _at(uint8 nonce) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), nonce)))));
    }
}
