// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Errors of accounts that several signers act for
interface IQuorum {
    /// @notice Not enough distinct signers of this account signed exactly this.
    error QuorumNotReached();

    /// @notice One key alone could act.
    error QuorumTooSmall(uint64 threshold);

    /// @notice A signer longer than 20 bytes names a verifier that is not deployed. A precompile counts as none: the
    /// identity precompile (0x04) would accept every signature.
    error QuorumVerifierMissing(address verifier);
}
