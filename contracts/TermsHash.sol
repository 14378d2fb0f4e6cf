// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms} from "./interfaces/IStudyRegistry.sol";

/// @title The EIP-712 struct hash of Terms
library TermsHash {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Terms(bytes32 protocolHash,bytes32 consentTextHash,bytes32 dpiaHash,bytes32 appHash,bytes32 recipeHash,"
        "bytes32 initialCheckpoint,uint64 purposes,uint24 disease,address coordinator,address[] sites,uint32 minCohort,"
        "uint16 minSites,uint16 toleratedColluders,uint32 vectorLength,uint8 fractionBits,uint64 clippingNorm,"
        "uint64 noiseMultiplier,uint64 delta,uint256 rhoCeiling,uint32 commitSeconds,uint32 sealSeconds,"
        "uint32 deliverySeconds,uint32 closeSeconds,uint32 challengeSeconds,uint32 answerSeconds,uint16 waitingRounds,"
        "uint16 maxChargedAborts,uint8 lateRevocation)"
    );

    function hash(Terms calldata terms) internal pure returns (bytes32) {
        return keccak256(bytes.concat(_documents(terms), _cohort(terms), _learning(terms), _times(terms)));
    }

    function _documents(Terms calldata terms) private pure returns (bytes memory) {
        return abi.encode(
            TYPE_HASH,
            terms.protocolHash,
            terms.consentTextHash,
            terms.dpiaHash,
            terms.appHash,
            terms.recipeHash,
            terms.initialCheckpoint
        );
    }

    function _cohort(Terms calldata terms) private pure returns (bytes memory) {
        return abi.encode(
            terms.purposes,
            terms.disease,
            terms.coordinator,
            keccak256(abi.encodePacked(terms.sites)),
            terms.minCohort,
            terms.minSites,
            terms.toleratedColluders
        );
    }

    function _learning(Terms calldata terms) private pure returns (bytes memory) {
        return abi.encode(
            terms.vectorLength,
            terms.fractionBits,
            terms.clippingNorm,
            terms.noiseMultiplier,
            terms.delta,
            terms.rhoCeiling
        );
    }

    function _times(Terms calldata terms) private pure returns (bytes memory) {
        return abi.encode(
            terms.commitSeconds,
            terms.sealSeconds,
            terms.deliverySeconds,
            terms.closeSeconds,
            terms.challengeSeconds,
            terms.answerSeconds,
            terms.waitingRounds,
            terms.maxChargedAborts,
            terms.lateRevocation
        );
    }
}
