// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IStudyRegistry, Site, Study, Terms} from "./interfaces/IStudyRegistry.sol";
import {RunningHash} from "./RunningHash.sol";
import {Signers} from "./Signers.sol";
import {TermsHash} from "./TermsHash.sol";
import {TermsRules} from "./TermsRules.sol";

/// @title Studies, their committees and their approved terms
/// @dev Views of what is not known return zeros.
contract StudyRegistry is IStudyRegistry, RunningHash, EIP712 {
    bytes32 private constant APPROVAL_TYPE_HASH =
        keccak256("Approval(uint64 studyId,uint32 version,bytes32 termsHash)");
    bytes32 private constant SUSPENSION_TYPE_HASH = keccak256("Suspension(uint64 studyId,uint32 suspensions)");
    bytes32 private constant RESUMPTION_TYPE_HASH = keccak256("Resumption(uint64 studyId,uint32 suspensions)");

    /// @dev One proposed version; `approvals` counts the entries of `approvedBy`.
    struct Version {
        Terms terms;
        bytes32 termsHash;
        uint16 approvals;
        mapping(address reviewer => bool) approvedBy;
        mapping(address site => bool) isSite;
    }

    mapping(address account => Site) private _sites;
    uint64 private _studyCount;
    mapping(uint64 studyId => Study) private _studies;
    mapping(uint64 studyId => address[]) private _reviewers;
    mapping(uint64 studyId => mapping(address account => bool)) private _isReviewer;
    mapping(uint64 studyId => mapping(uint32 version => Version)) private _versions;

    constructor() EIP712("Assent StudyRegistry", "1") {}

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
    function approve(uint64 studyId, uint32 version, bytes calldata signer, bytes calldata signature) external {
        Study storage study_ = _known(studyId);
        if (version != study_.proposedVersion || version <= study_.currentVersion) {
            revert RegistryVersionNotPending(studyId, version);
        }
        Version storage proposed = _versions[studyId][version];
        bytes32 structHash = keccak256(abi.encode(APPROVAL_TYPE_HASH, studyId, version, proposed.termsHash));
        address reviewer = _reviewerWhoSigned(studyId, signer, structHash, signature);
        if (proposed.approvedBy[reviewer]) revert RegistryAlreadyApproved(studyId, version, reviewer);
        proposed.approvedBy[reviewer] = true;
        proposed.approvals += 1;
        _record(studyId, Approved.selector, abi.encode(version, reviewer, signer, signature));
        if (proposed.approvals == study_.threshold) _activate(studyId, version);
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
        _suspend(studyId, _reviewerWhoSigned(studyId, signer, structHash, signature));
    }

    /// @inheritdoc IStudyRegistry
    /// @dev Signers and signatures come in pairs. A reviewer who is named twice counts once.
    function resume(uint64 studyId, bytes[] calldata signers, bytes[] calldata signatures) external {
        Study storage study_ = _known(studyId);
        if (!study_.suspended) revert RegistryNotSuspended(studyId);
        if (signers.length != signatures.length) revert RegistrySignatureInvalid(address(0));
        bytes32 structHash = keccak256(abi.encode(RESUMPTION_TYPE_HASH, studyId, study_.suspensions));
        address[] memory counted = new address[](signers.length);
        uint256 count = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            address reviewer = _reviewerWhoSigned(studyId, signers[i], structHash, signatures[i]);
            if (!_contains(counted, count, reviewer)) counted[count++] = reviewer;
        }
        if (count < study_.threshold) revert RegistryQuorumNotReached(studyId, count, study_.threshold);
        study_.suspended = false;
        _record(studyId, Resumed.selector, abi.encode(study_.suspensions));
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
    function isUsable(uint64 studyId) external view returns (bool) {
        Study storage study_ = _studies[studyId];
        return study_.currentVersion != 0 && !study_.suspended;
    }

    /// @inheritdoc IStudyRegistry
    function hashTerms(Terms calldata terms_) external pure returns (bytes32) {
        return TermsHash.hash(terms_);
    }

    function _seatCommittee(uint64 studyId, address[] calldata reviewers_, uint16 threshold) private {
        uint256 count = reviewers_.length;
        // One reviewer alone must not be able to approve for a committee of several.
        if (threshold == 0 || threshold > count || (count > 1 && threshold < 2)) {
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

    function _activate(uint64 studyId, uint32 version) private {
        Study storage study_ = _studies[studyId];
        if (_needsFreshConsent(studyId, study_.currentVersion, version)) study_.consentVersion = version;
        study_.currentVersion = version;
        _record(studyId, VersionActivated.selector, abi.encode(version, study_.consentVersion));
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

    function _reviewerWhoSigned(uint64 studyId, bytes calldata signer, bytes32 structHash, bytes calldata signature)
        private
        view
        returns (address reviewer)
    {
        reviewer = Signers.accountOf(signer);
        if (!_isReviewer[studyId][reviewer]) revert RegistryNotReviewer(studyId, reviewer);
        if (!Signers.signedFor(reviewer, signer, _hashTypedDataV4(structHash), signature)) {
            revert RegistrySignatureInvalid(reviewer);
        }
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
