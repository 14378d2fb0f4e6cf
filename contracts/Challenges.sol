// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bars} from "./Bars.sol";
import {Challenge, IChallenges} from "./interfaces/IChallenges.sol";
import {Round, RoundState} from "./interfaces/IRoundLedger.sol";
import {RoundRules} from "./interfaces/IStudyRegistry.sol";
import {Signers} from "./Signers.sol";

/// @title Questions that a site has to answer about a round
abstract contract Challenges is IChallenges, Bars {
    bytes32 private constant CHALLENGE_TYPE_HASH =
        keccak256("Challenge(uint64 studyId,uint32 round,address site,uint256 tokenId)");

    mapping(bytes32 question => Challenge) private _challenges;

    /// @inheritdoc IChallenges
    function challenge(
        uint64 studyId,
        uint32 number,
        address site,
        uint256 tokenId,
        bytes calldata signer,
        bytes calldata signature
    ) external {
        bytes32 question = _question(studyId, number, site, tokenId);
        if (_challenges[question].answerBy != 0) revert ChallengeExists(studyId, number, site, tokenId);
        RoundRules memory rules = _requireOver(studyId, number);
        if (_lines[studyId].commitments[number][site].attempt == 0) {
            revert ChallengeSiteNotInRound(studyId, number, site);
        }
        _requireEntitled(studyId, site, tokenId, signer);
        address account = Signers.accountOf(signer);
        // `question` is the EIP-712 struct hash.
        if (!Signers.signedFor(account, signer, _hashTypedDataV4(question), signature)) {
            revert ChallengeSignatureInvalid(account);
        }
        uint40 answerBy = uint40(block.timestamp) + rules.answerSeconds;
        _challenges[question].answerBy = answerBy;
        _record(studyId, Challenged.selector, abi.encode(number, site, tokenId, answerBy));
    }

    /// @inheritdoc IChallenges
    function answer(uint64 studyId, uint32 number, uint256 tokenId, bytes32 answerHash) external {
        Challenge storage asked = _asked(studyId, number, msg.sender, tokenId);
        if (asked.answerHash != 0) revert ChallengeAnswered(studyId, number, msg.sender, tokenId);
        if (block.timestamp >= asked.answerBy) revert ChallengeTooLate(studyId, number, asked.answerBy);
        if (answerHash == 0) revert ChallengeAnswerEmpty();
        asked.answerHash = answerHash;
        _record(studyId, Answered.selector, abi.encode(number, msg.sender, tokenId, answerHash));
    }

    /// @inheritdoc IChallenges
    function fault(uint64 studyId, uint32 number, address site, uint256 tokenId) external {
        Challenge storage asked = _asked(studyId, number, site, tokenId);
        if (asked.answerHash != 0 || asked.faulted) revert ChallengeAnswered(studyId, number, site, tokenId);
        if (block.timestamp < asked.answerBy) revert ChallengePending(studyId, number, site, tokenId);
        asked.faulted = true;
        _record(studyId, Faulted.selector, abi.encode(number, site, tokenId));
        _bar(studyId, number, site);
    }

    /// @inheritdoc IChallenges
    function challengeOf(uint64 studyId, uint32 number, address site, uint256 tokenId)
        external
        view
        returns (Challenge memory)
    {
        return _challenges[_question(studyId, number, site, tokenId)];
    }

    function _requireOver(uint64 studyId, uint32 number) private view returns (RoundRules memory rules) {
        Round storage asked = _lines[studyId].rounds[number];
        RoundState state = asked.state;
        if (state != RoundState.Closed && state != RoundState.Aborted) revert ChallengeTooEarly(studyId, number);
        rules = registry.roundRules(studyId, asked.version);
        uint40 until = asked.closeDeadline + rules.challengeSeconds;
        if (block.timestamp >= until) revert ChallengeTooLate(studyId, number, until);
    }

    /// @dev Token 0 does not exist: studies count from 1.
    function _requireEntitled(uint64 studyId, address site, uint256 tokenId, bytes calldata signer) private view {
        address account = Signers.accountOf(signer);
        bool entitled = tokenId == 0
            ? registry.isReviewer(studyId, account)
            : tokenId >> 32 == uint256(studyId) << 160 | uint160(site)
                && consentToken.consent(tokenId).holder == account;
        if (!entitled) revert ChallengeNotEntitled(account);
    }

    function _asked(uint64 studyId, uint32 number, address site, uint256 tokenId)
        private
        view
        returns (Challenge storage asked)
    {
        asked = _challenges[_question(studyId, number, site, tokenId)];
        if (asked.answerBy == 0) revert ChallengeUnknown(studyId, number, site, tokenId);
    }

    function _question(uint64 studyId, uint32 number, address site, uint256 tokenId) private pure returns (bytes32) {
        return keccak256(abi.encode(CHALLENGE_TYPE_HASH, studyId, number, site, tokenId));
    }
}
