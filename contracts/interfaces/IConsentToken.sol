// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoundLedger} from "./IRoundLedger.sol";
import {IStudyRegistry} from "./IStudyRegistry.sol";

/// @notice One patient's consent to one study at one site, as signed by its holder (EIP-712).
/// @param purposes bitmap of what the record may be used for and under which conditions (docs/purposes.md)
/// @param disease number of the MONDO term that research must be about; 0 unless `purposes` has DS
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
    uint24 disease;
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

/// @notice A site's statement, signed by its enrolment key (EIP-712), that a holder's record is in its care.
/// It serves once: while the record has a live token it is refused, and a revocation voids all that were issued before.
/// A live token whose version no longer counts does not stand in the way of its own holder's next grant, which ends it.
/// @param recordTag salted pseudonym of the record, the same for every holder of it in this study
/// @param issuedAt chain time at signing, later than the record's last revocation
struct Enrolment {
    uint64 studyId;
    address site;
    address holder;
    bytes32 recordTag;
    bytes32 recordCommitment;
    uint40 issuedAt;
    uint40 deadline;
}

/// @notice An enrolment as it is submitted: study, site, holder and commitment are those of the grant beside it.
struct EnrolmentProof {
    bytes32 recordTag;
    uint40 issuedAt;
    uint40 deadline;
    bytes signature;
}

/// @notice What is kept of a token. Purposes, disease, periods and version fill one slot; holder and times another.
struct Consent {
    uint64 purposes;
    uint24 disease;
    uint40 useStart;
    uint40 useEnd;
    uint40 dataStart;
    uint40 dataEnd;
    uint32 version;
    address holder;
    uint40 grantedAt;
    uint40 revokedAt;
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
    error ConsentEnrolmentNotYetIssued(uint40 issuedAt);
    error ConsentEnrolmentVoid(uint40 issuedAt, uint40 since);
    error ConsentRecordHasToken(uint256 tokenId);
    error ConsentRecordWaiting(uint256 revokedTokenId, uint16 waitingRounds);
    error ConsentGrantVoid(uint64 signed, uint64 current);
    error ConsentDeadlinePassed(uint40 deadline);
    error ConsentPeriodInvalid();
    error ConsentPurposesInvalid(uint64 purposes, uint24 disease);
    error ConsentTermsNotCurrent(bytes32 termsHash);
    error ConsentTextNotCurrent(bytes32 consentTextHash);
    error ConsentStudyNotUsable(uint64 studyId);
    error ConsentSiteNotInStudy(uint64 studyId, address site);
    error ConsentTokenUnknown(uint256 tokenId);
    error ConsentAlreadyRevoked(uint256 tokenId);
    error ConsentLocked();
    error ConsentNotLedger(address caller);

    /// @notice Grants; the caller is the holder.
    function grant(Grant calldata grant_, EnrolmentProof calldata enrolment) external returns (uint256 tokenId);

    /// @notice Grants with the holder's signature; anyone may carry it.
    function grantBySig(
        Grant calldata grant_,
        bytes calldata signer,
        bytes calldata signature,
        EnrolmentProof calldata enrolment
    ) external returns (uint256 tokenId);

    /// @notice Revokes; the caller is the holder. Nothing pauses it.
    function revoke(uint256 tokenId) external;

    /// @notice Revokes with the holder's signature over Revocation(tokenId); anyone may carry it, at any time.
    function revokeBySig(uint256 tokenId, bytes calldata signer, bytes calldata signature) external;

    /// @notice Clears `epochMovedAt`. The ledger calls it at each commitment that it accepts.
    function watchEpoch(uint64 studyId, address site) external;

    /// @notice The only predicate. True when the token exists, is not revoked, `time` lies in its use period and before its
    /// study's approval expires, it permits `purposes` (DataUse), it was granted under a version that still counts, and its
    /// study is usable.
    function isConsentActive(uint256 tokenId, uint64 purposes, uint40 time) external view returns (bool);

    /// @notice Indices of the active tokens of a site, ascending, applying `isConsentActive` to the set bits of one page.
    /// @return indices the active ones among [fromIndex, fromIndex + pageSize)
    /// @return next where the next page starts; 0 when there is none
    function activeTokens(uint64 studyId, address site, uint64 purposes, uint40 time, uint32 fromIndex, uint32 pageSize)
        external
        view
        returns (uint32[] memory indices, uint32 next);

    function registry() external view returns (IStudyRegistry);
    function ledger() external view returns (IRoundLedger);
    function consent(uint256 tokenId) external view returns (Consent memory);
    function tokenIdOf(uint64 studyId, address site, uint32 index) external pure returns (uint256);
    function mintedCount(uint64 studyId, address site) external view returns (uint32);
    function unburnedCount(uint64 studyId, address site) external view returns (uint32);
    function unburnedWord(uint64 studyId, address site, uint32 word) external view returns (uint256);

    /// @notice Raised by every act that ends a token of this site in this study.
    function epoch(uint64 studyId, address site) external view returns (uint64);

    /// @notice When the epoch first moved after the ledger last accepted a commitment of the site; 0 when it has not.
    function epochMovedAt(uint64 studyId, address site) external view returns (uint40);

    function revocationCounter(address holder) external view returns (uint64);

    /// @notice The record's unburned token; 0 when there is none.
    function liveTokenOf(uint64 studyId, address site, bytes32 recordTag) external view returns (uint256);
}
