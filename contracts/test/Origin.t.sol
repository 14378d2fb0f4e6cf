// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PRBTest} from "@prb/test/src/PRBTest.sol";

import {IOrigin} from "../interfaces/IOrigin.sol";
import {DeployedLedger, DeployedRegistry, DeployedToken, Deployment} from "./Deployment.t.sol";

/// @dev Asks its maker for the next one before it is made itself.
contract Impatient {
    constructor(address) {
        IOrigin(msg.sender).make(hex"60015ff3");
    }
}

/// @title What an Origin makes, where, and what it refuses
contract OriginTest is PRBTest {
    address internal constant AUTHORITY = address(0xA0);
    bytes32 internal constant SALT = bytes32(uint256(7));

    bytes[3] internal creations;
    bytes32[3] internal hashes;
    IOrigin internal origin;

    function setUp() public {
        creations[0] = vm.getCode("StudyRegistry.sol:StudyRegistry");
        creations[1] = vm.getCode("ConsentToken.sol:ConsentToken");
        creations[2] = vm.getCode("RoundLedger.sol:RoundLedger");
        for (uint256 i = 0; i < 3; ++i) {
            hashes[i] = keccak256(creations[i]);
        }
        origin = IOrigin(Deployment.origin(AUTHORITY, hashes, SALT));
    }

    function test_TheThreeAreMadeWhereItsAddressSays() public {
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(origin.made(), i);
            assertEq(origin.make(creations[i]), _at(i + 1));
        }
        assertEq(origin.made(), 3);
    }

    function test_TheThreeKnowTheirAuthorityAndEachOther() public {
        for (uint256 i = 0; i < 3; ++i) {
            origin.make(creations[i]);
        }
        (DeployedRegistry registry, DeployedToken token, DeployedLedger ledger) =
            (DeployedRegistry(_at(1)), DeployedToken(_at(2)), DeployedLedger(_at(3)));
        assertEq(registry.authority(), AUTHORITY);
        assertEq(address(token.registry()), address(registry));
        assertEq(address(token.ledger()), address(ledger));
        assertEq(address(ledger.registry()), address(registry));
        assertEq(address(ledger.consentToken()), address(token));
    }

    function test_AnyoneMakesTheSame() public {
        vm.deal(address(origin), 1);
        vm.prank(address(0xB0B));
        assertEq(origin.make(creations[0]), _at(1));
    }

    function test_WhatIsMadeMeanwhileIsTheNext() public {
        hashes[0] = keccak256(type(Impatient).creationCode);
        hashes[1] = keccak256(hex"60015ff3");
        origin = IOrigin(Deployment.origin(AUTHORITY, hashes, SALT));
        assertEq(origin.make(type(Impatient).creationCode), _at(1));
        assertEq(origin.made(), 2);
        assertEq(_at(2).code, hex"00");
    }

    function test_AnotherOrderIsRefused() public {
        for (uint256 i = 1; i < 3; ++i) {
            _refused(creations[i], 0);
        }
        origin.make(creations[0]);
        _refused(creations[0], 1);
        _refused(creations[2], 1);
        origin.make(creations[1]);
        _refused(creations[0], 2);
        _refused(creations[1], 2);
    }

    function testFuzz_AnotherCodeIsRefused(uint256 place, bytes calldata more) public {
        bytes memory changed = creations[0];
        changed[place % changed.length] ^= 0x01;
        _refused(changed, 0);
        _refused(more, 0);
        if (more.length != 0) _refused(bytes.concat(creations[0], more), 0);
        assertEq(origin.make(creations[0]), _at(1));
    }

    function test_NothingIsMadeAfterTheThree() public {
        for (uint256 i = 0; i < 3; ++i) {
            origin.make(creations[i]);
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(IOrigin.OriginComplete.selector);
            origin.make(creations[i]);
        }
    }

    function test_ACreationThatFailsLeavesThePlaceFree() public {
        // gas enough to begin, too little to keep 20 kB of code
        vm.expectRevert(IOrigin.OriginCreationFailed.selector);
        origin.make{gas: 3_000_000}(creations[0]);
        assertEq(origin.made(), 0);
        assertEq(origin.make(creations[0]), _at(1));
    }

    function test_ItsAddressDependsOnAllThatItIsMadeWith() public {
        bytes32[3] memory others = hashes;
        others[1] = keccak256("a code that writes consents first");
        assertNotEq(Deployment.origin(AUTHORITY, others, SALT), address(origin));
        assertNotEq(Deployment.origin(address(0xA1), hashes, SALT), address(origin));
        assertNotEq(Deployment.origin(AUTHORITY, hashes, 0), address(origin));
    }

    function _refused(bytes memory creation, uint256 number) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrigin.OriginCodeMismatch.selector, hashes[number], keccak256(creation))
        );
        origin.make(creation);
    }

    function _at(uint256 nonce) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(origin), uint8(nonce))))));
    }
}
