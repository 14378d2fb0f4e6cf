// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {
    MultiSignerERC7913
} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";

import {IConsortium} from "../interfaces/IConsortium.sol";
import {IQuorum} from "../interfaces/IQuorum.sol";
import {Actors} from "./Actors.t.sol";
import {Deployment} from "./Deployment.t.sol";

/// @dev All that a deployed consortium answers to.
interface DeployedConsortium is IConsortium {
    function nonces(address owner) external view returns (uint256);
    function threshold() external view returns (uint64);
    function getSignerCount() external view returns (uint256);
    function isSigner(bytes memory signer) external view returns (bool);
}

/// @dev What a consortium acts on: it remembers, fails, and calls back.
contract Target {
    error TargetFailed(uint256 why);

    uint256 public value;
    address public caller;
    bytes private _signatures;

    function set(uint256 value_) external returns (uint256) {
        (value, caller) = (value_, msg.sender);
        return value_ + 1;
    }

    function fail(uint256 why) external pure {
        revert TargetFailed(why);
    }

    /// @dev What `callBack` will execute again while the first execution is under way.
    function arm(bytes calldata signatures) external {
        _signatures = signatures;
    }

    function callBack() external {
        value += 1;
        if (value == 1) IConsortium(msg.sender).execute(address(this), msg.data, _signatures);
    }
}

contract ConsortiumTest is Actors {
    uint256 private constant MEMBER_KEY = 0xC0150;
    bytes private constant NOT_REACHED = abi.encodePacked(IQuorum.QuorumNotReached.selector);

    event ConsortiumExecuted(uint256 indexed nonce, address target, bytes data);

    DeployedConsortium private _consortium;
    Target private _target;

    function setUp() public {
        _castActors();
        _consortium = _made(_membersOf(0, 3), 2);
        _target = new Target();
    }

    function test_AnyTwoOfThreeActInTheNameOfAll() external {
        for (uint256 skipped = 0; skipped < 3; ++skipped) {
            bytes memory data = abi.encodeCall(Target.set, (skipped + 7));
            bytes memory signatures = _signedBy((skipped + 1) % 3, (skipped + 2) % 3, _execution(data, skipped));
            vm.expectEmit(address(_consortium));
            emit ConsortiumExecuted(skipped, address(_target), data);
            vm.prank(_stranger());
            bytes memory result = _consortium.execute(address(_target), data, signatures);
            assertEq(abi.decode(result, (uint256)), skipped + 8);
            assertEq(_target.value(), skipped + 7);
            assertEq(_target.caller(), address(_consortium));
            assertEq(_consortium.nonces(address(_consortium)), skipped + 1);
        }
    }

    function test_FewerThanTwoMembersDoNothing() external {
        bytes memory data = abi.encodeCall(Target.set, (7));
        bytes32 digest = _execution(data, 0);
        _refused(data, _signedBy(0, 0, digest));
        _refused(data, _signedBy(0, 3, digest));
        _refused(data, _signedBy(0, 1, ~digest));
        _refused(data, "");
        bytes[] memory one = new bytes[](1);
        bytes[] memory signature = new bytes[](1);
        (one[0], signature[0]) = (_signer(MEMBER_KEY), _sign(MEMBER_KEY, digest));
        _refused(data, abi.encode(one, signature));
        assertEq(_target.value(), uint256(0));
        assertEq(_consortium.nonces(address(_consortium)), uint256(0));
    }

    function test_AnExecutionIsOfOneCallOnceHere() external {
        bytes memory data = abi.encodeCall(Target.set, (7));
        bytes memory signatures = _signedBy(0, 1, _execution(data, 0));
        address another = address(new Target());
        vm.expectRevert(NOT_REACHED);
        _consortium.execute(another, data, signatures);
        _refused(abi.encodeCall(Target.set, (8)), signatures);
        _refused(data, _signedBy(0, 1, _execution(data, 1)));
        DeployedConsortium twin = _made(_membersOf(0, 3), 2);
        vm.expectRevert(NOT_REACHED);
        twin.execute(address(_target), data, signatures);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        _refused(data, signatures);
        vm.chainId(here);
        _consortium.execute(address(_target), data, signatures);
        _refused(data, signatures);
    }

    function test_AFailureIsPassedOnAndMayBeTriedAgain() external {
        bytes memory data = abi.encodeCall(Target.fail, (9));
        bytes memory signatures = _signedBy(0, 2, _execution(data, 0));
        vm.expectRevert(abi.encodeWithSelector(Target.TargetFailed.selector, uint256(9)));
        _consortium.execute(address(_target), data, signatures);
        assertEq(_consortium.nonces(address(_consortium)), uint256(0));
    }

    function test_ATargetWithoutCodeIsNoSuccess() external {
        bytes memory signatures = _signedBy(0, 1, _executionAt(address(_consortium), _stranger(), "", 0));
        vm.expectRevert(abi.encodeWithSelector(Address.AddressEmptyCode.selector, _stranger()));
        _consortium.execute(_stranger(), "", signatures);
    }

    function test_ATargetThatCallsBackExecutesNothingTwice() external {
        bytes memory data = abi.encodeCall(Target.callBack, ());
        bytes memory signatures = _signedBy(0, 1, _execution(data, 0));
        _target.arm(signatures);
        _refused(data, signatures);
        assertEq(_target.value(), uint256(0));
    }

    function test_NoConsortiumOfOneKey() external {
        _notMade(_membersOf(0, 3), 1, abi.encodeWithSelector(IQuorum.QuorumTooSmall.selector, uint64(1)));
        _notMade(_membersOf(0, 3), 0, abi.encodeWithSelector(IQuorum.QuorumTooSmall.selector, uint64(0)));
        _notMade(
            _membersOf(0, 2),
            3,
            abi.encodeWithSelector(
                MultiSignerERC7913.MultiSignerERC7913UnreachableThreshold.selector, uint64(2), uint64(3)
            )
        );
        bytes[] memory members = _membersOf(0, 3);
        members[2] = abi.encodePacked(address(4), bytes1("x"));
        _notMade(members, 2, abi.encodeWithSelector(IQuorum.QuorumVerifierMissing.selector, address(4)));
    }

    function test_MembersChangeOnlyThroughTheConsortium() external {
        vm.expectRevert(abi.encodeWithSelector(IConsortium.ConsortiumNotItself.selector, address(this)));
        _consortium.changeMembers(_membersOf(3, 5), _membersOf(0, 1), 3);
        _changeMembers(_membersOf(3, 5), _membersOf(0, 1), 3, 0);
        assertEq(_consortium.threshold(), uint256(3));
        assertEq(_consortium.getSignerCount(), uint256(4));
        assertFalse(_consortium.isSigner(_signer(MEMBER_KEY)));
        for (uint256 i = 1; i < 5; ++i) {
            assertTrue(_consortium.isSigner(_signer(MEMBER_KEY + i)));
        }
        bytes memory data = abi.encodeCall(Target.set, (7));
        _refused(data, _signedBy(1, 2, _execution(data, 1)));
    }

    /// All three must sign, one is lost for good: the threshold falls before the member goes.
    function test_AConsortiumMayShrinkToTwo() external {
        _changeMembers(new bytes[](0), new bytes[](0), 2, 0);
        _changeMembers(new bytes[](0), _membersOf(0, 1), 2, 1);
        assertEq(_consortium.getSignerCount(), uint256(2));
        _changeFails(
            new bytes[](0),
            new bytes[](0),
            1,
            2,
            abi.encodeWithSelector(IQuorum.QuorumTooSmall.selector, uint64(1))
        );
        _changeFails(
            new bytes[](0),
            _membersOf(1, 2),
            2,
            2,
            abi.encodeWithSelector(
                MultiSignerERC7913.MultiSignerERC7913UnreachableThreshold.selector, uint64(1), uint64(2)
            )
        );
    }

    function test_ThresholdAndMembersMayGrowAndShrinkTogether() external {
        _consortium = _made(_membersOf(0, 2), 2);
        _changeMembers(_membersOf(2, 4), _membersOf(0, 1), 3, 0);
        assertEq(_consortium.threshold(), uint256(3));
        assertEq(_consortium.getSignerCount(), uint256(3));
    }

    /// The administrator of a deployment, as it is meant: no key alone does anything, and nothing happens at once.
    function test_AsAdministratorItActsAfterADelayThatAllCanSee() external {
        uint32 delay = 2 days;
        AccessManager manager = new AccessManager(address(this));
        manager.grantRole(manager.ADMIN_ROLE(), address(_consortium), delay);
        manager.renounceRole(manager.ADMIN_ROLE(), address(this));
        bytes memory powerful = abi.encodeCall(IAccessManager.grantRole, (uint64(7), _stranger(), uint32(0)));
        _execute(address(manager), abi.encodeCall(IAccessManager.schedule, (address(manager), powerful, 0)), 0);
        bytes memory now_ = abi.encodeCall(IAccessManager.execute, (address(manager), powerful));
        bytes memory signatures =
            _signedBy(0, 1, _executionAt(address(_consortium), address(manager), now_, 1));
        bytes32 operation = manager.hashOperation(address(_consortium), address(manager), powerful);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        _consortium.execute(address(manager), now_, signatures);
        _tick(uint40(delay));
        _consortium.execute(address(manager), now_, signatures);
        (bool isMember,) = manager.hasRole(7, _stranger());
        assertTrue(isMember);
    }

    function _execute(address target, bytes memory data, uint256 nonce) private {
        _consortium.execute(
            target, data, _signedBy(0, 1, _executionAt(address(_consortium), target, data, nonce))
        );
    }

    function _changeMembers(bytes[] memory added, bytes[] memory removed, uint64 threshold, uint256 nonce) private {
        bytes memory data = abi.encodeCall(IConsortium.changeMembers, (added, removed, threshold));
        bytes memory signatures = _signedByMembers(data, nonce);
        _consortium.execute(address(_consortium), data, signatures);
    }

    function _changeFails(
        bytes[] memory added,
        bytes[] memory removed,
        uint64 threshold,
        uint256 nonce,
        bytes memory reason
    ) private {
        bytes memory data = abi.encodeCall(IConsortium.changeMembers, (added, removed, threshold));
        bytes memory signatures = _signedByMembers(data, nonce);
        vm.expectRevert(reason);
        _consortium.execute(address(_consortium), data, signatures);
    }

    function _signedByMembers(bytes memory data, uint256 nonce) private view returns (bytes memory) {
        bytes32 digest = _executionAt(address(_consortium), address(_consortium), data, nonce);
        bool firstLeft = !_consortium.isSigner(_signer(MEMBER_KEY));
        return firstLeft ? _signedBy(1, 2, digest) : _signedBy(0, 1, digest);
    }

    function _made(bytes[] memory members, uint64 threshold) private returns (DeployedConsortium) {
        return DeployedConsortium(Deployment.consortium(members, threshold));
    }

    function _notMade(bytes[] memory members, uint64 threshold, bytes memory reason) private {
        vm.expectRevert(reason);
        Deployment.consortium(members, threshold);
    }

    function _refused(bytes memory data, bytes memory signatures) private {
        vm.expectRevert(NOT_REACHED);
        _consortium.execute(address(_target), data, signatures);
    }

    function _execution(bytes memory data, uint256 nonce) private view returns (bytes32) {
        return _executionAt(address(_consortium), address(_target), data, nonce);
    }

    function _executionAt(address consortium, address target, bytes memory data, uint256 nonce)
        private
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256("Execution(address target,bytes data,uint256 nonce)");
        bytes32 structHash = keccak256(abi.encode(typeHash, target, keccak256(data), nonce));
        return _digest("Assent Consortium", consortium, structHash);
    }

    function _membersOf(uint256 first, uint256 end) private pure returns (bytes[] memory members) {
        members = new bytes[](end - first);
        for (uint256 i = first; i < end; ++i) {
            members[i - first] = _signer(MEMBER_KEY + i);
        }
    }

    function _signedBy(uint256 one, uint256 other, bytes32 digest) private pure returns (bytes memory) {
        bytes[] memory signers = new bytes[](2);
        bytes[] memory signatures = new bytes[](2);
        (signers[0], signers[1]) = (_signer(MEMBER_KEY + one), _signer(MEMBER_KEY + other));
        (signatures[0], signatures[1]) = (_sign(MEMBER_KEY + one, digest), _sign(MEMBER_KEY + other, digest));
        return abi.encode(signers, signatures);
    }
}
