// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice One patient's consent to one study at one site, as signed by its holder (EIP-712).
/// @param purposes bitmap (docs/purposes.md)
/// @param useStart,useEnd when the record may be used, seconds since 1970, half open [start, end)
/// @param dataStart,dataEnd which part of the record may be used, seconds since 1970, half open
/// @param recordCommitment H(salt, record, holder), made by the site
/// @param consentTextHash SHA-256 of the consent text that was shown, in `language`
/// @param language BCP 47 tag in ASCII, zero padded on the right
/// @param revocationCounter the holder's counter at signing; a revocation raises it and so voids the grant
/// @param deadline last second at which the grant may be submitted
struct Grant {
    uint64 studyId;
    bytes32 termsHash;
    address site;
    address holder;
    uint64 purposes;
    uint40 useStart;
    uint40 useEnd;
    uint40 dataStart;
    uint40 dataEnd;
    bytes32 recordCommitment;
    bytes32 consentTextHash;
    bytes8 language;
    uint64 revocationCounter;
    uint40 deadline;
}

/// @notice A site's one-use statement, signed by its enrolment key (EIP-712), that a holder's record is in its care.
/// @param recordTag salted pseudonym of the record, the same for every holder of it in this study
struct Enrolment {
    uint64 studyId;
    address site;
    address holder;
    bytes32 recordTag;
    bytes32 recordCommitment;
    bytes32 nonce;
    uint40 deadline;
}

/// @notice What is kept of a token. Purposes, periods and version fill one slot.
struct Consent {
    uint64 purposes;
    uint40 useStart;
    uint40 useEnd;
    uint40 dataStart;
    uint40 dataEnd;
    uint32 version;
    address holder;
    uint40 grantedAt;
    uint40 revokedAt;
    bytes32 recordTag;
    bytes32 recordCommitment;
}

/// @title Consent as a locked token
/// @notice ERC-721 that cannot be transferred (ERC-5192), burnt by its owner only (ERC-5484 OwnerOnly).
/// tokenId = studyId << 192 | uint160(site) << 32 | index; the index counts from 0 within (study, site), never reused.
/// EIP-712 domain: name "Assent ConsentToken", version "1". Types: Grant and Enrolment as above (fields in that order),
/// Revocation(uint256 tokenId).
/// Granted and Revoked have the study as their only indexed argument and enter the running hash; Transfer, Locked and
/// Issued are emitted beside them for wallets.
interface IConsentToken {
    event Granted(uint64 indexed studyId, uint256 tokenId, uint32 version, Grant grant, bytes32 recordTag);
    event Revoked(uint64 indexed studyId, uint256 tokenId, address holder, uint64 epoch, uint64 revocationCounter);

    error ConsentNotHolder(uint256 tokenId, address caller);
    error ConsentSignatureInvalid(address account);
    error ConsentEnrolmentInvalid(address site);
    error ConsentEnrolmentMismatch();
    error ConsentEnrolmentUsed(bytes32 nonce);
    error ConsentRecordHasToken(uint256 tokenId);
    error ConsentGrantVoid(uint64 signed, uint64 current);
    error ConsentDeadlinePassed(uint40 deadline);
    error ConsentPeriodInvalid();
    error ConsentPurposesMissing();
    error ConsentTermsNotCurrent(bytes32 termsHash);
    error ConsentTextNotCurrent(bytes32 consentTextHash);
    error ConsentStudyNotUsable(uint64 studyId);
    error ConsentSiteNotInStudy(uint64 studyId, address site);
    error ConsentTokenUnknown(uint256 tokenId);
    error ConsentAlreadyRevoked(uint256 tokenId);
    error ConsentLocked();

    /// @notice Grants; the caller is the holder.
    function grant(Grant calldata grant_, Enrolment calldata enrolment, bytes calldata enrolmentSignature)
        external
        returns (uint256 tokenId);

    /// @notice Grants with the holder's signature; anyone may carry it.
    function grantBySig(
        Grant calldata grant_,
        bytes calldata signer,
        bytes calldata signature,
        Enrolment calldata enrolment,
        bytes calldata enrolmentSignature
    ) external returns (uint256 tokenId);

    /// @notice Revokes; the caller is the holder. Nothing pauses it.
    function revoke(uint256 tokenId) external;

    /// @notice Revokes with the holder's signature over Revocation(tokenId); anyone may carry it, at any time.
    function revokeBySig(uint256 tokenId, bytes calldata signer, bytes calldata signature) external;

    /// @notice The only predicate. True when the token exists, is not revoked, `at` lies in its use period, it covers all
    /// of `purposes` (at least one), it was granted under a version that still counts, and its study is in force and not suspended.
    function isConsentActive(uint256 tokenId, uint64 purposes, uint40 at) external view returns (bool);

    /// @notice Indices of the active tokens of a site, ascending, applying `isConsentActive` to the set bits of one page.
    /// @return indices the active ones among [fromIndex, fromIndex + pageSize)
    /// @return next where the next page starts; 0 when there is none
    function activeTokens(uint64 studyId, address site, uint64 purposes, uint40 at, uint32 fromIndex, uint32 pageSize)
        external
        view
        returns (uint32[] memory indices, uint32 next);

    function consent(uint256 tokenId) external view returns (Consent memory);
    function tokenIdOf(uint64 studyId, address site, uint32 index) external pure returns (uint256);
    function mintedCount(uint64 studyId, address site) external view returns (uint32);
    function unburnedCount(uint64 studyId, address site) external view returns (uint32);
    function unburnedWord(uint64 studyId, address site, uint32 word) external view returns (uint256);

    /// @notice Raised by every act that ends a token of this site in this study.
    function epoch(uint64 studyId, address site) external view returns (uint64);

    /// @notice The epoch as it was at the end of second `time`.
    function epochAt(uint64 studyId, address site, uint40 time) external view returns (uint64);

    function revocationCounter(address holder) external view returns (uint64);
    function liveTokenOf(uint64 studyId, address site, bytes32 recordTag) external view returns (uint256);
}
