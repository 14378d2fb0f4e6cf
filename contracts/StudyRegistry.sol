// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {
    GrantRules, IStudyRegistry, RoundRules, Site, Standing, Study, Terms
} from "./interfaces/IStudyRegistry.sol";
import {RunningHash} from "./RunningHash.sol";
import {Signers} from "./Signers.sol";
import {TermsHash} from "./TermsHash.sol";
import {TermsRules} from "./TermsRules.sol";

/// @title Studies, their committees and their approved terms
/// @dev Views of what is not known return zeros.
contract StudyRegistry is IStudyRegistry, RunningHash, EIP712, AccessManaged {
    bytes32 private constant APPROVAL_TYPE_HASH =
        keccak256(
        "Approval(uint64 studyId,uint32 version,bytes32 termsHash,bytes32 protocolHash,bytes32 consentTextHash,"
        "bytes32 dpiaHash,uint40 expiresAt)"
    );
    bytes32 private constant SUSPENSION_TYPE_HASH = keccak256("Suspension(uint64 studyId,uint32 suspensions)");
    bytes32 private constant RESUMPTION_TYPE_HASH = keccak256("Resumption(uint64 studyId,uint32 suspensions)");

    bytes32 private constant REPLACEMENT_TYPE_HASH =
        keccak256("Replacement(uint64 studyId,uint32 replacements,address outgoing,address incoming)");

    /// @dev A committee is read whole at each approval.
    uint256 private constant MAX_REVIEWERS = 32;
    uint40 private constant MAX_APPROVAL_SECONDS = 366 days;

    struct Version {
        Terms terms;
        bytes32 termsHash;
        mapping(address reviewer => uint40) approvedUntil;
        mapping(address site => bool) isSite;
    }

    mapping(address account => Site) private _sites;
    uint64 private _studyCount;
    mapping(uint64 studyId => Study) private _studies;
    mapping(uint64 studyId => address[]) private _reviewers;
    mapping(uint64 studyId => mapping(address account => bool)) private _isReviewer;
    mapping(uint64 studyId => mapping(uint32 version => Version)) private _versions;

    /// @inheritdoc IStudyRegistry
    address public successor;

    /// @param authority_ an AccessManager whose administrator acts with a delay and is no single key
    constructor(address authority_) EIP712("Assent StudyRegistry", "1") AccessManaged(authority_) {}

    /// @inheritdoc IStudyRegistry
    function registerSite(address enrolmentKey, bytes32 noiseSecretHash) external {
        if (_sites[msg.sender].registeredAt != 0) revert RegistrySiteAlreadyRegistered(msg.sender);
        if (enrolmentKey == address(0) || noiseSecretHash == 0) revert RegistryKeyMissing(msg.sender);
        _sites[msg.sender] = Site(enrolmentKey, noiseSecretHash, uint40(block.timestamp));
        _record(0, SiteRegistered.selector, abi.encode(msg.sender, enrolmentKey, noiseSecretHash));
    }

    /// @inheritdoc IStudyRegistry
    function rotateEnrolmentKey(address enrolmentKey) external {
        if (_sites[msg.sender].registeredAt == 0) revert RegistrySiteUnknown(msg.sender);
        if (enrolmentKey == address(0)) revert RegistryKeyMissing(msg.sender);
        _sites[msg.sender].enrolmentKey = enrolmentKey;
        _record(0, EnrolmentKeyRotated.selector, abi.encode(msg.sender, enrolmentKey));
    }

    /// @inheritdoc IStudyRegistry
    function proposeStudy(address[] calldata reviewers_, uint16 threshold, Terms calldata terms_)
        external
        returns (uint64 studyId)
    {
        if (successor != address(0)) revert RegistrySucceeded(successor);
        studyId = ++_studyCount;
        _seatCommittee(studyId, reviewers_, threshold);
        _studies[studyId].sponsor = msg.sender;
        _studies[studyId].threshold = threshold;
        _record(studyId, StudyProposed.selector, abi.encode(msg.sender, reviewers_, threshold));
        _propose(studyId, terms_);
    }

    /// @inheritdoc IStudyRegistry
    function proposeVersion(uint64 studyId, Terms calldata terms_) external returns (uint32 version) {
        if (msg.sender != _known(studyId).sponsor) revert RegistryNotSponsor(studyId, msg.sender);
        return _propose(studyId, terms_);
    }

    /// @inheritdoc IStudyRegistry
    function approve(
        uint64 studyId,
        uint32 version,
        uint40 expiresAt,
        bytes calldata signer,
        bytes calldata signature
    ) external {
        _checkApprovable(studyId, version);
        _checkExpiry(expiresAt);
        Version storage approved = _versions[studyId][version];
        bytes32 structHash = _approvalHash(studyId, version, approved, expiresAt);
        address reviewer = _reviewerWhoSigned(studyId, signer, _hashTypedDataV4(structHash), signature);
        if (expiresAt <= approved.approvedUntil[reviewer]) {
            revert RegistryApprovalNotLater(studyId, version, reviewer, expiresAt);
        }
        approved.approvedUntil[reviewer] = expiresAt;
        _record(studyId, Approved.selector, abi.encode(version, reviewer, expiresAt, signer, signature));
        _count(studyId, version);
    }

    /// @inheritdoc IStudyRegistry
    function replaceReviewer(
        uint64 studyId,
        address outgoing,
        address incoming,
        bytes[] calldata signers,
        bytes[] calldata signatures
    ) external {
        Study storage study_ = _known(studyId);
        if (!_isReviewer[studyId][outgoing]) revert RegistryNotReviewer(studyId, outgoing);
        if (!_mayReview(studyId, study_, incoming)) revert RegistryReviewerUnsuitable(incoming);
        bytes32 structHash =
            keccak256(abi.encode(REPLACEMENT_TYPE_HASH, studyId, study_.replacements, outgoing, incoming));
        _requireQuorum(studyId, study_.threshold, _hashTypedDataV4(structHash), signers, signatures);
        study_.replacements += 1;
        _isReviewer[studyId][outgoing] = false;
        _isReviewer[studyId][incoming] = true;
        address[] storage seats = _reviewers[studyId];
        uint256 seat = 0;
        while (seats[seat] != outgoing) ++seat;
        seats[seat] = incoming;
        _record(studyId, ReviewerReplaced.selector, abi.encode(outgoing, incoming, study_.replacements));
    }

    /// @inheritdoc IStudyRegistry
    function suspend(uint64 studyId) external {
        _known(studyId);
        if (!_isReviewer[studyId][msg.sender]) revert RegistryNotReviewer(studyId, msg.sender);
        _suspend(studyId, msg.sender);
    }

    /// @inheritdoc IStudyRegistry
    function suspendBySig(uint64 studyId, bytes calldata signer, bytes calldata signature) external {
        bytes32 structHash = keccak256(abi.encode(SUSPENSION_TYPE_HASH, studyId, _known(studyId).suspensions));
        _suspend(studyId, _reviewerWhoSigned(studyId, signer, _hashTypedDataV4(structHash), signature));
    }

    /// @inheritdoc IStudyRegistry
    function resume(uint64 studyId, bytes[] calldata signers, bytes[] calldata signatures) external {
        Study storage study_ = _known(studyId);
        if (!study_.suspended) revert RegistryNotSuspended(studyId);
        bytes32 structHash = keccak256(abi.encode(RESUMPTION_TYPE_HASH, studyId, study_.suspensions));
        _requireQuorum(studyId, study_.threshold, _hashTypedDataV4(structHash), signers, signatures);
        study_.suspended = false;
        _record(studyId, Resumed.selector, abi.encode(study_.suspensions));
    }

    /// @inheritdoc IStudyRegistry
    function recordSuccessor(address successor_) external restricted {
        if (successor_ == address(0) || successor_ == address(this)) revert RegistrySuccessorInvalid(successor_);
        if (successor != address(0)) revert RegistrySucceeded(successor);
        successor = successor_;
        _record(0, SuccessorRecorded.selector, abi.encode(successor_));
    }

    /// @inheritdoc IStudyRegistry
    function site(address account) external view returns (Site memory) {
        return _sites[account];
    }

    /// @inheritdoc IStudyRegistry
    function study(uint64 studyId) external view returns (Study memory) {
        return _studies[studyId];
    }

    /// @inheritdoc IStudyRegistry
    function studyCount() external view returns (uint64) {
        return _studyCount;
    }

    /// @inheritdoc IStudyRegistry
    function reviewers(uint64 studyId) external view returns (address[] memory) {
        return _reviewers[studyId];
    }

    /// @inheritdoc IStudyRegistry
    function terms(uint64 studyId, uint32 version) external view returns (Terms memory) {
        return _versions[studyId][version].terms;
    }

    /// @inheritdoc IStudyRegistry
    function termsHash(uint64 studyId, uint32 version) external view returns (bytes32) {
        return _versions[studyId][version].termsHash;
    }

    /// @inheritdoc IStudyRegistry
    function isSite(uint64 studyId, uint32 version, address account) external view returns (bool) {
        return _versions[studyId][version].isSite[account];
    }

    /// @inheritdoc IStudyRegistry
    function sites(uint64 studyId, uint32 version) external view returns (address[] memory) {
        return _versions[studyId][version].terms.sites;
    }

    /// @inheritdoc IStudyRegistry
    function isReviewer(uint64 studyId, address account) external view returns (bool) {
        return _isReviewer[studyId][account];
    }

    /// @inheritdoc IStudyRegistry
    function approvalOf(uint64 studyId, uint32 version, address reviewer) external view returns (uint40) {
        return _versions[studyId][version].approvedUntil[reviewer];
    }

    /// @inheritdoc IStudyRegistry
    function standing(uint64 studyId) external view returns (Standing memory) {
        return _standing(studyId);
    }

    /// @inheritdoc IStudyRegistry
    function isUsable(uint64 studyId) external view returns (bool) {
        return _standing(studyId).usable;
    }

    /// @inheritdoc IStudyRegistry
    function grantRules(uint64 studyId, address account) external view returns (GrantRules memory rules) {
        rules.standing = _standing(studyId);
        Version storage current = _versions[studyId][rules.standing.currentVersion];
        rules.termsHash = current.termsHash;
        rules.consentTextHash = current.terms.consentTextHash;
        if (current.isSite[account]) rules.enrolmentKey = _sites[account].enrolmentKey;
    }

    /// @inheritdoc IStudyRegistry
    function roundRules(uint64 studyId, uint32 version) external view returns (RoundRules memory) {
        Terms storage terms_ = _versions[studyId][version].terms;
        return RoundRules({
            coordinator: terms_.coordinator,
            minCohort: terms_.minCohort,
            minSites: terms_.minSites,
            noiseMultiplier: terms_.noiseMultiplier,
            rhoCeiling: terms_.rhoCeiling,
            commitSeconds: terms_.commitSeconds,
            sealSeconds: terms_.sealSeconds,
            deliverySeconds: terms_.deliverySeconds,
            closeSeconds: terms_.closeSeconds,
            challengeSeconds: terms_.challengeSeconds,
            answerSeconds: terms_.answerSeconds,
            waitingRounds: terms_.waitingRounds,
            maxChargedAborts: terms_.maxChargedAborts,
            lateRevocation: terms_.lateRevocation
        });
    }

    /// @inheritdoc IStudyRegistry
    function requireQuorum(uint64 studyId, bytes32 digest, bytes[] calldata signers, bytes[] calldata signatures)
        external
        view
    {
        _requireQuorum(studyId, _known(studyId).threshold, digest, signers, signatures);
    }

    /// @inheritdoc IStudyRegistry
    function hashTerms(Terms calldata terms_) external pure returns (bytes32) {
        return TermsHash.hash(terms_);
    }

    function _seatCommittee(uint64 studyId, address[] calldata reviewers_, uint16 threshold) private {
        uint256 count = reviewers_.length;
        // No one key alone can approve a study.
        if (threshold < 2 || threshold > count || count > MAX_REVIEWERS) {
            revert RegistryCommitteeInvalid(count, threshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            address reviewer = reviewers_[i];
            if (reviewer == msg.sender) revert RegistrySponsorCannotReview(msg.sender);
            if (reviewer == address(0) || _isReviewer[studyId][reviewer]) {
                revert RegistryCommitteeInvalid(count, threshold);
            }
            _isReviewer[studyId][reviewer] = true;
        }
        _reviewers[studyId] = reviewers_;
    }

    function _propose(uint64 studyId, Terms calldata terms_) private returns (uint32 version) {
        TermsRules.check(terms_, _sites);
        if (_isReviewer[studyId][terms_.coordinator]) revert RegistryTermsInvalid("coordinator");
        version = ++_studies[studyId].proposedVersion;
        Version storage proposed = _versions[studyId][version];
        proposed.terms = terms_;
        proposed.termsHash = TermsHash.hash(terms_);
        for (uint256 i = 0; i < terms_.sites.length; ++i) {
            proposed.isSite[terms_.sites[i]] = true;
        }
        _record(studyId, VersionProposed.selector, abi.encode(version, proposed.termsHash, terms_));
    }

    /// @dev Puts a version in force, or extends the approval of the one that is, by what the committee now says.
    function _count(uint64 studyId, uint32 version) private {
        Study storage study_ = _studies[studyId];
        uint40 until = _approvedUntil(studyId, version, study_.threshold);
        if (until <= block.timestamp) return;
        if (version != study_.currentVersion) {
            if (_needsFreshConsent(studyId, study_.currentVersion, version)) study_.consentVersion = version;
            study_.currentVersion = version;
            study_.approvedUntil = until;
            study_.disease = _versions[studyId][version].terms.disease;
            _record(studyId, VersionActivated.selector, abi.encode(version, study_.consentVersion, until));
        } else if (until > study_.approvedUntil) {
            study_.approvedUntil = until;
            _record(studyId, ApprovalExtended.selector, abi.encode(version, until));
        }
    }

    /// @dev The k-th latest expiry among the present reviewers' approvals; 0 while fewer than k approved.
    function _approvedUntil(uint64 studyId, uint32 version, uint16 threshold) private view returns (uint40 until) {
        address[] memory seats = _reviewers[studyId];
        uint40[] memory expiries = new uint40[](seats.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            expiries[i] = _versions[studyId][version].approvedUntil[seats[i]];
        }
        for (uint256 i = 0; i < seats.length; ++i) {
            uint256 asLate = 0;
            for (uint256 j = 0; j < seats.length; ++j) {
                if (expiries[j] >= expiries[i]) ++asLate;
            }
            if (asLate >= threshold && expiries[i] > until) until = expiries[i];
        }
    }

    function _checkApprovable(uint64 studyId, uint32 version) private view {
        Study storage study_ = _known(studyId);
        if (version == 0 || (version != study_.currentVersion && version != study_.proposedVersion)) {
            revert RegistryVersionNotPending(studyId, version);
        }
    }

    function _checkExpiry(uint40 expiresAt) private view {
        uint40 latest = uint40(block.timestamp) + MAX_APPROVAL_SECONDS;
        if (expiresAt <= block.timestamp || expiresAt > latest) revert RegistryApprovalExpiryInvalid(expiresAt, latest);
    }

    function _approvalHash(uint64 studyId, uint32 version, Version storage approved, uint40 expiresAt)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                APPROVAL_TYPE_HASH,
                studyId,
                version,
                approved.termsHash,
                approved.terms.protocolHash,
                approved.terms.consentTextHash,
                approved.terms.dpiaHash,
                expiresAt
            )
        );
    }

    /// @dev Who gains from a study does not judge it: neither its sponsor nor a coordinator of a version that may run.
    function _mayReview(uint64 studyId, Study storage study_, address account) private view returns (bool) {
        return account != address(0) && !_isReviewer[studyId][account] && account != study_.sponsor
            && account != _versions[studyId][study_.currentVersion].terms.coordinator
            && account != _versions[studyId][study_.proposedVersion].terms.coordinator;
    }

    function _standing(uint64 studyId) private view returns (Standing memory) {
        Study storage study_ = _studies[studyId];
        uint40 approvedUntil = study_.approvedUntil;
        return Standing({
            // 0 before the first version is in force.
            usable: !study_.suspended && block.timestamp < approvedUntil,
            currentVersion: study_.currentVersion,
            consentVersion: study_.consentVersion,
            suspensions: study_.suspensions,
            approvedUntil: approvedUntil,
            disease: study_.disease
        });
    }

    /// @dev Signers and signatures come in pairs. A reviewer who is named twice counts once.
    function _requireQuorum(
        uint64 studyId,
        uint16 threshold,
        bytes32 digest,
        bytes[] calldata signers,
        bytes[] calldata signatures
    ) private view {
        if (signers.length != signatures.length) revert RegistrySignatureInvalid(address(0));
        address[] memory counted = new address[](signers.length);
        uint256 count = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            address reviewer = _reviewerWhoSigned(studyId, signers[i], digest, signatures[i]);
            if (!_contains(counted, count, reviewer)) counted[count++] = reviewer;
        }
        if (count < threshold) revert RegistryQuorumNotReached(studyId, count, threshold);
    }

    function _needsFreshConsent(uint64 studyId, uint32 current, uint32 next) private view returns (bool) {
        if (current == 0) return true;
        Version storage before = _versions[studyId][current];
        Terms storage nextTerms = _versions[studyId][next].terms;
        if (TermsRules.isLooser(before.terms, nextTerms)) return true;
        for (uint256 i = 0; i < nextTerms.sites.length; ++i) {
            if (!before.isSite[nextTerms.sites[i]]) return true;
        }
        return false;
    }

    function _suspend(uint64 studyId, address reviewer) private {
        Study storage study_ = _studies[studyId];
        if (study_.suspended) revert RegistryAlreadySuspended(studyId);
        study_.suspended = true;
        study_.suspensions += 1;
        _record(studyId, Suspended.selector, abi.encode(reviewer, study_.suspensions));
    }

    function _reviewerWhoSigned(uint64 studyId, bytes calldata signer, bytes32 digest, bytes calldata signature)
        private
        view
        returns (address reviewer)
    {
        reviewer = Signers.accountOf(signer);
        if (!_isReviewer[studyId][reviewer]) revert RegistryNotReviewer(studyId, reviewer);
        if (
            !Signers.signedFor(reviewer, signer, digest, signature)
                || !Signers.isToldApart(signer, digest, signature)
        ) revert RegistrySignatureInvalid(reviewer);
    }

    function _known(uint64 studyId) private view returns (Study storage study_) {
        study_ = _studies[studyId];
        if (study_.sponsor == address(0)) revert RegistryStudyUnknown(studyId);
    }

    function _contains(address[] memory accounts, uint256 count, address account) private pure returns (bool) {
        for (uint256 i = 0; i < count; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }
}
