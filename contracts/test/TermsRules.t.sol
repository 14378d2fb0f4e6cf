// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStudyRegistry, LateRevocation, Terms} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

contract TermsRulesTest is StudyFixture {
    function test_HashesMustBeNamed() external {
        Terms memory terms = _terms();
        terms.protocolHash = 0;
        _refused(terms, "protocolHash");
        terms = _terms();
        terms.consentTextHash = 0;
        _refused(terms, "consentTextHash");
        terms = _terms();
        terms.dpiaHash = 0;
        _refused(terms, "dpiaHash");
        terms = _terms();
        terms.appHash = 0;
        _refused(terms, "appHash");
        terms = _terms();
        terms.recipeHash = 0;
        _refused(terms, "recipeHash");
        terms = _terms();
        terms.initialCheckpoint = 0;
        _refused(terms, "initialCheckpoint");
    }

    function test_PurposesCohortAndVectorMustNotBeEmpty() external {
        Terms memory terms = _terms();
        terms.purposes = 0;
        _refused(terms, "purposes");
        terms = _terms();
        terms.minCohort = 0;
        _refused(terms, "minCohort");
        terms = _terms();
        terms.vectorLength = 0;
        _refused(terms, "vectorLength");
        terms = _terms();
        terms.clippingNorm = 0;
        _refused(terms, "clippingNorm");
        terms = _terms();
        terms.noiseMultiplier = 0;
        _refused(terms, "noiseMultiplier");
    }

    function test_PurposesAreInTheTableAndNameADiseaseWhereTheyMust() external {
        Terms memory terms = _terms();
        terms.disease = 0;
        _refused(terms, "purposes");
        terms.purposes = TRAINING;
        _accepted(terms);
        terms.disease = DISEASE;
        _refused(terms, "purposes");
        terms = _terms();
        terms.purposes |= 1 << 50;
        _refused(terms, "purposes");
    }

    function test_TheClippingNormLeavesRoomForTheSum() external {
        Terms memory terms = _terms();
        terms.clippingNorm = (1 << 40) + 1;
        _refused(terms, "clippingNorm");
        terms.clippingNorm = 1 << 40;
        _accepted(terms);
    }

    function test_EveryDurationMustBePositive() external {
        Terms memory terms = _terms();
        terms.commitSeconds = 0;
        _refused(terms, "commitSeconds");
        terms = _terms();
        terms.sealSeconds = 0;
        _refused(terms, "sealSeconds");
        terms = _terms();
        terms.deliverySeconds = 0;
        _refused(terms, "deliverySeconds");
        terms = _terms();
        terms.closeSeconds = 0;
        _refused(terms, "closeSeconds");
        terms = _terms();
        terms.challengeSeconds = 0;
        _refused(terms, "challengeSeconds");
        terms = _terms();
        terms.answerSeconds = 0;
        _refused(terms, "answerSeconds");
        terms = _terms();
        terms.maxChargedAborts = 0;
        _refused(terms, "maxChargedAborts");
    }

    function test_CoordinatorIsSomebodyAndNoReviewer() external {
        Terms memory terms = _terms();
        terms.coordinator = address(0);
        _refused(terms, "coordinator");
        terms.coordinator = vm.addr(reviewerKeys[1]);
        _refused(terms, "coordinator");
    }

    /// With fewer than two sites' noise outside the tolerated collusion, one honest site would carry it all.
    function testFuzz_MinimumOfSitesLeavesTwoOutsideCollusion(uint16 m, uint16 t) external {
        Terms memory terms = _terms();
        terms.minSites = m;
        terms.toleratedColluders = t;
        if (uint256(m) < uint256(t) + 2) _refused(terms, "minSites");
        else if (m > SITES) _refused(terms, "sites");
        else _accepted(terms);
    }

    function test_SitesAreRegisteredAndStrictlyAscending() external {
        Terms memory terms = _terms();
        (terms.sites[0], terms.sites[1]) = (terms.sites[1], terms.sites[0]);
        _refused(terms, "sites");
        terms = _terms();
        terms.sites[1] = terms.sites[0];
        _refused(terms, "sites");
        terms = _terms();
        terms.sites[4] = address(type(uint160).max);
        _refused(terms, "sites");
        terms = _terms();
        terms.sites = new address[](0);
        _refused(terms, "sites");
    }

    function testFuzz_DeltaIsAProbability(uint64 delta) external {
        Terms memory terms = _terms();
        terms.delta = delta;
        if (delta == 0 || delta >= 1e18) _refused(terms, "delta");
        else _accepted(terms);
    }

    function test_DeltaIsBelowOne() external {
        Terms memory terms = _terms();
        terms.delta = 1e18;
        _refused(terms, "delta");
        terms.delta = 1e18 - 1;
        _accepted(terms);
    }

    function test_GridIsNoFinerThanAFloat64() external {
        Terms memory terms = _terms();
        terms.fractionBits = 53;
        _refused(terms, "fractionBits");
        terms.fractionBits = 52;
        _accepted(terms);
    }

    /// sigma 1, m - t = 4: a site's share of the noise is C / 2, so C must be at least 8 grid steps.
    function test_ASitesNoiseSpansFourGridSteps() external {
        Terms memory terms = _terms();
        terms.noiseMultiplier = 1_000_000;
        terms.rhoCeiling = 1e18;
        terms.minSites = 5;
        terms.toleratedColluders = 1;
        terms.clippingNorm = 7;
        _refused(terms, "noiseMultiplier");
        terms.clippingNorm = 8;
        _accepted(terms);
        terms.noiseMultiplier = 999_999;
        _refused(terms, "noiseMultiplier");
    }

    function testFuzz_NoNoiseRuleOverflows(uint64 noiseMultiplier, uint64 clippingNorm) external {
        Terms memory terms = _terms();
        terms.noiseMultiplier = noiseMultiplier;
        terms.clippingNorm = clippingNorm;
        terms.rhoCeiling = type(uint256).max;
        uint256 scaled = uint256(noiseMultiplier) * clippingNorm;
        if (clippingNorm == 0 || clippingNorm > 1 << 40) _refused(terms, "clippingNorm");
        else if (scaled * scaled < 32e12) _refused(terms, "noiseMultiplier");
        else _accepted(terms);
    }

    /// sigma 5 spends rho = 1/50, and one unit of slack.
    function test_CeilingHasRoomForOneRound() external {
        Terms memory terms = _terms();
        terms.rhoCeiling = 0.02e18;
        _refused(terms, "rhoCeiling");
        terms.rhoCeiling = 0.02e18 + 1;
        _accepted(terms);
    }

    function test_RefusedTermsOfANewStudyLeaveNoStudyBehind() external {
        Terms memory terms = _terms();
        terms.delta = 0;
        vm.prank(_sponsor());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryTermsInvalid.selector, "delta"));
        registry.proposeStudy(_committee(), 2, terms);
        assertEq(registry.studyCount(), uint256(1));
    }

    /// The hash is EIP-712's, computed here member by member from the type in the interface's documentation.
    function testFuzz_TermsHashIsTheEip712StructHash(uint256 seed, address[] calldata sites_) external {
        Terms memory terms = _anyTerms(seed, sites_);
        bytes memory encoded = bytes.concat(
            keccak256(
                "Terms(bytes32 protocolHash,bytes32 consentTextHash,bytes32 dpiaHash,bytes32 appHash,bytes32 recipeHash,bytes32 initialCheckpoint,uint64 purposes,uint24 disease,address coordinator,address[] sites,uint32 minCohort,uint16 minSites,uint16 toleratedColluders,uint32 vectorLength,uint8 fractionBits,uint64 clippingNorm,uint64 noiseMultiplier,uint64 delta,uint256 rhoCeiling,uint32 commitSeconds,uint32 sealSeconds,uint32 deliverySeconds,uint32 closeSeconds,uint32 challengeSeconds,uint32 answerSeconds,uint16 waitingRounds,uint16 maxChargedAborts,uint8 lateRevocation)"
            ),
            terms.protocolHash,
            terms.consentTextHash,
            terms.dpiaHash,
            terms.appHash,
            terms.recipeHash,
            terms.initialCheckpoint,
            _word(terms.purposes),
            _word(terms.disease),
            _word(uint160(terms.coordinator))
        );
        bytes memory sites;
        for (uint256 i = 0; i < terms.sites.length; ++i) {
            sites = bytes.concat(sites, _word(uint160(terms.sites[i])));
        }
        encoded = bytes.concat(encoded, keccak256(sites), _word(terms.minCohort), _word(terms.minSites));
        encoded = bytes.concat(encoded, _word(terms.toleratedColluders), _word(terms.vectorLength));
        encoded = bytes.concat(encoded, _word(terms.fractionBits), _word(terms.clippingNorm));
        encoded = bytes.concat(encoded, _word(terms.noiseMultiplier), _word(terms.delta), _word(terms.rhoCeiling));
        encoded = bytes.concat(encoded, _word(terms.commitSeconds), _word(terms.sealSeconds));
        encoded = bytes.concat(encoded, _word(terms.deliverySeconds), _word(terms.closeSeconds));
        encoded = bytes.concat(encoded, _word(terms.challengeSeconds), _word(terms.answerSeconds));
        encoded = bytes.concat(encoded, _word(terms.waitingRounds), _word(terms.maxChargedAborts));
        encoded = bytes.concat(encoded, _word(uint8(terms.lateRevocation)));
        assertEq(registry.hashTerms(terms), keccak256(encoded));
    }

    /// @dev Every member drawn from the seed, so that none can be left out of the hash or swapped unseen.
    function _anyTerms(uint256 seed, address[] calldata sites) private pure returns (Terms memory terms) {
        terms.protocolHash = bytes32(_draw(seed, 0));
        terms.consentTextHash = bytes32(_draw(seed, 1));
        terms.dpiaHash = bytes32(_draw(seed, 2));
        terms.appHash = bytes32(_draw(seed, 3));
        terms.recipeHash = bytes32(_draw(seed, 4));
        terms.initialCheckpoint = bytes32(_draw(seed, 5));
        terms.purposes = uint64(_draw(seed, 6));
        terms.disease = uint24(_draw(seed, 7));
        terms.coordinator = address(uint160(_draw(seed, 8)));
        terms.sites = sites;
        terms.minCohort = uint32(_draw(seed, 9));
        terms.minSites = uint16(_draw(seed, 10));
        terms.toleratedColluders = uint16(_draw(seed, 11));
        terms.vectorLength = uint32(_draw(seed, 12));
        terms.fractionBits = uint8(_draw(seed, 13));
        terms.clippingNorm = uint64(_draw(seed, 14));
        terms.noiseMultiplier = uint64(_draw(seed, 15));
        terms.delta = uint64(_draw(seed, 16));
        terms.rhoCeiling = _draw(seed, 17);
        terms.commitSeconds = uint32(_draw(seed, 18));
        terms.sealSeconds = uint32(_draw(seed, 19));
        terms.deliverySeconds = uint32(_draw(seed, 20));
        terms.closeSeconds = uint32(_draw(seed, 21));
        terms.challengeSeconds = uint32(_draw(seed, 22));
        terms.answerSeconds = uint32(_draw(seed, 23));
        terms.waitingRounds = uint16(_draw(seed, 24));
        terms.maxChargedAborts = uint16(_draw(seed, 25));
        terms.lateRevocation = LateRevocation(_draw(seed, 26) % 2);
    }

    function _draw(uint256 seed, uint256 member) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, member)));
    }

    function _word(uint256 value) private pure returns (bytes32) {
        return bytes32(value);
    }

    function _refused(Terms memory terms, string memory field) private {
        vm.prank(_sponsor());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryTermsInvalid.selector, field));
        registry.proposeVersion(studyId, terms);
    }

    function _accepted(Terms memory terms) private {
        uint32 version = _proposeVersion(terms);
        assertEq(registry.termsHash(studyId, version), registry.hashTerms(terms));
    }
}
