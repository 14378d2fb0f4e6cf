// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

import {GuardianAccount} from "./GuardianAccount.sol";
import {IConsentToken} from "./interfaces/IConsentToken.sol";
import {IGuardianAccounts} from "./interfaces/IGuardianAccounts.sol";

/// @title Makes guardian accounts for one ConsentToken
contract GuardianAccounts is IGuardianAccounts {
    IConsentToken public immutable consentToken;

    mapping(address account => bool) public isGuardianAccount;

    constructor(IConsentToken consentToken_) {
        consentToken = consentToken_;
    }

    /// @inheritdoc IGuardianAccounts
    function create(
        uint64 studyId,
        uint16 year,
        uint8 quarter,
        bytes calldata actingKey,
        bytes[3] calldata guardians
    ) external returns (address account) {
        bytes memory creation = _creation(studyId, year, quarter, actingKey, guardians);
        account = Create2.computeAddress(0, keccak256(creation));
        if (isGuardianAccount[account]) return account;
        Create2.deploy(0, 0, creation);
        isGuardianAccount[account] = true;
        emit GuardianAccountCreated(studyId, account, GuardianAccount(account).endsAt());
    }

    /// @inheritdoc IGuardianAccounts
    function accountOf(
        uint64 studyId,
        uint16 year,
        uint8 quarter,
        bytes calldata actingKey,
        bytes[3] calldata guardians
    ) external view returns (address account) {
        return Create2.computeAddress(0, keccak256(_creation(studyId, year, quarter, actingKey, guardians)));
    }

    function _creation(
        uint64 studyId,
        uint16 year,
        uint8 quarter,
        bytes calldata actingKey,
        bytes[3] calldata guardians
    ) private view returns (bytes memory) {
        return bytes.concat(
            type(GuardianAccount).creationCode,
            abi.encode(consentToken, studyId, year, quarter, actingKey, guardians)
        );
    }
}
