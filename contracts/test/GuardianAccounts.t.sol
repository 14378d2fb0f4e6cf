// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    MultiSignerERC7913
} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";

import {IGuardianAccount} from "../interfaces/IGuardianAccount.sol";
import {IGuardianAccounts} from "../interfaces/IGuardianAccounts.sol";
import {IQuorum} from "../interfaces/IQuorum.sol";
import {Quarters} from "../Quarters.sol";
import {Deployment} from "./Deployment.t.sol";
import {GuardianFixture} from "./GuardianFixture.t.sol";

contract GuardianAccountsTest is GuardianFixture {
    event GuardianAccountCreated(uint64 indexed studyId, address account, uint40 endsAt);

    function test_AnAddressIsKnownBeforeItsAccount() external {
        address known = accounts.accountOf(studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY + 5), _guardians(5));
        assertEq(known.code.length, uint256(0));
        assertFalse(accounts.isGuardianAccount(known));
        vm.expectEmit(address(accounts));
        emit GuardianAccountCreated(studyId, known, ENDS_AT);
        vm.prank(_stranger());
        assertEq(address(_accountOf(5)), known);
        assertTrue(accounts.isGuardianAccount(known));
        assertEq(IGuardianAccount(known).actingKey(), _signer(PATIENT_KEY + 5));
        assertEq(address(IGuardianAccount(known).consentToken()), address(token));
        assertEq(address(accounts.consentToken()), address(token));
    }

    function test_MakingAnAccountAgainFindsItAsItIs() external {
        _rotateTo(_signer(STRANGER_KEY));
        assertEq(address(_accountOf(0)), address(account));
        assertEq(account.actingKey(), _signer(STRANGER_KEY));
        assertEq(account.rotations(), uint256(1));
    }

    /// Whoever agreed on an address agreed on every member; nobody can put another account there.
    function test_TheAddressDependsOnEveryArgument() external {
        bytes memory key = _signer(PATIENT_KEY);
        bytes[3] memory guardians = _guardians(0);
        _isElsewhere(accounts, studyId + 1, END_YEAR, END_QUARTER, key, guardians);
        _isElsewhere(accounts, studyId, END_YEAR + 1, END_QUARTER, key, guardians);
        _isElsewhere(accounts, studyId, END_YEAR, END_QUARTER - 1, key, guardians);
        _isElsewhere(accounts, studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY + 1), guardians);
        for (uint256 i = 0; i < 3; ++i) {
            bytes[3] memory changed = _guardians(0);
            changed[i] = _signer(STRANGER_KEY);
            _isElsewhere(accounts, studyId, END_YEAR, END_QUARTER, key, changed);
        }
        IGuardianAccounts others = IGuardianAccounts(Deployment.guardianAccounts(address(registry)));
        _isElsewhere(others, studyId, END_YEAR, END_QUARTER, key, guardians);
    }

    function test_AnAccountMadeElsewhereIsNotOurs() external {
        IGuardianAccounts others = IGuardianAccounts(Deployment.guardianAccounts(address(token)));
        address elsewhere = others.create(studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY), _guardians(0));
        assertTrue(others.isGuardianAccount(elsewhere));
        assertFalse(accounts.isGuardianAccount(elsewhere));
        assertFalse(accounts.isGuardianAccount(_stranger()));
    }

    function test_TwoOfThreeGuardiansAct() external {
        MultiSignerERC7913 quorum = MultiSignerERC7913(address(account));
        assertEq(quorum.threshold(), uint256(2));
        assertEq(quorum.getSignerCount(), uint256(3));
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(quorum.isSigner(_guardians(0)[i]));
        }
        assertFalse(quorum.isSigner(_signer(PATIENT_KEY)));
    }

    function test_TheEndIsAQuarterStillToCome() external {
        _tickTo(ENDS_AT - 1);
        _accountOf(6);
        _tickTo(ENDS_AT);
        _refusedToMake(
            END_QUARTER,
            _signer(PATIENT_KEY),
            _guardians(7),
            abi.encodeWithSelector(IGuardianAccount.GuardianAccountEnded.selector, ENDS_AT)
        );
        _refusedToMake(
            5,
            _signer(PATIENT_KEY),
            _guardians(7),
            abi.encodeWithSelector(Quarters.QuarterInvalid.selector, END_YEAR, uint8(5))
        );
    }

    function test_TheKeysMustBeAbleToSign() external {
        bytes memory short = new bytes(19);
        bytes memory open = abi.encodePacked(address(4), bytes1("x"));
        bytes memory missing = abi.encodeWithSelector(IQuorum.QuorumVerifierMissing.selector, address(4));
        bytes[3] memory guardians = _guardians(0);
        _refusedToMake(
            4, short, guardians, abi.encodeWithSelector(IGuardianAccount.GuardianKeyInvalid.selector, short)
        );
        _refusedToMake(4, open, guardians, missing);
        for (uint256 i = 0; i < 3; ++i) {
            guardians = _guardians(0);
            guardians[i] = open;
            _refusedToMake(4, _signer(PATIENT_KEY), guardians, missing);
            guardians[i] = short;
            _refusedToMake(
                4,
                _signer(PATIENT_KEY),
                guardians,
                abi.encodeWithSelector(MultiSignerERC7913.MultiSignerERC7913InvalidSigner.selector, short)
            );
        }
    }

    function test_TheGuardiansAreThree() external {
        bytes[3] memory guardians = _guardians(0);
        guardians[2] = guardians[0];
        _refusedToMake(
            4,
            _signer(PATIENT_KEY),
            guardians,
            abi.encodeWithSelector(MultiSignerERC7913.MultiSignerERC7913AlreadyExists.selector, guardians[0])
        );
    }

    function _refusedToMake(uint8 quarter, bytes memory key, bytes[3] memory guardians, bytes memory reason) private {
        vm.expectRevert(reason);
        accounts.create(studyId, END_YEAR, quarter, key, guardians);
    }

    function _isElsewhere(
        IGuardianAccounts maker,
        uint64 study,
        uint16 year,
        uint8 quarter,
        bytes memory key,
        bytes[3] memory guardians
    ) private {
        assertNotEq(maker.accountOf(study, year, quarter, key, guardians), address(account));
        address made = maker.create(study, year, quarter, key, guardians);
        assertEq(made, maker.accountOf(study, year, quarter, key, guardians));
        assertEq(IGuardianAccount(made).studyId(), uint256(study));
    }
}
