// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PRBTest} from "@prb/test/src/PRBTest.sol";

/// @title Who acts in the tests, how they sign, and the clock
/// @dev Time and height are kept in storage: the optimizer may move block.timestamp across a cheatcode.
abstract contract Actors is PRBTest {
    struct Hospital {
        address account;
        uint256 key;
        uint256 enrolmentKey;
    }

    bytes32 internal constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    uint256 internal constant SITES = 5;
    uint256 internal constant SPONSOR_KEY = 0xA11CE;
    uint256 internal constant COORDINATOR_KEY = 0xC0;
    uint256 internal constant STRANGER_KEY = 0xBAD;

    uint40 internal clock = 1_750_000_000;
    uint64 internal height = 1000;
    Hospital[] internal hospitals;
    uint256[] internal reviewerKeys;

    /// @dev Hospitals in ascending order of their accounts, as terms want them.
    function _castActors() internal {
        for (uint256 i = 1; i <= SITES; ++i) {
            hospitals.push(Hospital(vm.addr(0x5100 + i), 0x5100 + i, 0xE100 + i));
            for (uint256 j = hospitals.length - 1; j > 0 && hospitals[j].account < hospitals[j - 1].account; --j) {
                (hospitals[j - 1], hospitals[j]) = (_copy(hospitals[j]), _copy(hospitals[j - 1]));
            }
        }
        for (uint256 i = 1; i <= 3; ++i) {
            reviewerKeys.push(0x4E00 + i);
        }
        _setClock();
    }

    function _tick(uint40 passed) internal {
        clock += passed;
        height += 1;
        _setClock();
    }

    function _tickTo(uint40 time) internal {
        clock = time;
        height += 1;
        _setClock();
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _digest(string memory name, address verifier, bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", _domainOf(name, verifier), structHash));
    }

    /// @dev Where a test changes it, nothing but the domain differs.
    function _domainOf(string memory name, address verifier) internal view virtual returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, keccak256(bytes(name)), keccak256("1"), block.chainid, verifier)
        );
    }

    function _signer(uint256 key) internal pure returns (bytes memory) {
        return abi.encodePacked(vm.addr(key));
    }

    function _sponsor() internal pure returns (address) {
        return vm.addr(SPONSOR_KEY);
    }

    function _coordinator() internal pure returns (address) {
        return vm.addr(COORDINATOR_KEY);
    }

    function _stranger() internal pure returns (address) {
        return vm.addr(STRANGER_KEY);
    }

    function _copy(Hospital storage hospital) private pure returns (Hospital memory) {
        return hospital;
    }

    function _setClock() private {
        vm.warp(clock);
        vm.roll(height);
    }
}
