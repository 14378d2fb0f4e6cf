// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IConsentToken} from "./IConsentToken.sol";

/// @title Makes guardian accounts, at addresses that are known before
/// @notice An account's address depends on all that it is made with (CREATE2), so that whoever agreed on an address
/// agreed on the study, the quarter, the acting key and the guardians. Anyone may make it, before or after another, to
/// the same end.
interface IGuardianAccounts {
    event GuardianAccountCreated(uint64 indexed studyId, address account, uint40 endsAt);

    /// @notice Makes an account, or finds it made.
    /// @param year,quarter at whose first second it stops granting: the last such boundary before majority
    /// @param actingKey,guardians ERC-7913 signers
    function create(
        uint64 studyId,
        uint16 year,
        uint8 quarter,
        bytes calldata actingKey,
        bytes[3] calldata guardians
    ) external returns (address account);

    /// @notice The address that `create` gives for the same arguments.
    function accountOf(
        uint64 studyId,
        uint16 year,
        uint8 quarter,
        bytes calldata actingKey,
        bytes[3] calldata guardians
    ) external view returns (address account);

    /// @notice Whether it was made here, and so keeps the rules of IGuardianAccount. A site checks this, and that its
    /// `endsAt` is before the patient's majority, before it enrols the account.
    function isGuardianAccount(address account) external view returns (bool);

    function consentToken() external view returns (IConsentToken);
}
