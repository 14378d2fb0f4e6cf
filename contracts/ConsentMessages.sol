// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnrolmentProof, Grant} from "./interfaces/IConsentToken.sol";

/// @title The EIP-712 struct hashes of Grant, Enrolment and Revocation
/// @dev All members are static, so abi.encode of a struct is the encodeData of EIP-712.
library ConsentMessages {
    bytes32 internal constant GRANT_TYPE_HASH = keccak256(
        "Grant(uint64 studyId,bytes32 termsHash,address site,address holder,uint64 purposes,uint24 disease,uint40 useStart,"
        "uint40 useEnd,uint40 dataStart,uint40 dataEnd,bytes32 recordCommitment,bytes32 consentTextHash,"
        "bytes8 language,uint64 revocationCounter,uint40 deadline)"
    );
    bytes32 internal constant ENROLMENT_TYPE_HASH = keccak256(
        "Enrolment(uint64 studyId,address site,address holder,bytes32 recordTag,bytes32 recordCommitment,"
        "uint40 issuedAt,uint40 deadline)"
    );
    bytes32 internal constant REVOCATION_TYPE_HASH = keccak256("Revocation(uint256 tokenId)");

    function hash(Grant calldata grant) internal pure returns (bytes32) {
        return keccak256(abi.encode(GRANT_TYPE_HASH, grant));
    }

    /// @notice The hash of the Enrolment that a grant and the proof beside it say.
    function hash(Grant calldata grant, EnrolmentProof calldata enrolment) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ENROLMENT_TYPE_HASH,
                grant.studyId,
                grant.site,
                grant.holder,
                enrolment.recordTag,
                grant.recordCommitment,
                enrolment.issuedAt,
                enrolment.deadline
            )
        );
    }

    function hashRevocation(uint256 tokenId) internal pure returns (bytes32) {
        return keccak256(abi.encode(REVOCATION_TYPE_HASH, tokenId));
    }
}
