// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IBars} from "./interfaces/IBars.sol";
import {Round, RoundState} from "./interfaces/IRoundLedger.sol";
import {LateRevocation, RoundRules, Standing} from "./interfaces/IStudyRegistry.sol";
import {Rounds} from "./Rounds.sol";
import {RunningHash} from "./RunningHash.sol";
import {Signers} from "./Signers.sol";

/// @title What a site risks that is sealed into a round and does not deliver
abstract contract Bars is IBars, Rounds, RunningHash, EIP712 {
    bytes32 private constant READMISSION_TYPE_HASH =
        keccak256("Readmission(uint64 studyId,address site,uint32 times)");

    /// @dev `round` is 0 for a site that is not barred.
    struct Bar {
        uint32 round;
        uint32 times;
    }

    mapping(uint64 studyId => mapping(address site => Bar)) private _bars;
    mapping(uint64 studyId => mapping(uint32 round => mapping(address site => bool))) private _wasBarred;
    mapping(uint64 studyId => mapping(uint32 round => mapping(address site => bytes32))) private _deliveries;

    /// @inheritdoc IBars
    function recordDelivery(uint64 studyId, uint32 number, bytes32 maskedHash) external {
        Round storage current = _inState(studyId, number, RoundState.Sealed);
        if (block.timestamp >= current.deliveryDeadline) {
            revert LedgerDeadlinePassed(studyId, number, current.deliveryDeadline);
        }
        if (maskedHash == 0) revert BarsDeliveryEmpty(msg.sender);
        if (!_isMember(studyId, number, msg.sender)) revert BarsNotMember(studyId, number, msg.sender);
        if (_deliveries[studyId][number][msg.sender] != 0) revert BarsDeliveryRecorded(studyId, number, msg.sender);
        _deliveries[studyId][number][msg.sender] = maskedHash;
        _record(studyId, DeliveryRecorded.selector, abi.encode(number, msg.sender, maskedHash));
    }

    /// @inheritdoc IBars
    /// @dev Only once for a round, so that a readmission is not undone by the same accusation.
    function bar(uint64 studyId, uint32 number, address site) external {
        if (number == 0 || number != _lines[studyId].lastSealed) revert BarsNotLastSealed(studyId, number);
        Round storage current = _lines[studyId].rounds[number];
        if (current.state == RoundState.Closed) revert LedgerWrongState(studyId, number, current.state);
        if (block.timestamp < current.deliveryDeadline) {
            revert LedgerTooEarly(studyId, number, current.deliveryDeadline);
        }
        RoundRules memory rules = registry.roundRules(studyId, current.version);
        if (msg.sender != rules.coordinator) revert LedgerNotCoordinator(studyId, msg.sender);
        if (!_isMember(studyId, number, site)) revert BarsNotMember(studyId, number, site);
        if (_deliveries[studyId][number][site] != 0) revert BarsDeliveryRecorded(studyId, number, site);
        if (_wasBarred[studyId][number][site]) revert BarsAlreadyBarred(studyId, number, site);
        // What Proceed compares is cleared by a commitment to a later round: from its opening on, any withdrawal excuses.
        LateRevocation policy = number == _lines[studyId].count ? rules.lateRevocation : LateRevocation.Abandon;
        Standing memory standing = registry.standing(studyId);
        // Nobody can deliver to an aborted round, nor put a delivery on record: who ends it early accuses nobody.
        if (
            _lines[studyId].endedEarly == number || standing.suspensions != _lines[studyId].sealedSuspensions
                || standing.currentVersion != current.version
                || !_isCurrent(studyId, _lines[studyId].commitments[number][site], current, policy, site)
        ) revert BarsExcused(studyId, number, site);
        _bar(studyId, number, site);
    }

    /// @inheritdoc IBars
    function readmit(uint64 studyId, address site, bytes calldata signer, bytes calldata signature) external {
        Bar storage barred = _bars[studyId][site];
        uint32 number = barred.round;
        if (number == 0) revert BarsNotBarred(studyId, site);
        address reviewer = Signers.accountOf(signer);
        if (!registry.isReviewer(studyId, reviewer)) revert BarsNotReviewer(studyId, reviewer);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(READMISSION_TYPE_HASH, studyId, site, barred.times)));
        if (!Signers.signedFor(reviewer, signer, digest, signature)) revert BarsSignatureInvalid(reviewer);
        barred.round = 0;
        _record(studyId, Readmitted.selector, abi.encode(number, site, reviewer));
    }

    /// @inheritdoc IBars
    function barredFor(uint64 studyId, address site) external view returns (uint32) {
        return _barredFor(studyId, site);
    }

    /// @inheritdoc IBars
    function timesBarred(uint64 studyId, address site) external view returns (uint32) {
        return _bars[studyId][site].times;
    }

    /// @inheritdoc IBars
    function deliveryOf(uint64 studyId, uint32 number, address site) external view returns (bytes32) {
        return _deliveryOf(studyId, number, site);
    }

    function _bar(uint64 studyId, uint32 number, address site) internal {
        Bar storage barred = _bars[studyId][site];
        barred.round = number;
        barred.times += 1;
        _wasBarred[studyId][number][site] = true;
        _record(studyId, Barred.selector, abi.encode(number, site, barred.times));
    }

    function _barredFor(uint64 studyId, address site) internal view returns (uint32) {
        return _bars[studyId][site].round;
    }

    function _deliveryOf(uint64 studyId, uint32 number, address site) internal view returns (bytes32) {
        return _deliveries[studyId][number][site];
    }

    function _requireNotBarred(uint64 studyId, address site) internal view {
        uint32 number = _bars[studyId][site].round;
        if (number != 0) revert LedgerSiteBarred(studyId, site, number);
    }
}
