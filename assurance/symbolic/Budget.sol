// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ConsentToken} from "../../contracts/ConsentToken.sol";
import {IConsentToken} from "../../contracts/interfaces/IConsentToken.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {IStudyRegistry, RoundRules} from "../../contracts/interfaces/IStudyRegistry.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {StudyRegistry} from "../../contracts/StudyRegistry.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice The ledger, with the two steps of `seal` that charge a round open to be called by themselves.
contract ChargingLedger is RoundLedger {
    constructor(IStudyRegistry registry_, IConsentToken consentToken_) RoundLedger(registry_, consentToken_) {}

    function charge(uint64 studyId, RoundRules memory rules) external returns (uint256 rho, uint256 spent) {
        rho = _requireRoom(studyId, rules);
        spent = _charge(studyId, rho);
    }
}

/// @title Charging a round, from any state of the ledger
contract BudgetSymbolic is Symbolic {
    ChargingLedger private ledger;

    function setUp() external {
        StudyRegistry registry = new StudyRegistry(address(this));
        // Addresses are given in sequence; the ledger refuses to be made if this guess is wrong.
        address next = address(uint160(address(registry)) + 2);
        ledger = new ChargingLedger(registry, new ConsentToken(registry, IRoundLedger(next)));
        svm.enableSymbolicStorage(address(ledger));
    }

    function check_ChargingNeverPassesTheCeiling(uint64 studyId, uint64 noise, uint256 ceiling) external {
        uint256 before = ledger.rhoSpent(studyId);
        (uint256 rho, uint256 spent) = ledger.charge(studyId, _rules(noise, ceiling));
        assert(spent <= ceiling);
        assert(spent == before + rho);
        assert(spent == ledger.rhoSpent(studyId));
    }

    function refuted_ChargingStaysBelowTheCeiling(uint64 studyId, uint64 noise, uint256 ceiling) external {
        (, uint256 spent) = ledger.charge(studyId, _rules(noise, ceiling));
        assert(spent < ceiling);
    }

    function check_NoRoundIsFree(uint64 studyId, uint64 noise, uint256 ceiling) external {
        uint256 before = ledger.rhoSpent(studyId);
        ledger.charge(studyId, _rules(noise, ceiling));
        assert(ledger.rhoSpent(studyId) > before);
    }

    function refuted_EveryRoundCostsMoreThanTwoUnits(uint64 studyId, uint64 noise, uint256 ceiling) external {
        uint256 before = ledger.rhoSpent(studyId);
        ledger.charge(studyId, _rules(noise, ceiling));
        assert(ledger.rhoSpent(studyId) > before + 2);
    }

    function check_ChargingOneStudyTouchesNoOther(uint64 studyId, uint64 other, uint64 noise, uint256 ceiling)
        external
    {
        vm.assume(other != studyId);
        uint256 before = ledger.rhoSpent(other);
        ledger.charge(studyId, _rules(noise, ceiling));
        assert(ledger.rhoSpent(other) == before);
    }

    function refuted_ChargingTouchesNoStudy(uint64 studyId, uint64 other, uint64 noise, uint256 ceiling) external {
        uint256 before = ledger.rhoSpent(other);
        ledger.charge(studyId, _rules(noise, ceiling));
        assert(ledger.rhoSpent(other) == before);
    }

    function _rules(uint64 noise, uint256 ceiling) private pure returns (RoundRules memory rules) {
        rules.noiseMultiplier = noise;
        rules.rhoCeiling = ceiling;
    }
}
