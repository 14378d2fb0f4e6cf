// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IConsentToken} from "../interfaces/IConsentToken.sol";
import {AbortReason, IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {IStudyRegistry, Terms} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

/// @title What acts leave in the log, member by member
/// @dev The running hash is over just these bytes. Events that other tests expect are not repeated here.
contract EventsTest is LedgerFixture {
    function test_RegisteringASiteAndRotatingItsKey() external {
        address site = _stranger();
        vm.expectEmit(address(registry));
        emit IStudyRegistry.SiteRegistered(0, site, address(7), keccak256("noise"));
        vm.prank(site);
        registry.registerSite(address(7), keccak256("noise"));
        vm.expectEmit(address(registry));
        emit IStudyRegistry.EnrolmentKeyRotated(0, site, address(8));
        vm.prank(site);
        registry.rotateEnrolmentKey(address(8));
    }

    function test_ApprovingAndBringingIntoForce() external {
        uint32 version = _proposeVersion(_terms());
        uint40 until = clock + 300 days;
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory signer = _signer(reviewerKeys[i]);
            bytes memory signature = _sign(reviewerKeys[i], _approvalDigest(version, until));
            vm.expectEmit(address(registry));
            emit IStudyRegistry.Approved(studyId, version, vm.addr(reviewerKeys[i]), until, signer, signature);
            if (i == 1) {
                vm.expectEmit(address(registry));
                emit IStudyRegistry.VersionActivated(studyId, version, 1, until);
            }
            registry.approve(studyId, version, until, signer, signature);
        }
    }

    function test_SuspendingAndResuming() external {
        vm.expectEmit(address(registry));
        emit IStudyRegistry.Suspended(studyId, vm.addr(reviewerKeys[2]), 1);
        vm.prank(vm.addr(reviewerKeys[2]));
        registry.suspend(studyId);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_resumptionDigest(1));
        vm.expectEmit(address(registry));
        emit IStudyRegistry.Resumed(studyId, 1);
        registry.resume(studyId, signers, signatures);
    }

    function test_Revoking() external {
        uint256 tokenId = _firstToken(1);
        vm.expectEmit(address(token));
        emit IConsentToken.Revoked(studyId, tokenId, _patient(PATIENTS_PER_SITE), 1, 1);
        _revoke(tokenId);
    }

    function test_OpeningSealingAndAborting() external {
        _expectOpened(_terms());
        uint32 round = _open();
        _tick(1);
        _commitAll(round);
        _tick(1);
        uint256 rho = ledger.rhoOfRound(studyId, 1);
        vm.expectEmit(address(ledger));
        emit IRoundLedger.Sealed(
            studyId, round, _terms().sites, blockhash(height - 1), _sealDigest(round), rho, rho
        );
        _seal(round);
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        vm.expectEmit(address(ledger));
        emit IRoundLedger.Aborted(studyId, round, AbortReason.Coordinator);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
    }

    function _expectOpened(Terms memory terms) private {
        uint40 commitBy = clock + terms.commitSeconds;
        uint40 deliverBy = commitBy + terms.sealSeconds + terms.deliverySeconds;
        vm.expectEmit(address(ledger));
        emit IRoundLedger.Opened(
            studyId,
            1,
            1,
            height - 1,
            blockhash(height - 1),
            terms.initialCheckpoint,
            0,
            0,
            commitBy,
            commitBy + terms.sealSeconds,
            deliverBy,
            deliverBy + terms.closeSeconds
        );
    }
}
