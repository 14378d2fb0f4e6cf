// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {Signers} from "../Signers.sol";
import {Actors} from "./Actors.t.sol";
import {Deployment} from "./Deployment.t.sol";

/// @dev Cheatcodes for P-256 that the test library's list lacks.
interface P256Vm {
    function publicKeyP256(uint256 key) external pure returns (uint256 x, uint256 y);
    function signP256(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
}

/// @dev A guardian's account: its owner's signature counts as its own, and the owner may change.
contract Guardian is IERC1271 {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function rotate(address owner_) external {
        owner = owner_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bool valid = Signers.signedFor(owner, abi.encodePacked(owner), digest, signature);
        return valid ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract SignersTest is Actors {
    uint256 private constant P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    function testFuzz_AnExternallyOwnedAccountSignsForItself(bytes32 digest) external {
        address account = vm.addr(SPONSOR_KEY);
        bytes memory signature = _sign(SPONSOR_KEY, digest);
        assertTrue(Signers.signedFor(account, abi.encodePacked(account), digest, signature));
        assertFalse(Signers.signedFor(account, abi.encodePacked(account), ~digest, signature));
        assertFalse(Signers.signedFor(_stranger(), abi.encodePacked(account), digest, signature));
        assertFalse(Signers.signedFor(_stranger(), abi.encodePacked(_stranger()), digest, signature));
    }

    function test_AGuardianSignsWithTheKeyItHasNow() external {
        Guardian guardian = new Guardian(_sponsor());
        bytes memory signer = abi.encodePacked(address(guardian));
        bytes memory signature = _sign(SPONSOR_KEY, "digest");
        assertTrue(Signers.signedFor(address(guardian), signer, "digest", signature));
        guardian.rotate(_stranger());
        assertFalse(Signers.signedFor(address(guardian), signer, "digest", signature));
        assertTrue(Signers.signedFor(address(guardian), signer, "digest", _sign(STRANGER_KEY, "digest")));
    }

    function test_AP256KeySignsForTheHashOfItsSigner() external {
        bytes32 digest = keccak256("digest");
        (uint256 x, uint256 y) = P256Vm(address(vm)).publicKeyP256(77);
        bytes memory signer = abi.encodePacked(Deployment.passkeyVerifier(), x, y);
        address account = address(uint160(uint256(keccak256(signer))));
        (bytes32 r, bytes32 s) = P256Vm(address(vm)).signP256(77, digest);
        if (uint256(s) > P256_ORDER / 2) s = bytes32(P256_ORDER - uint256(s));
        assertEq(Signers.accountOf(signer), account);
        assertTrue(Signers.signedFor(account, signer, digest, abi.encodePacked(r, s)));
        assertFalse(Signers.signedFor(account, signer, ~digest, abi.encodePacked(r, s)));
        assertFalse(Signers.signedFor(_stranger(), signer, digest, abi.encodePacked(r, s)));
    }

    function testFuzz_ASignerTooShortIsNobody(bytes calldata signer, bytes32 digest, bytes calldata signature) external {
        bytes memory short = signer.length < 20 ? signer : signer[:19];
        assertEq(Signers.accountOf(short), address(0));
        assertFalse(Signers.signedFor(address(0), short, digest, signature));
    }

    function testFuzz_NobodySignsForTheZeroAddress(bytes32 digest, bytes calldata signature) external {
        assertFalse(Signers.signedFor(address(0), new bytes(20), digest, signature));
    }
}
