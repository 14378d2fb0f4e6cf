// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment, Round} from "../interfaces/IRoundLedger.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";

/// @title A study with three tokens at each of its five sites, ready for rounds
/// @dev Patient 3 * site + i holds token i of the site.
abstract contract RoundFixture is ConsentFixture {
    uint256 internal constant PATIENTS_PER_SITE = 3;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 site = 0; site < SITES; ++site) {
            for (uint256 i = 0; i < PATIENTS_PER_SITE; ++i) {
                _granted(PATIENTS_PER_SITE * site + i, site);
            }
        }
        _tick(1);
    }

    function _open() internal returns (uint32 round) {
        vm.prank(_coordinator());
        return ledger.open(studyId);
    }

    /// @dev The site's next commitment, read at the block before this one.
    function _commitmentOf(uint256 site, uint32 round) internal view returns (Commitment memory) {
        address account = hospitals[site].account;
        uint32 attempt = ledger.commitmentOf(studyId, round, account).attempt + 1;
        return Commitment({
            attempt: attempt,
            cohortRoot: keccak256(abi.encode("cohort", site, round, attempt)),
            cohortSize: token.unburnedCount(studyId, account),
            blockNumber: height - 1,
            blockHash: blockhash(height - 1),
            epoch: token.epoch(studyId, account),
            vectorHash: keccak256(abi.encode("vector", site, round, attempt)),
            maskKey: keccak256(abi.encode("key", site, round, attempt)) & ~bytes32(uint256(0x80)),
            environmentHash: keccak256("environment")
        });
    }

    function _commit(uint256 site, uint32 round) internal {
        _commitAs(site, round, _commitmentOf(site, round));
    }

    function _commitAs(uint256 site, uint32 round, Commitment memory commitment) internal {
        vm.prank(hospitals[site].account);
        ledger.commit(studyId, round, commitment);
    }

    function _commitFails(uint256 site, uint32 round, Commitment memory commitment, bytes memory reason) internal {
        vm.prank(hospitals[site].account);
        vm.expectRevert(reason);
        ledger.commit(studyId, round, commitment);
    }

    function _commitAll(uint32 round) internal {
        for (uint256 site = 0; site < SITES; ++site) {
            _commit(site, round);
        }
    }

    function _seal(uint32 round) internal returns (bytes32) {
        vm.prank(_coordinator());
        return ledger.seal(studyId, round);
    }

    /// @dev What a seal in this block by all sites must be.
    function _sealDigest(uint32 round) internal view returns (bytes32) {
        address[] memory sites = _terms().sites;
        Commitment[] memory commitments = new Commitment[](SITES);
        for (uint256 i = 0; i < SITES; ++i) {
            commitments[i] = ledger.commitmentOf(studyId, round, sites[i]);
        }
        bytes32 parent = blockhash(height - 1);
        return keccak256(abi.encode(block.chainid, address(ledger), studyId, round, parent, sites, commitments));
    }

    function _sealedRound() internal returns (uint32 round) {
        round = _open();
        _tick(1);
        _commitAll(round);
        _tick(1);
        _seal(round);
        _tick(1);
    }

    function _close(uint32 round) internal {
        bytes32[] memory maskedHashes = _maskedHashes(round);
        bytes[] memory deliveries = _deliveries(round, maskedHashes);
        bytes32 checkpoint = _checkpoint(round);
        bytes32 manifest = keccak256(abi.encode("manifest", round));
        bytes memory closure = _signClosure(COORDINATOR_KEY, round, checkpoint, manifest);
        ledger.close(studyId, round, checkpoint, manifest, maskedHashes, deliveries, closure);
    }

    function _closeFails(uint32 round, bytes memory reason) internal {
        bytes32[] memory maskedHashes = _maskedHashes(round);
        bytes[] memory deliveries = _deliveries(round, maskedHashes);
        bytes32 checkpoint = _checkpoint(round);
        bytes memory closure = _signClosure(COORDINATOR_KEY, round, checkpoint, keccak256("manifest"));
        vm.expectRevert(reason);
        ledger.close(studyId, round, checkpoint, keccak256("manifest"), maskedHashes, deliveries, closure);
    }

    function _checkpoint(uint32 round) internal pure returns (bytes32) {
        return keccak256(abi.encode("checkpoint", round));
    }

    function _maskedHashes(uint32 round) internal view returns (bytes32[] memory hashes) {
        address[] memory members = ledger.members(studyId, round);
        hashes = new bytes32[](members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            hashes[i] = keccak256(abi.encode("masked", round, members[i]));
        }
    }

    function _deliveries(uint32 round, bytes32[] memory maskedHashes) internal view returns (bytes[] memory signatures) {
        address[] memory members = ledger.members(studyId, round);
        bytes32 sealDigest = ledger.round(studyId, round).sealDigest;
        signatures = new bytes[](members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            bytes32 typeHash = keccak256("Delivery(bytes32 sealDigest,bytes32 maskedHash)");
            bytes32 digest = _ledgerDigest(keccak256(abi.encode(typeHash, sealDigest, maskedHashes[i])));
            signatures[i] = _sign(hospitals[_siteOf(members[i])].key, digest);
        }
    }

    function _signClosure(uint256 key, uint32 round, bytes32 checkpoint, bytes32 manifest)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("Closure(bytes32 sealDigest,bytes32 checkpointHash,bytes32 manifestHash)");
        bytes32 sealDigest = ledger.round(studyId, round).sealDigest;
        return _sign(key, _ledgerDigest(keccak256(abi.encode(typeHash, sealDigest, checkpoint, manifest))));
    }

    function _ledgerDigest(bytes32 structHash) internal view returns (bytes32) {
        return _digest("Assent RoundLedger", address(ledger), structHash);
    }

    /// @dev The first token of a site, held by patient 3 * site.
    function _firstToken(uint256 site) internal view returns (uint256) {
        return token.tokenIdOf(studyId, hospitals[site].account, 0);
    }
}
