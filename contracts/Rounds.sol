// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Budget} from "./Budget.sol";
import {ConsentToken} from "./ConsentToken.sol";
import {Commitment, IRoundLedger, Round, RoundState} from "./interfaces/IRoundLedger.sol";
import {IStudyRegistry, LateRevocation, Study, Terms} from "./interfaces/IStudyRegistry.sol";
import {Zcdp} from "./Zcdp.sol";

/// @title What is known of rounds, and the rules that every act on one obeys
/// @dev Views of what is not known return zeros.
abstract contract Rounds is IRoundLedger, Budget {
    /// @dev What is kept for one study. `count` is the newest round's number; `lastSealed` and `lastClosed` may be 0.
    struct Line {
        uint32 count;
        uint32 lastSealed;
        uint32 lastClosed;
        mapping(uint32 round => Round) rounds;
        mapping(uint32 round => address[]) members;
        mapping(uint32 round => mapping(address site => Commitment)) commitments;
        mapping(bytes32 maskKey => bool) maskKeyUsed;
    }

    IStudyRegistry public immutable registry;
    ConsentToken public immutable consentToken;

    mapping(uint64 studyId => Line) internal _lines;

    /// @notice The consent token answers for another registry.
    error LedgerRegistryMismatch(address registry, address consentRegistry);

    constructor(IStudyRegistry registry_, ConsentToken consentToken_) {
        if (address(consentToken_.registry()) != address(registry_)) {
            revert LedgerRegistryMismatch(address(registry_), address(consentToken_.registry()));
        }
        registry = registry_;
        consentToken = consentToken_;
    }

    /// @inheritdoc IRoundLedger
    function round(uint64 studyId, uint32 number) external view returns (Round memory) {
        return _lines[studyId].rounds[number];
    }

    /// @inheritdoc IRoundLedger
    function roundCount(uint64 studyId) external view returns (uint32) {
        return _lines[studyId].count;
    }

    /// @inheritdoc IRoundLedger
    function lastClosed(uint64 studyId) external view returns (uint32) {
        return _lines[studyId].lastClosed;
    }

    /// @inheritdoc IRoundLedger
    function lastSealed(uint64 studyId) external view returns (uint32) {
        return _lines[studyId].lastSealed;
    }

    /// @inheritdoc IRoundLedger
    function members(uint64 studyId, uint32 number) external view returns (address[] memory) {
        return _lines[studyId].members[number];
    }

    /// @inheritdoc IRoundLedger
    function commitmentOf(uint64 studyId, uint32 number, address site) external view returns (Commitment memory) {
        return _lines[studyId].commitments[number][site];
    }

    /// @inheritdoc IRoundLedger
    /// @dev Epochs only rise, so a commitment that was left out of the seal never becomes current again.
    function isCurrent(uint64 studyId, uint32 number, address site) external view returns (bool) {
        Round storage asked = _lines[studyId].rounds[number];
        if (asked.state != RoundState.Open && asked.state != RoundState.Sealed) return false;
        LateRevocation policy = registry.terms(studyId, asked.version).lateRevocation;
        return _isCurrent(studyId, _lines[studyId].commitments[number][site], asked, policy, site);
    }

    /// @inheritdoc IRoundLedger
    function rhoSpent(uint64 studyId) external view returns (uint256) {
        return _rhoSpent(studyId);
    }

    /// @inheritdoc IRoundLedger
    function rhoOfRound(uint64 studyId, uint32 version) external view returns (uint256) {
        Terms memory terms = registry.terms(studyId, version);
        if (terms.noiseMultiplier == 0) revert LedgerStudyNotUsable(studyId);
        return Zcdp.rhoOfRound(terms.noiseMultiplier);
    }

    function _isCurrent(
        uint64 studyId,
        Commitment storage commitment,
        Round storage of_,
        LateRevocation policy,
        address site
    ) internal view returns (bool) {
        return commitment.attempt != 0 && commitment.epoch == _countedEpoch(studyId, of_, policy, site);
    }

    /// @dev The epoch that a commitment is held to: the one now, or under Proceed the one at the commit deadline once
    /// that has come. A withdrawal in the deadline's own second still binds the round.
    function _countedEpoch(uint64 studyId, Round storage of_, LateRevocation policy, address site)
        internal
        view
        returns (uint64)
    {
        if (policy == LateRevocation.Proceed && block.timestamp >= of_.commitDeadline) {
            return consentToken.epochAt(studyId, site, of_.commitDeadline);
        }
        return consentToken.epoch(studyId, site);
    }

    function _usableVersion(uint64 studyId) internal view returns (uint32 version) {
        Study memory study = registry.study(studyId);
        if (study.currentVersion == 0 || study.suspended) revert LedgerStudyNotUsable(studyId);
        return study.currentVersion;
    }

    function _requireSameVersion(uint64 studyId, uint32 number, Round storage current) internal view {
        uint32 version = _usableVersion(studyId);
        if (version != current.version) revert LedgerVersionChanged(studyId, number, version);
    }

    function _requireRoom(uint64 studyId, Terms memory terms) internal view returns (uint256 rho) {
        rho = Zcdp.rhoOfRound(terms.noiseMultiplier);
        uint256 spent = _rhoSpent(studyId);
        if (spent + rho > terms.rhoCeiling) revert LedgerBudgetExhausted(studyId, spent, rho, terms.rhoCeiling);
    }

    function _inState(uint64 studyId, uint32 number, RoundState wanted) internal view returns (Round storage current) {
        current = _lines[studyId].rounds[number];
        if (current.state != wanted) revert LedgerWrongState(studyId, number, current.state);
    }
}
