// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms} from "./interfaces/IStudyRegistry.sol";

/// @title The EIP-712 struct hash of Terms
library TermsHash {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Terms(bytes32 protocolHash,bytes32 consentTextHash,bytes32 appHash,bytes32 recipeHash,bytes32 initialCheckpoint,"
        "uint64 purposes,address coordinator,address[] sites,uint32 minCohort,uint16 minSites,uint16 toleratedColluders,"
        "uint32 vectorLength,uint8 fractionBits,uint64 clippingNorm,uint64 noiseMultiplier,uint64 delta,"
        "uint256 rhoCeiling,uint32 commitSeconds,uint32 sealSeconds,uint32 deliverySeconds,uint32 closeSeconds,"
        "uint8 lateRevocation)"
    );

    function hash(Terms calldata terms) internal pure returns (bytes32) {
        bytes memory first = abi.encode(
            TYPE_HASH,
            terms.protocolHash,
            terms.consentTextHash,
            terms.appHash,
            terms.recipeHash,
            terms.initialCheckpoint,
            terms.purposes,
            terms.coordinator,
            keccak256(abi.encodePacked(terms.sites)),
            terms.minCohort,
            terms.minSites,
            terms.toleratedColluders
        );
        bytes memory second = abi.encode(
            terms.vectorLength,
            terms.fractionBits,
            terms.clippingNorm,
            terms.noiseMultiplier,
            terms.delta,
            terms.rhoCeiling,
            terms.commitSeconds,
            terms.sealSeconds,
            terms.deliverySeconds,
            terms.closeSeconds,
            terms.lateRevocation
        );
        return keccak256(bytes.concat(first, second));
    }
}
