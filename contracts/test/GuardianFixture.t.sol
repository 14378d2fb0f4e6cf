// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ConsentMessages} from "../ConsentMessages.sol";
import {EnrolmentProof, Grant} from "../interfaces/IConsentToken.sol";
import {GuardianAct, IGuardianAccount} from "../interfaces/IGuardianAccount.sol";
import {IGuardianAccounts} from "../interfaces/IGuardianAccounts.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";
import {Deployment} from "./Deployment.t.sol";

/// @title A study in force, and the guardian account of one of its patients
/// @dev Patient n's guardians have the keys GUARDIAN_KEY + 3 n to GUARDIAN_KEY + 3 n + 2, and PATIENT_KEY + n is the
/// acting key.
abstract contract GuardianFixture is ConsentFixture {
    uint256 internal constant GUARDIAN_KEY = 0x60A2D00;
    uint16 internal constant END_YEAR = 2026;
    uint8 internal constant END_QUARTER = 4;
    uint40 internal constant ENDS_AT = 1_790_812_800; // 2026-10-01 00:00 UTC

    IGuardianAccounts internal accounts;
    IGuardianAccount internal account;

    function setUp() public virtual override {
        super.setUp();
        accounts = IGuardianAccounts(Deployment.guardianAccounts(address(token)));
        account = _accountOf(0);
    }

    function _accountOf(uint256 n) internal returns (IGuardianAccount) {
        bytes memory actingKey = _signer(PATIENT_KEY + n);
        return IGuardianAccount(accounts.create(studyId, END_YEAR, END_QUARTER, actingKey, _guardians(n)));
    }

    function _guardianKey(uint256 n, uint256 guardian) internal pure returns (uint256) {
        return GUARDIAN_KEY + 3 * n + guardian;
    }

    function _guardians(uint256 n) internal pure returns (bytes[3] memory) {
        return [_signer(_guardianKey(n, 0)), _signer(_guardianKey(n, 1)), _signer(_guardianKey(n, 2))];
    }

    /// @dev What the account's acting key may sign, for record n at the first site.
    function _guardedGrant(IGuardianAccount holder, uint256 n) internal view returns (Grant memory grant) {
        grant = _grantOf(n, 0);
        grant.holder = address(holder);
        grant.revocationCounter = token.revocationCounter(address(holder));
    }

    function _grantDigest(Grant memory grant) internal view returns (bytes32) {
        return _tokenDigest(keccak256(abi.encode(ConsentMessages.GRANT_TYPE_HASH, grant)));
    }

    function _revocationDigest(uint256 tokenId) internal view returns (bytes32) {
        return _tokenDigest(keccak256(abi.encode(keccak256("Revocation(uint256 tokenId)"), tokenId)));
    }

    function _approvedGrant(uint256 key, Grant memory grant) internal view returns (bytes memory) {
        return abi.encode(GuardianAct.Grant, abi.encode(grant), _sign(key, _grantDigest(grant)));
    }

    function _approvedRevocation(uint256 key, uint256 tokenId) internal view returns (bytes memory) {
        return abi.encode(GuardianAct.Revocation, abi.encode(tokenId), _sign(key, _revocationDigest(tokenId)));
    }

    function _rotationDigest(address verifier, bytes memory newKey, uint64 rotations) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Rotation(bytes newKey,uint64 rotations)");
        bytes32 structHash = keccak256(abi.encode(typeHash, keccak256(newKey), rotations));
        return _digest("Assent GuardianAccount", verifier, structHash);
    }

    /// @dev abi.encode(signers, signatures) of these keys over `digest`.
    function _signedBy(uint256[] memory keys, bytes32 digest) internal pure returns (bytes memory) {
        bytes[] memory signers = new bytes[](keys.length);
        bytes[] memory signatures = new bytes[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            signers[i] = _signer(keys[i]);
            signatures[i] = _sign(keys[i], digest);
        }
        return abi.encode(signers, signatures);
    }

    function _signedBy(uint256 one, uint256 other, bytes32 digest) internal pure returns (bytes memory) {
        uint256[] memory keys = new uint256[](2);
        (keys[0], keys[1]) = (one, other);
        return _signedBy(keys, digest);
    }

    function _signedByOne(uint256 one, bytes32 digest) internal pure returns (bytes memory) {
        uint256[] memory keys = new uint256[](1);
        keys[0] = one;
        return _signedBy(keys, digest);
    }

    /// @dev Two guardians of account 0 replace its acting key.
    function _rotateTo(bytes memory newKey) internal {
        bytes32 digest = _rotationDigest(address(account), newKey, account.rotations());
        account.rotate(newKey, _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), digest));
    }

    /// @dev A token of the account, granted through ConsentToken by whoever carries it.
    function _grantThrough(IGuardianAccount holder, uint256 n) internal returns (uint256 tokenId) {
        Grant memory grant = _guardedGrant(holder, n);
        return _carry(grant, n, holder, _approvedGrant(PATIENT_KEY + n, grant), "");
    }

    /// @dev Must fail with exactly `reason` where there is one.
    function _carry(
        Grant memory grant,
        uint256 n,
        IGuardianAccount signer,
        bytes memory signature,
        bytes memory reason
    ) internal returns (uint256 tokenId) {
        EnrolmentProof memory proof = _proofOf(grant, n);
        if (reason.length != 0) vm.expectRevert(reason);
        return token.grantBySig(grant, abi.encodePacked(signer), signature, proof);
    }

    function _approves(bytes32 hash, bytes memory signature) internal view returns (bool) {
        bytes4 answer = account.isValidSignature(hash, signature);
        if (answer == 0x1626ba7e) return true;
        require(answer == 0xffffffff, "an answer that ERC-1271 does not know");
        return false;
    }

    /// @dev Refused for exactly this reason, and without a revert through ERC-1271.
    function _refused(bytes32 hash, bytes memory signature, bytes memory reason) internal {
        assertFalse(_approves(hash, signature));
        vm.expectRevert(reason);
        account.checkSignature(hash, signature);
    }
}
