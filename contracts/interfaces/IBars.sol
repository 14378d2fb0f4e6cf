// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a site risks that is sealed into a round and does not deliver
/// @notice Type: Readmission(uint64 studyId,address site,uint32 times), in the ledger's EIP-712 domain.
interface IBars {
    event DeliveryRecorded(uint64 indexed studyId, uint32 round, address site, bytes32 maskedHash);
    event Barred(uint64 indexed studyId, uint32 round, address site, uint32 times);
    event Readmitted(uint64 indexed studyId, uint32 round, address site, address reviewer);

    error BarsNotMember(uint64 studyId, uint32 round, address site);
    error BarsDeliveryRecorded(uint64 studyId, uint32 round, address site);
    error BarsDeliveryEmpty(address site);
    error BarsNotLastSealed(uint64 studyId, uint32 round);
    error BarsAlreadyBarred(uint64 studyId, uint32 round, address site);
    error BarsExcused(uint64 studyId, uint32 round, address site);
    error BarsNotBarred(uint64 studyId, address site);
    error BarsNotReviewer(uint64 studyId, address account);
    error BarsSignatureInvalid(address account);

    /// @notice The calling member puts its delivery on record before the delivery deadline, so that no coordinator can
    /// say it never came. The round then closes with this masked digest or not at all.
    function recordDelivery(uint64 studyId, uint32 round, bytes32 maskedHash) external;

    /// @notice The coordinator names a member of the last sealed round that did not deliver. After the delivery deadline,
    /// unless the round closed or was aborted before that deadline, the delivery is on record, a consent was withdrawn at
    /// the site since it committed, or the study was suspended or amended since the seal. A withdrawal that comes too late
    /// for a round under Proceed is no excuse until the next round is open.
    /// A barred site's commitments are refused until a reviewer readmits it.
    function bar(uint64 studyId, uint32 round, address site) external;

    /// @notice Carries one reviewer's signed readmission, which names how often the site was barred: it lifts what has come
    /// up to then, and nothing that comes later.
    function readmit(uint64 studyId, address site, bytes calldata signer, bytes calldata signature) external;

    /// @notice The round that a site is barred for; 0 when it is not.
    function barredFor(uint64 studyId, address site) external view returns (uint32);

    /// @notice How often a site was barred in a study, whatever became of it.
    function timesBarred(uint64 studyId, address site) external view returns (uint32);

    /// @notice The masked digest that a member put on record; 0 for none.
    function deliveryOf(uint64 studyId, uint32 round, address site) external view returns (bytes32);
}
