// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LateRevocation, Terms} from "../interfaces/IStudyRegistry.sol";
import {Actors} from "./Actors.t.sol";
import {DeployedLedger, DeployedRegistry, DeployedToken, Deployment} from "./Deployment.t.sol";

/// @title The three contracts with five sites, and one study of theirs under review by two of three
abstract contract StudyFixture is Actors {
    uint64 internal constant TRAINING = 1 << 48;
    uint64 internal constant DISEASE_RESEARCH = 1 << 7;
    uint64 internal constant PURPOSES = DISEASE_RESEARCH | TRAINING;
    uint24 internal constant DISEASE = 5588;
    address internal constant AUTHORITY = address(0xA0);

    DeployedRegistry internal registry;
    DeployedToken internal token;
    DeployedLedger internal ledger;
    uint64 internal studyId;

    function setUp() public virtual {
        _castActors();
        (registry, token, ledger) = Deployment.all(AUTHORITY);
        for (uint256 i = 0; i < SITES; ++i) {
            vm.prank(hospitals[i].account);
            registry.registerSite(vm.addr(hospitals[i].enrolmentKey), keccak256(abi.encode("noise", i)));
        }
        vm.prank(_sponsor());
        studyId = registry.proposeStudy(_committee(), 2, _terms());
    }

    function _terms() internal view returns (Terms memory terms) {
        terms.protocolHash = keccak256("protocol");
        terms.consentTextHash = keccak256("consent text");
        terms.dpiaHash = keccak256("dpia");
        terms.appHash = keccak256("app");
        terms.recipeHash = keccak256("recipe");
        terms.initialCheckpoint = keccak256("checkpoint 0");
        terms.purposes = PURPOSES;
        terms.disease = DISEASE;
        terms.coordinator = _coordinator();
        terms.sites = new address[](SITES);
        for (uint256 i = 0; i < SITES; ++i) {
            terms.sites[i] = hospitals[i].account;
        }
        terms.minCohort = 2;
        terms.minSites = 3;
        terms.toleratedColluders = 1;
        terms.vectorLength = 10;
        terms.fractionBits = 20;
        terms.clippingNorm = 1 << 20;
        terms.noiseMultiplier = 5_000_000;
        terms.delta = 1e13;
        terms.rhoCeiling = 0.1e18;
        terms.commitSeconds = 600;
        terms.sealSeconds = 300;
        terms.deliverySeconds = 300;
        terms.closeSeconds = 600;
        terms.challengeSeconds = 30 days;
        terms.answerSeconds = 7 days;
        terms.waitingRounds = 1;
        terms.maxChargedAborts = 3;
        terms.lateRevocation = LateRevocation.Abandon;
    }

    function _committee() internal view returns (address[] memory committee) {
        committee = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            committee[i] = vm.addr(reviewerKeys[i]);
        }
    }

    function _proposeVersion(Terms memory terms) internal returns (uint32) {
        vm.prank(_sponsor());
        return registry.proposeVersion(studyId, terms);
    }

    function _approvalDigest(uint32 version, uint40 expiresAt) internal view returns (bytes32) {
        Terms memory terms = registry.terms(studyId, version);
        bytes32 typeHash = keccak256(
            "Approval(uint64 studyId,uint32 version,bytes32 termsHash,bytes32 protocolHash,bytes32 consentTextHash,bytes32 dpiaHash,uint40 expiresAt)"
        );
        return _registryDigest(
            keccak256(
                abi.encode(
                    typeHash,
                    studyId,
                    version,
                    registry.termsHash(studyId, version),
                    terms.protocolHash,
                    terms.consentTextHash,
                    terms.dpiaHash,
                    expiresAt
                )
            )
        );
    }

    function _suspensionDigest(uint32 suspensions) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Suspension(uint64 studyId,uint32 suspensions)");
        return _registryDigest(keccak256(abi.encode(typeHash, studyId, suspensions)));
    }

    function _resumptionDigest(uint32 suspensions) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Resumption(uint64 studyId,uint32 suspensions)");
        return _registryDigest(keccak256(abi.encode(typeHash, studyId, suspensions)));
    }

    function _registryDigest(bytes32 structHash) internal view returns (bytes32) {
        return _digest("Assent StudyRegistry", address(registry), structHash);
    }

    /// @dev Approves for 300 days.
    function _approve(uint32 version, uint256 reviewer) internal {
        _approveUntil(version, reviewer, clock + 300 days);
    }

    function _approveUntil(uint32 version, uint256 reviewer, uint40 expiresAt) internal {
        bytes memory signature = _sign(reviewerKeys[reviewer], _approvalDigest(version, expiresAt));
        registry.approve(studyId, version, expiresAt, _signer(reviewerKeys[reviewer]), signature);
    }

    function _bringInForce(uint32 version) internal {
        _approve(version, 0);
        _approve(version, 2);
    }

    function _suspend() internal {
        vm.prank(vm.addr(reviewerKeys[0]));
        registry.suspend(studyId);
    }

    function _resume() internal {
        (bytes[] memory signers, bytes[] memory signatures) =
            _signedByTwo(_resumptionDigest(registry.study(studyId).suspensions));
        registry.resume(studyId, signers, signatures);
    }

    /// @dev By the first two reviewers.
    function _signedByTwo(bytes32 digest) internal view returns (bytes[] memory signers, bytes[] memory signatures) {
        signers = new bytes[](2);
        signatures = new bytes[](2);
        for (uint256 i = 0; i < 2; ++i) {
            signers[i] = _signer(reviewerKeys[i]);
            signatures[i] = _sign(reviewerKeys[i], digest);
        }
    }

    function _replacementDigest(uint32 replacements, address outgoing, address incoming)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash =
            keccak256("Replacement(uint64 studyId,uint32 replacements,address outgoing,address incoming)");
        return _registryDigest(keccak256(abi.encode(typeHash, studyId, replacements, outgoing, incoming)));
    }
}
