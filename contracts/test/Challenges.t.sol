// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenge, IChallenges} from "../interfaces/IChallenges.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

contract ChallengesTest is LedgerFixture {
    uint32 private _round;

    function setUp() public override {
        super.setUp();
        _round = _sealedRound();
        _close(_round);
    }

    function test_AReviewerAsksAndTheSiteAnswers() external {
        vm.expectEmit(address(ledger));
        emit IChallenges.Challenged(studyId, _round, hospitals[1].account, 0, clock + 7 days);
        _challenge(_round, 1, 0, reviewerKeys[2]);
        _tick(7 days - 1);
        vm.expectEmit(address(ledger));
        emit IChallenges.Answered(studyId, _round, hospitals[1].account, 0, "answer");
        _answer(1, 0, "answer");
        Challenge memory asked = ledger.challengeOf(studyId, _round, hospitals[1].account, 0);
        assertEq(asked.answerHash, bytes32("answer"));
        assertFalse(asked.faulted);
        _tick(2);
        _faultFails(1, 0, _named(IChallenges.ChallengeAnswered.selector, 1, 0));
    }

    function test_AHolderAsksAlsoAfterRevoking() external {
        uint256 tokenId = _firstToken(1);
        _revoke(tokenId);
        _challenge(_round, 1, tokenId, PATIENT_KEY + 3);
        assertEq(
            uint256(ledger.challengeOf(studyId, _round, hospitals[1].account, tokenId).answerBy),
            uint256(clock) + 7 days
        );
        assertEq(uint256(ledger.challengeOf(studyId, _round, hospitals[1].account, 0).answerBy), 0);
    }

    function test_SilenceIsAFaultAndBars() external {
        _challenge(_round, 1, 0, reviewerKeys[0]);
        _tick(7 days - 1);
        _faultFails(1, 0, _named(IChallenges.ChallengePending.selector, 1, 0));
        _tick(1);
        vm.prank(hospitals[1].account);
        vm.expectRevert(
            abi.encodeWithSelector(IChallenges.ChallengeTooLate.selector, studyId, _round, clock)
        );
        ledger.answer(studyId, _round, 0, "answer");
        vm.expectEmit(address(ledger));
        emit IChallenges.Faulted(studyId, _round, hospitals[1].account, 0);
        ledger.fault(studyId, _round, hospitals[1].account, 0);
        assertTrue(ledger.challengeOf(studyId, _round, hospitals[1].account, 0).faulted);
        assertEq(uint256(ledger.barredFor(studyId, hospitals[1].account)), uint256(_round));
        _readmit(1);
        _faultFails(1, 0, _named(IChallenges.ChallengeAnswered.selector, 1, 0));
    }

    function test_ARoundThatWasAbortedIsAskedAboutToo() external {
        uint32 aborted = _sealedRound();
        vm.prank(_coordinator());
        ledger.abort(studyId, aborted);
        _challenge(aborted, 1, 0, reviewerKeys[0]);
    }

    function test_ARoundThatIsNotOverIsNotAskedAbout() external {
        _challengeFails(9, 1, 0, reviewerKeys[0], _round_(IChallenges.ChallengeTooEarly.selector, 9));
        uint32 next = _open();
        _challengeFails(next, 1, 0, reviewerKeys[0], _round_(IChallenges.ChallengeTooEarly.selector, next));
        _tick(1);
        _commitAll(next);
        _seal(next);
        _challengeFails(next, 1, 0, reviewerKeys[0], _round_(IChallenges.ChallengeTooEarly.selector, next));
    }

    function test_ChallengesHaveAWindow() external {
        uint40 until = ledger.round(studyId, _round).closeDeadline + 30 days;
        _tickTo(until - 1);
        _challenge(_round, 1, 0, reviewerKeys[0]);
        _tickTo(until);
        _challengeFails(
            _round,
            2,
            0,
            reviewerKeys[0],
            abi.encodeWithSelector(IChallenges.ChallengeTooLate.selector, studyId, _round, until)
        );
    }

    function test_OnlyASiteThatCommittedIsAsked() external {
        bytes memory signature = _sign(reviewerKeys[0], _challengeDigest(_round, 1, 0));
        bytes memory signer = _signer(reviewerKeys[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IChallenges.ChallengeSiteNotInRound.selector, studyId, _round, _stranger())
        );
        ledger.challenge(studyId, _round, _stranger(), 0, signer, signature);
    }

    function test_OnlyAReviewerOrTheTokensHolderAsks() external {
        uint256 tokenId = _firstToken(1);
        _notEntitled(0, SPONSOR_KEY);
        _notEntitled(0, PATIENT_KEY + 3);
        _notEntitled(tokenId, reviewerKeys[0]);
        _notEntitled(tokenId, PATIENT_KEY + 4);
        _notEntitled(_firstToken(2), PATIENT_KEY + 6);
        _notEntitled(tokenId + (1 << 192), PATIENT_KEY + 3);
        _notEntitled(tokenId + 99, PATIENT_KEY + 3);
    }

    function test_NobodyHoldsATokenThatIsNotThere() external {
        uint256 tokenId = _firstToken(1) + 99;
        bytes memory signature = _sign(STRANGER_KEY, _challengeDigest(_round, 1, tokenId));
        vm.expectRevert(abi.encodeWithSelector(IChallenges.ChallengeSignatureInvalid.selector, address(0)));
        ledger.challenge(studyId, _round, hospitals[1].account, tokenId, "short", signature);
    }

    function test_NoSignedMemberCanBeChanged() external {
        uint256 tokenId = _firstToken(1);
        bytes memory signer = _signer(PATIENT_KEY + 3);
        bytes[4] memory others = [
            _sign(PATIENT_KEY + 3, _challengeDigest(_round + 1, 1, tokenId)),
            _sign(PATIENT_KEY + 3, _challengeDigest(_round, 2, tokenId)),
            _sign(PATIENT_KEY + 3, _challengeDigest(_round, 1, tokenId + 1)),
            _sign(STRANGER_KEY, _challengeDigest(_round, 1, tokenId))
        ];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IChallenges.ChallengeSignatureInvalid.selector, _patient(3)));
            ledger.challenge(studyId, _round, hospitals[1].account, tokenId, signer, others[i]);
        }
        _challenge(_round, 1, tokenId, PATIENT_KEY + 3);
    }

    function test_AQuestionIsAskedOnceAndAnsweredOnce() external {
        _challenge(_round, 1, 0, reviewerKeys[0]);
        _challengeFails(_round, 1, 0, reviewerKeys[1], _named(IChallenges.ChallengeExists.selector, 1, 0));
        vm.prank(hospitals[1].account);
        vm.expectRevert(abi.encodeWithSelector(IChallenges.ChallengeAnswerEmpty.selector));
        ledger.answer(studyId, _round, 0, 0);
        _answer(1, 0, "answer");
        vm.prank(hospitals[1].account);
        vm.expectRevert(_named(IChallenges.ChallengeAnswered.selector, 1, 0));
        ledger.answer(studyId, _round, 0, "another");
    }

    function test_OnlyTheSiteThatWasAskedAnswers() external {
        _challenge(_round, 1, 0, reviewerKeys[0]);
        vm.prank(hospitals[2].account);
        vm.expectRevert(_named(IChallenges.ChallengeUnknown.selector, 2, 0));
        ledger.answer(studyId, _round, 0, "answer");
        _faultFails(2, 0, _named(IChallenges.ChallengeUnknown.selector, 2, 0));
    }

    function _answer(uint256 site, uint256 tokenId, bytes32 answerHash) private {
        vm.prank(hospitals[site].account);
        ledger.answer(studyId, _round, tokenId, answerHash);
    }

    function _notEntitled(uint256 tokenId, uint256 key) private {
        _challengeFails(
            _round, 1, tokenId, key, abi.encodeWithSelector(IChallenges.ChallengeNotEntitled.selector, vm.addr(key))
        );
    }

    function _challengeFails(uint32 round, uint256 site, uint256 tokenId, uint256 key, bytes memory reason) private {
        bytes memory signature = _sign(key, _challengeDigest(round, site, tokenId));
        bytes memory signer = _signer(key);
        vm.expectRevert(reason);
        ledger.challenge(studyId, round, hospitals[site].account, tokenId, signer, signature);
    }

    function _faultFails(uint256 site, uint256 tokenId, bytes memory reason) private {
        vm.expectRevert(reason);
        ledger.fault(studyId, _round, hospitals[site].account, tokenId);
    }

    function _round_(bytes4 selector, uint32 round) private view returns (bytes memory) {
        return abi.encodeWithSelector(selector, studyId, round);
    }

    function _named(bytes4 selector, uint256 site, uint256 tokenId) private view returns (bytes memory) {
        return abi.encodeWithSelector(selector, studyId, _round, hospitals[site].account, tokenId);
    }
}
