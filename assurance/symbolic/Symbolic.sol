// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The cheatcodes of halmos that are used here.
interface Svm {
    /// @notice From now on every slot of the account may hold anything.
    function enableSymbolicStorage(address account) external;
}

interface Vm {
    function assume(bool holds) external pure;
    function warp(uint256 time) external;
}

/// @title What symbolic checks share
/// @notice halmos runs a function for all values of its parameters and of symbolic storage at once. A function `check_...` must
/// hold for all of them. A function `refuted_...` states something that is nearly right, and must be refuted by an
/// example: were it not, the check beside it would show nothing.
abstract contract Symbolic {
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
}
