// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {ConsentMessages} from "./ConsentMessages.sol";
import {DataUse} from "./DataUse.sol";
import {Consent, EnrolmentProof, Grant, IConsentToken} from "./interfaces/IConsentToken.sol";
import {IRoundLedger} from "./interfaces/IRoundLedger.sol";
import {GrantRules, IStudyRegistry, Standing} from "./interfaces/IStudyRegistry.sol";
import {LockedERC721} from "./LockedERC721.sol";
import {RunningHash} from "./RunningHash.sol";
import {Signers} from "./Signers.sol";

/// @title Consent as a locked token
/// @dev Views of what is not known return zeros.
contract ConsentToken is IConsentToken, LockedERC721, RunningHash, EIP712 {
    using BitMaps for BitMaps.BitMap;

    /// @dev Two slots of a token, read apart: the first for the predicate, the second for who holds it.
    struct Token {
        uint56 purposes;
        uint24 disease;
        uint40 useStart;
        uint40 useEnd;
        uint40 dataStart;
        uint40 dataEnd;
        uint16 version;
        address holder;
        uint40 grantedAt;
        uint40 revokedAt;
        bytes32 recordCommitment;
    }

    /// @dev What is kept for one site in one study. `lastToken` is one more than the index of a record's newest token.
    struct Shelf {
        uint32 minted;
        uint32 unburned;
        uint64 epoch;
        uint40 epochMovedAt;
        BitMaps.BitMap unburnedBits;
        mapping(bytes32 recordTag => uint256) lastToken;
    }

    /// @dev One slot, so that the counter costs a holder no new one.
    struct Holder {
        uint64 tokens;
        uint64 revocationCounter;
    }

    IStudyRegistry public immutable registry;

    IRoundLedger public immutable ledger;

    mapping(uint256 tokenId => Token) private _tokens;
    mapping(uint64 studyId => mapping(address site => Shelf)) private _shelves;
    mapping(address account => Holder) private _holders;

    /// @param ledger_ where the ledger will be: its constructor refuses a token that expects another
    constructor(IStudyRegistry registry_, IRoundLedger ledger_)
        ERC721("Assent Consent", "CONSENT")
        EIP712("Assent ConsentToken", "1")
    {
        registry = registry_;
        ledger = ledger_;
    }

    /// @inheritdoc IConsentToken
    function grant(Grant calldata grant_, EnrolmentProof calldata enrolment) external returns (uint256 tokenId) {
        if (msg.sender != grant_.holder) revert ConsentNotHolder(0, msg.sender);
        return _grant(grant_, enrolment);
    }

    /// @inheritdoc IConsentToken
    function grantBySig(
        Grant calldata grant_,
        bytes calldata signer,
        bytes calldata signature,
        EnrolmentProof calldata enrolment
    ) external returns (uint256 tokenId) {
        _checkHolderSigned(grant_.holder, signer, ConsentMessages.hash(grant_), signature);
        return _grant(grant_, enrolment);
    }

    /// @inheritdoc IConsentToken
    function revoke(uint256 tokenId) external {
        address holder = _liveHolder(tokenId);
        if (msg.sender != holder) revert ConsentNotHolder(tokenId, msg.sender);
        _revoke(tokenId, holder);
    }

    /// @inheritdoc IConsentToken
    function revokeBySig(uint256 tokenId, bytes calldata signer, bytes calldata signature) external {
        address holder = _liveHolder(tokenId);
        _checkHolderSigned(holder, signer, ConsentMessages.hashRevocation(tokenId), signature);
        _revoke(tokenId, holder);
    }

    /// @inheritdoc IConsentToken
    function watchEpoch(uint64 studyId, address site) external {
        if (msg.sender != address(ledger)) revert ConsentNotLedger(msg.sender);
        _shelves[studyId][site].epochMovedAt = 0;
    }

    /// @inheritdoc IConsentToken
    function isConsentActive(uint256 tokenId, uint64 purposes, uint40 time) external view returns (bool) {
        Token storage token = _tokens[tokenId];
        return token.holder != address(0) && token.revokedAt == 0
            && _isActive(token, registry.standing(uint64(tokenId >> 192)), purposes, time);
    }

    /// @inheritdoc IConsentToken
    /// @dev A page size of 0 means all that is left, so that no mistake in paging hides a token.
    function activeTokens(
        uint64 studyId,
        address site,
        uint64 purposes,
        uint40 time,
        uint32 fromIndex,
        uint32 pageSize
    ) external view returns (uint32[] memory indices, uint32 next) {
        uint256 end = _shelves[studyId][site].minted;
        if (pageSize != 0 && uint256(fromIndex) + pageSize < end) {
            next = fromIndex + pageSize;
            end = next;
        }
        if (fromIndex >= end) return (indices, 0);
        indices = new uint32[](end - fromIndex);
        uint256 found = _collectActive(indices, studyId, site, purposes, time, fromIndex, end);
        assembly ("memory-safe") {
            mstore(indices, found)
        }
    }

    /// @inheritdoc IConsentToken
    function consent(uint256 tokenId) external view returns (Consent memory) {
        Token storage token = _tokens[tokenId];
        return Consent({
            purposes: token.purposes,
            disease: token.disease,
            useStart: token.useStart,
            useEnd: token.useEnd,
            dataStart: token.dataStart,
            dataEnd: token.dataEnd,
            version: token.version,
            holder: token.holder,
            grantedAt: token.grantedAt,
            revokedAt: token.revokedAt,
            recordCommitment: token.recordCommitment
        });
    }

    /// @inheritdoc IConsentToken
    function mintedCount(uint64 studyId, address site) external view returns (uint32) {
        return _shelves[studyId][site].minted;
    }

    /// @inheritdoc IConsentToken
    function unburnedCount(uint64 studyId, address site) external view returns (uint32) {
        return _shelves[studyId][site].unburned;
    }

    /// @inheritdoc IConsentToken
    function unburnedWord(uint64 studyId, address site, uint32 word) external view returns (uint256) {
        return _shelves[studyId][site].unburnedBits._data[word];
    }

    /// @inheritdoc IConsentToken
    function epoch(uint64 studyId, address site) external view returns (uint64) {
        return _shelves[studyId][site].epoch;
    }

    /// @inheritdoc IConsentToken
    function epochMovedAt(uint64 studyId, address site) external view returns (uint40) {
        return _shelves[studyId][site].epochMovedAt;
    }

    /// @inheritdoc IConsentToken
    function revocationCounter(address holder) external view returns (uint64) {
        return _holders[holder].revocationCounter;
    }

    /// @inheritdoc IConsentToken
    function liveTokenOf(uint64 studyId, address site, bytes32 recordTag) external view returns (uint256) {
        uint256 tokenId = _lastTokenOf(studyId, site, recordTag);
        return _tokens[tokenId].revokedAt == 0 ? tokenId : 0;
    }

    /// @notice How many live tokens an account holds (ERC-721). Reverts with ERC721InvalidOwner for address 0.
    function balanceOf(address account) public view override returns (uint256) {
        if (account == address(0)) revert ERC721InvalidOwner(account);
        return _holders[account].tokens;
    }

    /// @inheritdoc IConsentToken
    function tokenIdOf(uint64 studyId, address site, uint32 index) public pure returns (uint256) {
        return uint256(studyId) << 192 | uint256(uint160(site)) << 32 | index;
    }

    function _grant(Grant calldata grant_, EnrolmentProof calldata enrolment) private returns (uint256 tokenId) {
        (uint64 studyId, address site, address holder) = (grant_.studyId, grant_.site, grant_.holder);
        GrantRules memory rules = registry.grantRules(studyId, site);
        _checkTerms(grant_, rules);
        _checkGrant(grant_);
        uint256 outdated = _checkEnrolment(grant_, enrolment, rules);

        Shelf storage shelf = _shelves[studyId][site];
        uint32 index = shelf.minted;
        tokenId = tokenIdOf(studyId, site, index);
        shelf.minted = index + 1;
        shelf.unburned += 1;
        shelf.unburnedBits.set(index);
        shelf.lastToken[enrolment.recordTag] = uint256(index) + 1;
        _holders[holder].tokens += 1;
        _tokens[tokenId] = Token({
            purposes: uint56(grant_.purposes),
            disease: grant_.disease,
            useStart: grant_.useStart,
            useEnd: grant_.useEnd,
            dataStart: grant_.dataStart,
            dataEnd: grant_.dataEnd,
            version: SafeCast.toUint16(rules.standing.currentVersion),
            holder: holder,
            grantedAt: uint40(block.timestamp),
            revokedAt: 0,
            recordCommitment: grant_.recordCommitment
        });
        _announceIssue(site, holder, tokenId);
        _record(
            studyId,
            Granted.selector,
            abi.encode(tokenId, rules.standing.currentVersion, grant_, enrolment.recordTag)
        );
        if (outdated != 0) _revoke(outdated, holder);
    }

    /// @dev Leaves purposes, periods and commitment as they were: they are evidence of what was agreed to.
    function _revoke(uint256 tokenId, address holder) private {
        (uint64 studyId, address site, uint32 index) = _parts(tokenId);
        Shelf storage shelf = _shelves[studyId][site];
        uint64 epoch_ = shelf.epoch + 1;
        shelf.unburned -= 1;
        shelf.epoch = epoch_;
        if (shelf.epochMovedAt == 0) shelf.epochMovedAt = uint40(block.timestamp);
        shelf.unburnedBits.unset(index);
        uint64 counter = _holders[holder].revocationCounter + 1;
        _holders[holder].tokens -= 1;
        _holders[holder].revocationCounter = counter;
        _tokens[tokenId].revokedAt = uint40(block.timestamp);
        _announceBurn(holder, tokenId);
        _record(studyId, Revoked.selector, abi.encode(tokenId, holder, epoch_, counter));
    }

    function _checkTerms(Grant calldata grant_, GrantRules memory rules) private pure {
        if (!rules.standing.usable) revert ConsentStudyNotUsable(grant_.studyId);
        if (grant_.termsHash != rules.termsHash) revert ConsentTermsNotCurrent(grant_.termsHash);
        if (grant_.consentTextHash != rules.consentTextHash) revert ConsentTextNotCurrent(grant_.consentTextHash);
        if (rules.enrolmentKey == address(0)) revert ConsentSiteNotInStudy(grant_.studyId, grant_.site);
    }

    function _checkGrant(Grant calldata grant_) private view {
        if (!DataUse.isValid(grant_.purposes, grant_.disease)) {
            revert ConsentPurposesInvalid(grant_.purposes, grant_.disease);
        }
        if (
            grant_.useStart >= grant_.useEnd || grant_.dataStart >= grant_.dataEnd || grant_.useEnd <= block.timestamp
        ) revert ConsentPeriodInvalid();
        if (block.timestamp > grant_.deadline) revert ConsentDeadlinePassed(grant_.deadline);
        uint64 counter = _holders[grant_.holder].revocationCounter;
        if (grant_.revocationCounter != counter) revert ConsentGrantVoid(grant_.revocationCounter, counter);
    }

    /// @return outdated the holder's own token for this record that the grant takes the place of; 0 for none
    function _checkEnrolment(Grant calldata grant_, EnrolmentProof calldata enrolment, GrantRules memory rules)
        private
        view
        returns (uint256 outdated)
    {
        if (block.timestamp > enrolment.deadline) revert ConsentDeadlinePassed(enrolment.deadline);
        // An enrolment from the future would outlive the record's next revocation.
        if (enrolment.issuedAt > block.timestamp) revert ConsentEnrolmentNotYetIssued(enrolment.issuedAt);
        bytes32 digest = _hashTypedDataV4(ConsentMessages.hash(grant_, enrolment));
        if (!SignatureChecker.isValidSignatureNowCalldata(rules.enrolmentKey, digest, enrolment.signature)) {
            revert ConsentEnrolmentInvalid(grant_.site);
        }
        uint256 last = _lastTokenOf(grant_.studyId, grant_.site, enrolment.recordTag);
        if (last == 0) return 0;
        Token storage token = _tokens[last];
        uint40 revokedAt = token.revokedAt;
        if (revokedAt == 0) {
            if (token.version >= rules.standing.consentVersion || token.holder != grant_.holder) {
                revert ConsentRecordHasToken(last);
            }
            outdated = last;
        }
        uint40 since = revokedAt == 0 ? token.grantedAt : revokedAt;
        if (enrolment.issuedAt <= since) revert ConsentEnrolmentVoid(enrolment.issuedAt, since);
        if (revokedAt != 0) _checkWaited(grant_.studyId, last, revokedAt, rules.standing.currentVersion);
    }

    function _checkWaited(uint64 studyId, uint256 last, uint40 revokedAt, uint32 version) private view {
        uint16 waiting = registry.roundRules(studyId, version).waitingRounds;
        if (!ledger.roundsOver(studyId, revokedAt, waiting)) revert ConsentRecordWaiting(last, waiting);
    }

    /// @dev A record's newest token, revoked or not; 0 for none.
    function _lastTokenOf(uint64 studyId, address site, bytes32 recordTag) private view returns (uint256) {
        uint256 last = _shelves[studyId][site].lastToken[recordTag];
        return last == 0 ? 0 : tokenIdOf(studyId, site, uint32(last - 1));
    }

    function _checkHolderSigned(address holder, bytes calldata signer, bytes32 structHash, bytes calldata signature)
        private
        view
    {
        if (!Signers.signedFor(holder, signer, _hashTypedDataV4(structHash), signature)) {
            revert ConsentSignatureInvalid(holder);
        }
    }

    /// @dev Who may still revoke a token.
    function _liveHolder(uint256 tokenId) private view returns (address holder) {
        Token storage token = _tokens[tokenId];
        holder = token.holder;
        if (holder == address(0)) revert ConsentTokenUnknown(tokenId);
        if (token.revokedAt != 0) revert ConsentAlreadyRevoked(tokenId);
    }

    function _ownerOf(uint256 tokenId) internal view override returns (address) {
        Token storage token = _tokens[tokenId];
        return token.revokedAt == 0 ? token.holder : address(0);
    }

    /// @dev Of a token that nobody revoked.
    function _isActive(Token storage token, Standing memory standing, uint64 purposes, uint40 time)
        private
        view
        returns (bool)
    {
        return standing.usable && time < standing.approvedUntil && token.useStart <= time && time < token.useEnd
            && token.version >= standing.consentVersion
            && DataUse.permits(token.purposes, token.disease, purposes, standing.disease);
    }

    /// @dev Reads one bitmap word for 256 tokens, and a token's consent only where its bit is set.
    function _collectActive(
        uint32[] memory indices,
        uint64 studyId,
        address site,
        uint64 purposes,
        uint40 time,
        uint256 from,
        uint256 end
    ) private view returns (uint256 found) {
        Standing memory standing = registry.standing(studyId);
        uint256 word = 0;
        for (uint256 index = from; index < end; ++index) {
            if (index == from || index & 0xff == 0) word = _shelves[studyId][site].unburnedBits._data[index >> 8];
            if (word >> (index & 0xff) & 1 == 0) continue;
            Token storage token = _tokens[tokenIdOf(studyId, site, uint32(index))];
            if (_isActive(token, standing, purposes, time)) indices[found++] = uint32(index);
        }
    }

    function _parts(uint256 tokenId) private pure returns (uint64 studyId, address site, uint32 index) {
        return (uint64(tokenId >> 192), address(uint160(tokenId >> 32)), uint32(tokenId));
    }
}
