// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {IConsentToken} from "./IConsentToken.sol";

/// @notice What the acting key may sign for the account: a Message as ERC-191 text (EIP-191, version 0x45), the others
/// under ConsentToken's EIP-712 domain. A Statement is one that no contract takes: ReceiptKey or ErasureRequest.
enum GuardianAct {
    Grant,
    Revocation,
    Statement,
    Message
}

/// @title The account that holds one minor's token, for one study
/// @notice It is bound for ever to one ConsentToken, one study and the quarter boundary at which it stops granting: an
/// exact date would be a birth date on chain. An acting key grants and revokes, signs in and asks for receipts and
/// erasure; two of three guardians replace a lost key, after which the account grants no more but does all the rest, and
/// two of three revoke by themselves. The token never moves.
/// Keys are ERC-7913 signers: 20 bytes are an EOA or ERC-1271 account, longer ones a verifier and a key such as a
/// passkey.
/// Use keys made for this study alone: the same guardian in two accounts would link them.
/// `isValidSignature` gives 0xffffffff for all that it refuses, bytes that cannot be decoded included.
/// EIP-712 domain: name "Assent GuardianAccount", version "1". Type: Rotation(bytes newKey,uint64 rotations).
interface IGuardianAccount is IERC1271 {
    event GuardianKeyRotated(uint64 rotations, bytes newKey);

    error GuardianKeyInvalid(bytes key);
    error GuardianAccountEnded(uint40 endsAt);
    error GuardianAccountRecovered(uint64 rotations);
    error GuardianStudyMismatch(uint64 studyId);
    error GuardianHolderMismatch(address holder);
    error GuardianUsePeriodTooLong(uint40 useEnd, uint40 endsAt);
    error GuardianDigestMismatch(bytes32 hash);
    error GuardianStatementUnknown(bytes32 typeHash);
    error GuardianSignatureInvalid();

    /// @notice Reverts with the reason for which `isValidSignature` refuses.
    /// @param hash the EIP-712 digest of a Grant, Revocation or Statement under ConsentToken's domain, or the ERC-191
    /// hash of a text
    /// @param signature abi.encode(GuardianAct act, bytes payload, bytes keySignature): payload is abi.encode(Grant),
    /// abi.encode(uint256 tokenId), a Statement's type hash and members as EIP-712 encodes them, or the text;
    /// keySignature is the acting key's over `hash`. A Grant is approved only for this study and holder, with a use
    /// period that ends by `endsAt`, before `endsAt`, and while the key was never rotated; a Statement only with this
    /// account as its holder. All but a Grant are approved at any time, also by a key that replaced another.
    function checkSignature(bytes32 hash, bytes calldata signature) external view;

    /// @notice Replaces the acting key; no grant passes through this account afterwards. A new grant needs a new
    /// account. Revocations that the old key signed in advance no longer count.
    /// @param signatures abi.encode(bytes[] signers, bytes[] signatures) of two guardians over Rotation(newKey,
    /// rotations)
    function rotate(bytes calldata newKey, bytes calldata signatures) external;

    /// @notice Revokes the account's token, at any time.
    /// @param signatures as for `rotate`, over Revocation(tokenId) under ConsentToken's domain: what any holder signs
    function revokeByGuardians(uint256 tokenId, bytes calldata signatures) external;

    function consentToken() external view returns (IConsentToken);
    function studyId() external view returns (uint64);

    /// @notice First second at which the account grants no more and no consent given through it is in use.
    function endsAt() external view returns (uint40);
    function actingKey() external view returns (bytes memory);

    /// @notice How often the acting key was replaced; signed in Rotation so that none can be replayed.
    function rotations() external view returns (uint64);
}
