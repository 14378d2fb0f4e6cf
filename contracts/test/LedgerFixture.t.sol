// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RoundFixture} from "./RoundFixture.t.sol";

/// @title Who bars, readmits, challenges and replaces, and how they sign
abstract contract LedgerFixture is RoundFixture {
    /// @dev Sealed, then aborted by the coordinator once its deliveries are late.
    function _undelivered() internal returns (uint32 round) {
        round = _sealedRound();
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
    }

    function _bar(uint32 round, uint256 site) internal {
        vm.prank(_coordinator());
        ledger.bar(studyId, round, hospitals[site].account);
    }

    function _readmissionDigest(uint256 site, uint32 times) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Readmission(uint64 studyId,address site,uint32 times)");
        return _ledgerDigest(keccak256(abi.encode(typeHash, studyId, hospitals[site].account, times)));
    }

    function _readmit(uint256 site) internal {
        address account = hospitals[site].account;
        bytes32 digest = _readmissionDigest(site, ledger.timesBarred(studyId, account));
        ledger.readmit(studyId, account, _signer(reviewerKeys[1]), _sign(reviewerKeys[1], digest));
    }

    function _challengeDigest(uint32 round, uint256 site, uint256 tokenId) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Challenge(uint64 studyId,uint32 round,address site,uint256 tokenId)");
        return _ledgerDigest(keccak256(abi.encode(typeHash, studyId, round, hospitals[site].account, tokenId)));
    }

    function _challenge(uint32 round, uint256 site, uint256 tokenId, uint256 key) internal {
        bytes memory signature = _sign(key, _challengeDigest(round, site, tokenId));
        ledger.challenge(studyId, round, hospitals[site].account, tokenId, _signer(key), signature);
    }

    function _rollbackHash(uint64 study, uint32 toRound, uint32 rollbacks) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Rollback(uint64 studyId,uint32 toRound,uint32 rollbacks)");
        return keccak256(abi.encode(typeHash, study, toRound, rollbacks));
    }

    function _rollbackDigest(uint64 study, uint32 toRound, uint32 rollbacks) internal view returns (bytes32) {
        return _ledgerDigest(_rollbackHash(study, toRound, rollbacks));
    }

    function _rollBack(uint32 toRound) internal {
        bytes32 digest = _rollbackDigest(studyId, toRound, ledger.rollbacks(studyId));
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(digest);
        ledger.rollBack(studyId, toRound, signers, signatures);
    }

    function _replace(address outgoing, address incoming) internal {
        bytes32 digest = _replacementDigest(registry.study(studyId).replacements, outgoing, incoming);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(digest);
        registry.replaceReviewer(studyId, outgoing, incoming, signers, signatures);
    }
}
