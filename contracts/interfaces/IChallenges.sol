// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @param answerBy first second at which an answer comes too late
/// @param answerHash SHA-256 of the answer; 0 until there is one
/// @param faulted the site did not answer, and that is on record
struct Challenge {
    uint40 answerBy;
    bool faulted;
    bytes32 answerHash;
}

/// @title Questions that a site has to answer about a round
/// @notice A reviewer asks for a replay of a site's part (token 0), a token's holder for the receipt of a round. What the
/// answer says stays off chain; here is only that it was given in time, and its hash.
/// Type: Challenge(uint64 studyId,uint32 round,address site,uint256 tokenId), in the ledger's EIP-712 domain.
interface IChallenges {
    event Challenged(uint64 indexed studyId, uint32 round, address site, uint256 tokenId, uint40 answerBy);
    event Answered(uint64 indexed studyId, uint32 round, address site, uint256 tokenId, bytes32 answerHash);
    event Faulted(uint64 indexed studyId, uint32 round, address site, uint256 tokenId);

    error ChallengeTooEarly(uint64 studyId, uint32 round);
    error ChallengeTooLate(uint64 studyId, uint32 round, uint40 until);
    error ChallengeSiteNotInRound(uint64 studyId, uint32 round, address site);
    error ChallengeNotEntitled(address account);
    error ChallengeSignatureInvalid(address account);
    error ChallengeExists(uint64 studyId, uint32 round, address site, uint256 tokenId);
    error ChallengeUnknown(uint64 studyId, uint32 round, address site, uint256 tokenId);
    error ChallengeAnswered(uint64 studyId, uint32 round, address site, uint256 tokenId);
    error ChallengeAnswerEmpty();
    error ChallengePending(uint64 studyId, uint32 round, address site, uint256 tokenId);

    /// @notice Asks a site that committed to a round which is over. Carries the signature of a reviewer (`tokenId` 0) or of
    /// the token's holder, who may have revoked it since.
    function challenge(
        uint64 studyId,
        uint32 round,
        address site,
        uint256 tokenId,
        bytes calldata signer,
        bytes calldata signature
    ) external;

    /// @notice The calling site answers before the deadline.
    function answer(uint64 studyId, uint32 round, uint256 tokenId, bytes32 answerHash) external;

    /// @notice Puts on record that no answer came, and bars the site; anyone may, from the deadline on.
    function fault(uint64 studyId, uint32 round, address site, uint256 tokenId) external;

    function challengeOf(uint64 studyId, uint32 round, address site, uint256 tokenId)
        external
        view
        returns (Challenge memory);
}
