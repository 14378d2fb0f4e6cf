// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Budget} from "./Budget.sol";
import {IConsentToken} from "./interfaces/IConsentToken.sol";
import {Commitment, IRoundLedger, Round, RoundState} from "./interfaces/IRoundLedger.sol";
import {IStudyRegistry, LateRevocation, RoundRules, Standing} from "./interfaces/IStudyRegistry.sol";
import {Zcdp} from "./Zcdp.sol";

/// @title What is known of rounds, and the rules that every act on one obeys
/// @dev Views of what is not known return zeros.
abstract contract Rounds is IRoundLedger, Budget {
    /// @dev What is kept for one study. `count` is the newest round's number; `lastSealed` and `lastClosed` may be 0.
    /// `aborts` counts the sealed rounds aborted while the study had been suspended `abortsSuspensions` times; at the last
    /// seal it had been suspended `sealedSuspensions` times. `lastClosed` goes back in a rollback. `endedEarly` is the
    /// last sealed round that was aborted before its delivery deadline.
    struct Line {
        uint32 count;
        uint32 lastSealed;
        uint32 lastClosed;
        uint32 aborts;
        uint32 abortsSuspensions;
        uint32 sealedSuspensions;
        uint32 rollbacks;
        uint32 endedEarly;
        mapping(uint32 round => Round) rounds;
        mapping(uint32 round => address[]) members;
        mapping(uint32 round => mapping(address site => Commitment)) commitments;
        mapping(bytes32 maskKey => bool) maskKeyUsed;
    }

    IStudyRegistry public immutable registry;
    IConsentToken public immutable consentToken;

    mapping(uint64 studyId => Line) internal _lines;

    /// @notice The consent token answers to another registry or to another ledger.
    error LedgerTokenMismatch(address registry, address ledger);

    constructor(IStudyRegistry registry_, IConsentToken consentToken_) {
        (address registryOf, address ledgerOf) = (address(consentToken_.registry()), address(consentToken_.ledger()));
        if (registryOf != address(registry_) || ledgerOf != address(this)) {
            revert LedgerTokenMismatch(registryOf, ledgerOf);
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
    function roundsOver(uint64 studyId, uint40 since, uint16 count) external view returns (bool) {
        Line storage line = _lines[studyId];
        uint256 over = line.count;
        RoundState newest = line.rounds[line.count].state;
        if (newest == RoundState.Open || newest == RoundState.Sealed) over -= 1;
        return count == 0 || (over >= count && line.rounds[uint32(over - count + 1)].openedAt > since);
    }

    /// @inheritdoc IRoundLedger
    function chargedAborts(uint64 studyId) external view returns (uint32) {
        return _chargedAborts(studyId, registry.standing(studyId).suspensions);
    }

    /// @inheritdoc IRoundLedger
    function rhoSpent(uint64 studyId) external view returns (uint256) {
        return _rhoSpent(studyId);
    }

    /// @inheritdoc IRoundLedger
    function rhoOfRound(uint64 studyId, uint32 version) external view returns (uint256) {
        uint64 noiseMultiplier = registry.roundRules(studyId, version).noiseMultiplier;
        if (noiseMultiplier == 0) revert LedgerStudyNotUsable(studyId);
        return Zcdp.rhoOfRound(noiseMultiplier);
    }

    /// @dev Whether no consent was withdrawn at the site since it committed. Under Proceed a withdrawal after the commit
    /// deadline does not count once that has come; one in the deadline's own second still binds the round.
    function _isCurrent(
        uint64 studyId,
        Commitment storage commitment,
        Round storage of_,
        LateRevocation policy,
        address site
    ) internal view returns (bool) {
        if (commitment.attempt == 0) return false;
        if (commitment.epoch == consentToken.epoch(studyId, site)) return true;
        return policy == LateRevocation.Proceed && block.timestamp >= of_.commitDeadline
            && consentToken.epochMovedAt(studyId, site) > of_.commitDeadline;
    }

    function _chargedAborts(uint64 studyId, uint32 suspensions) internal view returns (uint32) {
        Line storage line = _lines[studyId];
        return line.abortsSuspensions == suspensions ? line.aborts : 0;
    }

    function _requireNoneRunning(uint64 studyId, Line storage line) internal view {
        RoundState newest = line.rounds[line.count].state;
        if (newest == RoundState.Open || newest == RoundState.Sealed) revert LedgerRoundOpen(studyId, line.count);
    }

    function _usable(uint64 studyId) internal view returns (Standing memory standing) {
        standing = registry.standing(studyId);
        if (!standing.usable) revert LedgerStudyNotUsable(studyId);
    }

    function _requireSameVersion(uint64 studyId, uint32 number, Round storage current)
        internal
        view
        returns (Standing memory standing)
    {
        standing = _usable(studyId);
        uint32 version = standing.currentVersion;
        if (version != current.version) revert LedgerVersionChanged(studyId, number, version);
    }

    function _requireRoom(uint64 studyId, RoundRules memory rules) internal view returns (uint256 rho) {
        rho = Zcdp.rhoOfRound(rules.noiseMultiplier);
        uint256 spent = _rhoSpent(studyId);
        if (spent + rho > rules.rhoCeiling) revert LedgerBudgetExhausted(studyId, spent, rho, rules.rhoCeiling);
    }

    function _inState(uint64 studyId, uint32 number, RoundState wanted) internal view returns (Round storage current) {
        current = _lines[studyId].rounds[number];
        if (current.state != wanted) revert LedgerWrongState(studyId, number, current.state);
    }

    function _isMember(uint64 studyId, uint32 number, address site) internal view returns (bool) {
        address[] storage sealedMembers = _lines[studyId].members[number];
        for (uint256 i = 0; i < sealedMembers.length; ++i) {
            if (sealedMembers[i] == site) return true;
        }
        return false;
    }
}
