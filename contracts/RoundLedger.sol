// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IConsentToken} from "./interfaces/IConsentToken.sol";
import {AbortReason, Commitment, IRoundLedger, Round, RoundState} from "./interfaces/IRoundLedger.sol";
import {IStudyRegistry, LateRevocation, RoundRules, Standing} from "./interfaces/IStudyRegistry.sol";
import {MaskKeys} from "./MaskKeys.sol";
import {Rollbacks} from "./Rollbacks.sol";
import {Rounds} from "./Rounds.sol";

/// @title Rounds and the privacy budget
/// @dev A deadline is the first second at which an act comes too late.
contract RoundLedger is Rollbacks {
    bytes32 private constant DELIVERY_TYPE_HASH = keccak256("Delivery(bytes32 sealDigest,bytes32 maskedHash)");
    bytes32 private constant CLOSURE_TYPE_HASH =
        keccak256("Closure(bytes32 sealDigest,bytes32 checkpointHash,bytes32 manifestHash)");

    constructor(IStudyRegistry registry_, IConsentToken consentToken_)
        Rounds(registry_, consentToken_)
        EIP712("Assent RoundLedger", "1")
    {}

    /// @inheritdoc IRoundLedger
    function open(uint64 studyId) external returns (uint32 number) {
        Standing memory standing = _usable(studyId);
        RoundRules memory rules = registry.roundRules(studyId, standing.currentVersion);
        if (msg.sender != rules.coordinator) revert LedgerNotCoordinator(studyId, msg.sender);
        Line storage line = _lines[studyId];
        _requireNoneRunning(studyId, line);
        _requireRoom(studyId, rules);
        uint32 aborts = _chargedAborts(studyId, standing.suspensions);
        if (aborts >= rules.maxChargedAborts) revert LedgerPausedByAborts(studyId, aborts);

        number = ++line.count;
        Round storage opened = line.rounds[number];
        opened.state = RoundState.Open;
        opened.version = standing.currentVersion;
        opened.previousSealed = line.lastSealed;
        opened.previousClosed = line.lastClosed;
        opened.openedAt = uint40(block.timestamp);
        opened.commitDeadline = uint40(block.timestamp) + rules.commitSeconds;
        opened.sealDeadline = opened.commitDeadline + rules.sealSeconds;
        opened.deliveryDeadline = opened.sealDeadline + rules.deliverySeconds;
        opened.closeDeadline = opened.deliveryDeadline + rules.closeSeconds;
        if (opened.closeDeadline >= standing.approvedUntil) {
            revert LedgerApprovalExpires(studyId, standing.approvedUntil, opened.closeDeadline);
        }
        opened.pinnedBlock = uint64(block.number - 1);
        opened.pinnedBlockHash = blockhash(block.number - 1);
        opened.base = line.lastClosed == 0
            ? registry.terms(studyId, opened.version).initialCheckpoint
            : line.rounds[line.lastClosed].checkpointHash;
        _recordOpened(studyId, number, opened);
    }

    /// @inheritdoc IRoundLedger
    function commit(uint64 studyId, uint32 number, Commitment calldata commitment) external {
        Line storage line = _lines[studyId];
        Round storage current = _inState(studyId, number, RoundState.Open);
        _requireSameVersion(studyId, number, current);
        if (block.timestamp >= current.commitDeadline) {
            revert LedgerDeadlinePassed(studyId, number, current.commitDeadline);
        }
        if (!registry.isSite(studyId, current.version, msg.sender)) revert LedgerSiteNotInStudy(studyId, msg.sender);
        _requireNotBarred(studyId, msg.sender);
        Commitment storage mine = line.commitments[number][msg.sender];
        if (commitment.attempt != mine.attempt + 1) {
            revert LedgerAttemptNotNext(commitment.attempt, mine.attempt + 1);
        }
        _checkCohort(studyId, current, commitment);
        if (!MaskKeys.isUsable(commitment.maskKey)) revert LedgerKeyMissing(msg.sender);
        // At the commitment and not only at the seal, so that who copies a key stops nobody but themself.
        if (line.maskKeyUsed[commitment.maskKey]) revert LedgerKeyReused(msg.sender, commitment.maskKey);
        if (commitment.cohortRoot == 0 || commitment.vectorHash == 0 || commitment.environmentHash == 0) {
            revert LedgerCommitmentEmpty(msg.sender);
        }
        line.maskKeyUsed[commitment.maskKey] = true;
        line.commitments[number][msg.sender] = commitment;
        consentToken.watchEpoch(studyId, msg.sender);
        _record(studyId, Committed.selector, abi.encode(number, msg.sender, commitment));
    }

    /// @inheritdoc IRoundLedger
    function seal(uint64 studyId, uint32 number) external returns (bytes32 sealDigest) {
        Round storage current = _inState(studyId, number, RoundState.Open);
        _lines[studyId].sealedSuspensions = _requireSameVersion(studyId, number, current).suspensions;
        if (block.timestamp >= current.sealDeadline) {
            revert LedgerDeadlinePassed(studyId, number, current.sealDeadline);
        }
        RoundRules memory rules = registry.roundRules(studyId, current.version);
        bool early = block.timestamp < current.commitDeadline;
        if (early && msg.sender != rules.coordinator) revert LedgerTooEarly(studyId, number, current.commitDeadline);

        (address[] memory sealedMembers, Commitment[] memory commitments) =
            _contributors(studyId, number, current, rules, early);
        uint256 rho = _requireRoom(studyId, rules);
        uint256 spent = _charge(studyId, rho);

        bytes32 parentHash = blockhash(block.number - 1);
        sealDigest = keccak256(
            abi.encode(block.chainid, address(this), studyId, number, parentHash, sealedMembers, commitments)
        );
        current.state = RoundState.Sealed;
        current.sealDigest = sealDigest;
        _lines[studyId].members[number] = sealedMembers;
        _lines[studyId].lastSealed = number;
        _record(studyId, Sealed.selector, abi.encode(number, sealedMembers, parentHash, sealDigest, rho, spent));
    }

    /// @inheritdoc IRoundLedger
    function close(
        uint64 studyId,
        uint32 number,
        bytes32 checkpointHash,
        bytes32 manifestHash,
        bytes32[] calldata maskedHashes,
        bytes[] calldata deliverySignatures,
        bytes calldata coordinatorSignature
    ) external {
        Round storage current = _inState(studyId, number, RoundState.Sealed);
        _requireSameVersion(studyId, number, current);
        if (block.timestamp >= current.closeDeadline) {
            revert LedgerDeadlinePassed(studyId, number, current.closeDeadline);
        }
        RoundRules memory rules = registry.roundRules(studyId, current.version);
        _checkDeliveries(studyId, number, current, rules.lateRevocation, maskedHashes, deliverySignatures);
        _checkClosure(current.sealDigest, checkpointHash, manifestHash, rules.coordinator, coordinatorSignature);
        current.state = RoundState.Closed;
        current.checkpointHash = checkpointHash;
        current.manifestHash = manifestHash;
        _lines[studyId].lastClosed = number;
        _record(
            studyId,
            Closed.selector,
            abi.encode(number, checkpointHash, manifestHash, maskedHashes, deliverySignatures, coordinatorSignature)
        );
    }

    /// @inheritdoc IRoundLedger
    function abort(uint64 studyId, uint32 number) external returns (AbortReason reason) {
        Round storage current = _lines[studyId].rounds[number];
        RoundState state = current.state;
        if (state != RoundState.Open && state != RoundState.Sealed) revert LedgerWrongState(studyId, number, state);
        Standing memory standing = registry.standing(studyId);
        reason = _abortReason(studyId, number, current, standing.currentVersion);
        if (state == RoundState.Sealed) {
            _countAbort(studyId, standing.suspensions);
            if (block.timestamp < current.deliveryDeadline) _lines[studyId].endedEarly = number;
        }
        current.state = RoundState.Aborted;
        _record(studyId, Aborted.selector, abi.encode(number, reason));
    }

    /// @inheritdoc IRoundLedger
    /// @dev Epochs only rise, so a commitment that was left out of the seal never becomes current again.
    function isCurrent(uint64 studyId, uint32 number, address site) external view returns (bool) {
        Round storage asked = _lines[studyId].rounds[number];
        if (asked.state != RoundState.Open && asked.state != RoundState.Sealed) return false;
        if (asked.state == RoundState.Open && _barredFor(studyId, site) != 0) return false;
        LateRevocation policy = registry.roundRules(studyId, asked.version).lateRevocation;
        return _isCurrent(studyId, _lines[studyId].commitments[number][site], asked, policy, site);
    }

    function _countAbort(uint64 studyId, uint32 suspensions) private {
        Line storage line = _lines[studyId];
        line.aborts = _chargedAborts(studyId, suspensions) + 1;
        line.abortsSuspensions = suspensions;
    }

    function _recordOpened(uint64 studyId, uint32 number, Round storage opened) private {
        _record(
            studyId,
            Opened.selector,
            abi.encode(
                number,
                opened.version,
                opened.pinnedBlock,
                opened.pinnedBlockHash,
                opened.base,
                opened.previousSealed,
                opened.previousClosed,
                opened.commitDeadline,
                opened.sealDeadline,
                opened.deliveryDeadline,
                opened.closeDeadline
            )
        );
    }

    /// @dev The sites whose commitment is current, in the order of the terms; all that are not barred when `early`.
    function _contributors(uint64 studyId, uint32 number, Round storage current, RoundRules memory rules, bool early)
        private
        view
        returns (address[] memory sealedMembers, Commitment[] memory commitments)
    {
        uint256 count = 0;
        address[] memory sites = registry.sites(studyId, current.version);
        sealedMembers = new address[](sites.length);
        commitments = new Commitment[](sites.length);
        for (uint256 i = 0; i < sites.length; ++i) {
            address site = sites[i];
            if (_barredFor(studyId, site) != 0) continue;
            Commitment storage commitment = _lines[studyId].commitments[number][site];
            if (_isCurrent(studyId, commitment, current, rules.lateRevocation, site)) {
                sealedMembers[count] = site;
                commitments[count++] = commitment;
            } else if (early) {
                revert LedgerNotAllCurrent(site);
            }
        }
        if (count < rules.minSites) revert LedgerTooFewSites(count, rules.minSites);
        assembly ("memory-safe") {
            mstore(sealedMembers, count)
            mstore(commitments, count)
        }
    }

    function _checkCohort(uint64 studyId, Round storage current, Commitment calldata commitment) private view {
        uint32 minimum = registry.roundRules(studyId, current.version).minCohort;
        if (commitment.cohortSize < minimum) revert LedgerCohortTooSmall(commitment.cohortSize, minimum);
        uint32 unburned = consentToken.unburnedCount(studyId, msg.sender);
        if (commitment.cohortSize > unburned) revert LedgerCohortNotBorneOut(commitment.cohortSize, unburned);
        // Beyond 256 blocks, and for the block now being made, blockhash gives 0.
        if (
            commitment.blockNumber < current.pinnedBlock || commitment.blockHash == 0
                || blockhash(commitment.blockNumber) != commitment.blockHash
        ) revert LedgerBlockNotKnown(commitment.blockNumber, commitment.blockHash);
        uint64 epoch = consentToken.epoch(studyId, msg.sender);
        if (commitment.epoch != epoch) revert LedgerEpochMoved(msg.sender, commitment.epoch, epoch);
    }

    function _checkDeliveries(
        uint64 studyId,
        uint32 number,
        Round storage current,
        LateRevocation policy,
        bytes32[] calldata maskedHashes,
        bytes[] calldata signatures
    ) private view {
        address[] memory sealedMembers = _lines[studyId].members[number];
        uint256 count = sealedMembers.length;
        if (maskedHashes.length != count) revert LedgerDeliveryCountMismatch(maskedHashes.length, count);
        if (signatures.length != count) revert LedgerDeliveryCountMismatch(signatures.length, count);
        for (uint256 i = 0; i < count; ++i) {
            address site = sealedMembers[i];
            Commitment storage commitment = _lines[studyId].commitments[number][site];
            if (!_isCurrent(studyId, commitment, current, policy, site)) _revertEpochMoved(studyId, commitment, site);
            bytes32 recorded = _deliveryOf(studyId, number, site);
            if (
                (recorded != 0 && recorded != maskedHashes[i])
                    || !_isDelivery(site, current.sealDigest, maskedHashes[i], signatures[i])
            ) revert LedgerDeliveryInvalid(site);
        }
    }

    function _revertEpochMoved(uint64 studyId, Commitment storage commitment, address site) private view {
        revert LedgerEpochMoved(site, commitment.epoch, consentToken.epoch(studyId, site));
    }

    function _isDelivery(address site, bytes32 sealDigest, bytes32 maskedHash, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(DELIVERY_TYPE_HASH, sealDigest, maskedHash)));
        return SignatureChecker.isValidSignatureNowCalldata(site, digest, signature);
    }

    function _checkClosure(
        bytes32 sealDigest,
        bytes32 checkpointHash,
        bytes32 manifestHash,
        address coordinator,
        bytes calldata signature
    ) private view {
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CLOSURE_TYPE_HASH, sealDigest, checkpointHash, manifestHash))
        );
        if (
            checkpointHash == 0 || manifestHash == 0
                || !SignatureChecker.isValidSignatureNowCalldata(coordinator, digest, signature)
        ) revert LedgerClosureInvalid(coordinator);
    }

    function _abortReason(uint64 studyId, uint32 number, Round storage current, uint32 version)
        private
        view
        returns (AbortReason)
    {
        if (version != current.version) return AbortReason.StudyChanged;
        RoundRules memory rules = registry.roundRules(studyId, version);
        if (current.state == RoundState.Open) {
            if (block.timestamp >= current.sealDeadline) return AbortReason.SealDeadlinePassed;
        } else {
            if (block.timestamp >= current.closeDeadline) return AbortReason.CloseDeadlinePassed;
            if (_hasMovedMember(studyId, number, current, rules.lateRevocation)) return AbortReason.ConsentChanged;
        }
        if (msg.sender == rules.coordinator) return AbortReason.Coordinator;
        revert LedgerCannotAbort(studyId, number);
    }

    function _hasMovedMember(uint64 studyId, uint32 number, Round storage current, LateRevocation policy)
        private
        view
        returns (bool)
    {
        address[] memory sealedMembers = _lines[studyId].members[number];
        for (uint256 i = 0; i < sealedMembers.length; ++i) {
            Commitment storage commitment = _lines[studyId].commitments[number][sealedMembers[i]];
            if (!_isCurrent(studyId, commitment, current, policy, sealedMembers[i])) return true;
        }
        return false;
    }
}
