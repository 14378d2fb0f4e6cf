// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What happens to a sealed round when a consent that it used is withdrawn.
/// `Abandon`: the ledger refuses to close and the round is run again without the record.
/// `Proceed`: a withdrawal after the commit deadline lets the round close; the guarantee is the DP bound.
enum LateRevocation {
    Abandon,
    Proceed
}

/// @notice Everything that a round of a study depends on. Its EIP-712 struct hash is the terms hash that reviewers sign.
/// @param protocolHash SHA-256 of the study protocol document
/// @param consentTextHash SHA-256 of the canonical list of consent texts, one a language
/// @param dpiaHash SHA-256 of the data protection impact assessment (GDPR, article 35)
/// @param appHash SHA-256 of the Flower App Bundle (FAB)
/// @param recipeHash SHA-256 of the canonical JSON with the learning recipe (model, adaptation and update rule constants)
/// @param initialCheckpoint SHA-256 of the checkpoint that the first round starts from
/// @param purposes bitmap of the purposes a round uses data for and of the conditions it meets (docs/purposes.md)
/// @param disease number of the MONDO term that the study is about; 0 unless `purposes` has DS, disease specific research
/// @param coordinator the account that opens rounds and signs closures
/// @param sites site accounts, strictly ascending
/// @param minCohort smallest number of tokens that a site may commit
/// @param minSites smallest number of contributors that may be sealed (m)
/// @param toleratedColluders sites that may pool what they know without weakening the noise (t); m - t is at least 2
/// @param vectorLength numbers in one contribution
/// @param fractionBits a contribution's grid step is 2^-fractionBits
/// @param clippingNorm L2 bound C of one patient's contribution, in grid steps
/// @param noiseMultiplier sigma, in millionths: the noise that m - t sites add together has standard deviation sigma * C
/// @param delta DP delta, in 1e-18
/// @param rhoCeiling most zCDP rho that the study may ever spend, in 1e-18
/// @param commitSeconds from opening to the commit deadline
/// @param sealSeconds from the commit deadline to the seal deadline
/// @param deliverySeconds from the seal deadline to the delivery deadline
/// @param closeSeconds from the delivery deadline to the close deadline
/// @param challengeSeconds from a round's close deadline to the last second at which its sites may be challenged
/// @param answerSeconds from a challenge to the second by which the site must have answered
/// @param waitingRounds rounds that a record sits out after its token was revoked
/// @param maxChargedAborts aborts of sealed rounds after which the study pauses for its reviewers
/// @param lateRevocation the policy for a withdrawal that comes after the cut-off
struct Terms {
    bytes32 protocolHash;
    bytes32 consentTextHash;
    bytes32 dpiaHash;
    bytes32 appHash;
    bytes32 recipeHash;
    bytes32 initialCheckpoint;
    uint64 purposes;
    uint24 disease;
    address coordinator;
    address[] sites;
    uint32 minCohort;
    uint16 minSites;
    uint16 toleratedColluders;
    uint32 vectorLength;
    uint8 fractionBits;
    uint64 clippingNorm;
    uint64 noiseMultiplier;
    uint64 delta;
    uint256 rhoCeiling;
    uint32 commitSeconds;
    uint32 sealSeconds;
    uint32 deliverySeconds;
    uint32 closeSeconds;
    uint32 challengeSeconds;
    uint32 answerSeconds;
    uint16 waitingRounds;
    uint16 maxChargedAborts;
    LateRevocation lateRevocation;
}

/// @notice A hospital's keys. `noiseSecretHash` is SHA-256 of its noise secret and never changes.
struct Site {
    address enrolmentKey;
    bytes32 noiseSecretHash;
    uint40 registeredAt;
}

/// @notice Who answers for a study, and where it stands. The last six members fill one slot.
/// @param sponsor who proposed it; may propose versions, may not review
/// @param threshold reviewers needed (k)
/// @param proposedVersion the newest version proposed, 0 for none
/// @param replacements how often a reviewer was replaced; signed in Replacement so that none can be replayed
/// @param currentVersion the version in force, 0 before the first approval
/// @param consentVersion tokens granted under an earlier version are not active
/// @param suspensions how often it was suspended; signed in Suspension and Resumption so that neither can be replayed
/// @param suspended no round may open, seal or close
/// @param approvedUntil first second at which the approval of the version in force has expired
/// @param disease MONDO number of the version in force
struct Study {
    address sponsor;
    uint16 threshold;
    uint32 proposedVersion;
    uint32 replacements;
    uint32 currentVersion;
    uint32 consentVersion;
    uint32 suspensions;
    bool suspended;
    uint40 approvedUntil;
    uint24 disease;
}

/// @notice What the predicate depends on, of one study.
/// @param usable a version is in force, its approval has not expired, and the study is not suspended
struct Standing {
    bool usable;
    uint32 currentVersion;
    uint32 consentVersion;
    uint32 suspensions;
    uint40 approvedUntil;
    uint24 disease;
}

/// @notice What a grant is held to: terms in force and the site's key (0 when it is no site of the study).
struct GrantRules {
    Standing standing;
    bytes32 termsHash;
    bytes32 consentTextHash;
    address enrolmentKey;
}

/// @notice The members of Terms that a round is run by.
struct RoundRules {
    address coordinator;
    uint32 minCohort;
    uint16 minSites;
    uint64 noiseMultiplier;
    uint256 rhoCeiling;
    uint32 commitSeconds;
    uint32 sealSeconds;
    uint32 deliverySeconds;
    uint32 closeSeconds;
    uint32 challengeSeconds;
    uint32 answerSeconds;
    uint16 waitingRounds;
    uint16 maxChargedAborts;
    LateRevocation lateRevocation;
}

/// @title Studies, their committees and their approved terms
/// @notice EIP-712 domain: name "Assent StudyRegistry", version "1".
/// Types: Approval(uint64 studyId,uint32 version,bytes32 termsHash,bytes32 protocolHash,bytes32 consentTextHash,
/// bytes32 dpiaHash,uint40 expiresAt), Suspension(uint64 studyId,uint32 suspensions),
/// Resumption(uint64 studyId,uint32 suspensions),
/// Replacement(uint64 studyId,uint32 replacements,address outgoing,address incoming).
/// A signer is given as ERC-7913 bytes: 20 bytes are an EOA or ERC-1271 account, longer ones a verifier and a key whose
/// account is the low 160 bits of keccak256(signer).
/// Every event has the study as its only indexed argument (0 for events of the whole registry) and enters the running hash.
interface IStudyRegistry {
    event SiteRegistered(uint64 indexed studyId, address site, address enrolmentKey, bytes32 noiseSecretHash);
    event EnrolmentKeyRotated(uint64 indexed studyId, address site, address enrolmentKey);
    event StudyProposed(uint64 indexed studyId, address sponsor, address[] reviewers, uint16 threshold);
    event VersionProposed(uint64 indexed studyId, uint32 version, bytes32 termsHash, Terms terms);
    event Approved(
        uint64 indexed studyId, uint32 version, address reviewer, uint40 expiresAt, bytes signer, bytes signature
    );
    event VersionActivated(uint64 indexed studyId, uint32 version, uint32 consentVersion, uint40 approvedUntil);
    event ApprovalExtended(uint64 indexed studyId, uint32 version, uint40 approvedUntil);
    event ReviewerReplaced(uint64 indexed studyId, address outgoing, address incoming, uint32 replacements);
    event Suspended(uint64 indexed studyId, address reviewer, uint32 suspensions);
    event Resumed(uint64 indexed studyId, uint32 suspensions);
    event SuccessorRecorded(uint64 indexed studyId, address successor);

    error RegistrySiteUnknown(address site);
    error RegistrySiteAlreadyRegistered(address site);
    error RegistryKeyMissing(address site);
    error RegistryStudyUnknown(uint64 studyId);
    error RegistryNotSponsor(uint64 studyId, address caller);
    error RegistryNotReviewer(uint64 studyId, address account);
    error RegistryCommitteeInvalid(uint256 reviewers, uint16 threshold);
    error RegistrySponsorCannotReview(address sponsor);
    error RegistryVersionNotPending(uint64 studyId, uint32 version);
    error RegistryApprovalExpiryInvalid(uint40 expiresAt, uint40 latest);
    error RegistryApprovalNotLater(uint64 studyId, uint32 version, address reviewer, uint40 expiresAt);
    error RegistryReviewerUnsuitable(address account);
    error RegistrySuccessorInvalid(address successor);
    error RegistrySucceeded(address successor);
    error RegistrySignatureInvalid(address account);
    error RegistryAlreadySuspended(uint64 studyId);
    error RegistryNotSuspended(uint64 studyId);
    error RegistryQuorumNotReached(uint64 studyId, uint256 signatures, uint16 threshold);
    /// @param field the name of the offending member of Terms
    error RegistryTermsInvalid(string field);

    /// @notice Registers the calling account as a site. The noise secret's hash is fixed for ever.
    function registerSite(address enrolmentKey, bytes32 noiseSecretHash) external;

    /// @notice Replaces the calling site's enrolment key.
    function rotateEnrolmentKey(address enrolmentKey) external;

    /// @notice Proposes a study with its committee and first terms (version 1). The caller becomes sponsor.
    function proposeStudy(address[] calldata reviewers, uint16 threshold, Terms calldata terms)
        external
        returns (uint64 studyId);

    /// @notice Proposes the next version of a study's terms. Sponsor only.
    function proposeVersion(uint64 studyId, Terms calldata terms) external returns (uint32 version);

    /// @notice Records one reviewer's signed approval, of the newest proposed version or, for continuing review, of the
    /// one in force. An approval holds until `expiresAt`, at most 366 days ahead (45 CFR 46.109(e) asks for review at least
    /// once a year). A version is in force once k present reviewers approve it, and approved until the k-th latest of their
    /// expiries.
    function approve(
        uint64 studyId,
        uint32 version,
        uint40 expiresAt,
        bytes calldata signer,
        bytes calldata signature
    ) external;

    /// @notice k distinct reviewers put `incoming` in the place of `outgoing`. What the committee approved stands.
    function replaceReviewer(
        uint64 studyId,
        address outgoing,
        address incoming,
        bytes[] calldata signers,
        bytes[] calldata signatures
    ) external;

    /// @notice Any one reviewer stops the study.
    function suspend(uint64 studyId) external;

    /// @notice As `suspend`, carried by anyone: signs Suspension with the current count of suspensions.
    function suspendBySig(uint64 studyId, bytes calldata signer, bytes calldata signature) external;

    /// @notice k distinct reviewers sign Resumption with the current count of suspensions.
    function resume(uint64 studyId, bytes[] calldata signers, bytes[] calldata signatures) external;

    /// @notice Names the deployment that new studies go to. Once, by the authority (an AccessManager) and after its delay.
    function recordSuccessor(address successor) external;

    function successor() external view returns (address);
    function site(address account) external view returns (Site memory);
    function study(uint64 studyId) external view returns (Study memory);
    function studyCount() external view returns (uint64);
    function reviewers(uint64 studyId) external view returns (address[] memory);
    function terms(uint64 studyId, uint32 version) external view returns (Terms memory);
    function termsHash(uint64 studyId, uint32 version) external view returns (bytes32);
    function isSite(uint64 studyId, uint32 version, address account) external view returns (bool);
    function sites(uint64 studyId, uint32 version) external view returns (address[] memory);
    function isReviewer(uint64 studyId, address account) external view returns (bool);

    /// @notice Until when a reviewer's approval of a version holds, 0 for none.
    function approvalOf(uint64 studyId, uint32 version, address reviewer) external view returns (uint40);

    function standing(uint64 studyId) external view returns (Standing memory);
    function grantRules(uint64 studyId, address account) external view returns (GrantRules memory);
    function roundRules(uint64 studyId, uint32 version) external view returns (RoundRules memory);

    /// @notice True while the study has a version in force whose approval has not expired, and is not suspended.
    function isUsable(uint64 studyId) external view returns (bool);

    /// @notice Reverts unless at least k distinct reviewers of the present committee signed `digest`, whatever that says:
    /// an EIP-712 digest of a contract that relies on the committee. Signers and signatures come in pairs.
    function requireQuorum(uint64 studyId, bytes32 digest, bytes[] calldata signers, bytes[] calldata signatures)
        external
        view;

    function hashTerms(Terms calldata terms) external pure returns (bytes32);
}
