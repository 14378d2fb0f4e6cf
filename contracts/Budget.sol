// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a study has spent
/// @notice zCDP rho in 1e-18, at a location of its own so that one storage proof shows it. It only rises.
abstract contract Budget {
    /// @custom:storage-location erc7201:assent.storage.Budget
    struct BudgetStorage {
        mapping(uint64 studyId => uint256) rhoSpent;
    }

    bytes32 private constant BUDGET_STORAGE =
        keccak256(abi.encode(uint256(keccak256("assent.storage.Budget")) - 1)) & ~bytes32(uint256(0xff));

    function _charge(uint64 studyId, uint256 rho) internal returns (uint256 spent) {
        spent = _budgetStorage().rhoSpent[studyId] + rho;
        _budgetStorage().rhoSpent[studyId] = spent;
    }

    function _rhoSpent(uint64 studyId) internal view returns (uint256) {
        return _budgetStorage().rhoSpent[studyId];
    }

    function _budgetStorage() private pure returns (BudgetStorage storage $) {
        bytes32 slot = BUDGET_STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
