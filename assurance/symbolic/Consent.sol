// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ConsentToken} from "../../contracts/ConsentToken.sol";
import {DataUse} from "../../contracts/DataUse.sol";
import {Consent} from "../../contracts/interfaces/IConsentToken.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Study} from "../../contracts/interfaces/IStudyRegistry.sol";
import {StudyRegistry} from "../../contracts/StudyRegistry.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title The one predicate, for every token, question and time, from any state of registry and token
contract ConsentSymbolic is Symbolic {
    StudyRegistry private registry;
    ConsentToken private token;

    function setUp() external {
        registry = new StudyRegistry(address(this));
        token = new ConsentToken(registry, IRoundLedger(address(this)));
        svm.enableSymbolicStorage(address(registry));
        svm.enableSymbolicStorage(address(token));
    }

    function check_ThePredicateIsItsSpecification(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.warp(today);
        assert(token.isConsentActive(tokenId, asked, time) == _specified(tokenId, asked, time, today, time));
    }

    /// @dev The use period does not hold its end.
    function refuted_ThePeriodIsClosed(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.assume(time != 0);
        vm.warp(today);
        assert(token.isConsentActive(tokenId, asked, time) == _specified(tokenId, asked, time, today, time - 1));
    }

    function check_ARevokedTokenIsNeverActive(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.warp(today);
        if (token.consent(tokenId).revokedAt != 0) assert(!token.isConsentActive(tokenId, asked, time));
    }

    function refuted_NoTokenIsEverActive(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.warp(today);
        assert(!token.isConsentActive(tokenId, asked, time));
    }

    function check_ASuspendedStudyHasNoActiveToken(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.warp(today);
        if (registry.study(_study(tokenId)).suspended) assert(!token.isConsentActive(tokenId, asked, time));
    }

    function refuted_ASuspensionChangesNothing(uint256 tokenId, uint64 asked, uint40 time, uint40 today) external {
        vm.warp(today);
        if (!registry.study(_study(tokenId)).suspended) assert(!token.isConsentActive(tokenId, asked, time));
    }

    /// @dev From what the public views say, in the order of the interface's sentence. `last` is compared with the period's end.
    function _specified(uint256 tokenId, uint64 asked, uint40 time, uint40 today, uint40 last)
        private
        view
        returns (bool)
    {
        Consent memory consent = token.consent(tokenId);
        Study memory study = registry.study(_study(tokenId));
        // A version comes into force together with its approval, in no other way and for good.
        vm.assume((study.currentVersion == 0) == (study.approvedUntil == 0));
        if (consent.holder == address(0)) return false;
        if (consent.revokedAt != 0) return false;
        if (time < consent.useStart || last >= consent.useEnd) return false;
        if (time >= study.approvedUntil) return false;
        if (!DataUse.permits(consent.purposes, consent.disease, asked, study.disease)) return false;
        if (consent.version < study.consentVersion) return false;
        return study.currentVersion != 0 && !study.suspended && today < study.approvedUntil;
    }

    function _study(uint256 tokenId) private pure returns (uint64) {
        return uint64(tokenId >> 192);
    }
}
