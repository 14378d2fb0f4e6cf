// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PRBTest} from "@prb/test/src/PRBTest.sol";

import {Quarters} from "../Quarters.sol";

contract QuartersTest is PRBTest {
    function start(uint16 year, uint8 quarter) external pure returns (uint40) {
        return Quarters.start(year, quarter);
    }

    function test_KnownQuarters() external {
        assertEq(Quarters.start(1970, 1), uint256(0));
        assertEq(Quarters.start(1970, 2), uint256(7_776_000));
        assertEq(Quarters.start(2000, 1), uint256(946_684_800));
        assertEq(Quarters.start(2000, 2), uint256(954_547_200));
        assertEq(Quarters.start(2001, 1), uint256(978_307_200));
        assertEq(Quarters.start(2026, 3), uint256(1_782_864_000));
        assertEq(Quarters.start(2026, 4), uint256(1_790_812_800));
        assertEq(Quarters.start(2100, 2), uint256(4_110_220_800));
        assertEq(Quarters.start(2400, 2), uint256(13_577_328_000));
        assertEq(Quarters.start(9999, 4), uint256(253_394_352_000));
    }

    function test_OnlyQuartersThatAre() external {
        _refused(1969, 4);
        _refused(10_000, 1);
        _refused(2026, 0);
        _refused(2026, 5);
        _refused(0, 1);
        _refused(type(uint16).max, 1);
        _refused(2026, type(uint8).max);
    }

    /// Every quarter is as long as its three months, counted one by one.
    function testFuzz_AQuarterIsAsLongAsItsMonths(uint16 year, uint8 quarter) external {
        year = 1970 + year % 8029;
        quarter = 1 + quarter % 4;
        uint256 length = 0;
        for (uint256 month = 3 * uint256(quarter) - 2; month <= 3 * uint256(quarter); ++month) {
            length += _daysOf(year, month);
        }
        (uint16 nextYear, uint8 nextQuarter) = quarter == 4 ? (year + 1, 1) : (year, quarter + 1);
        assertEq(Quarters.start(nextYear, nextQuarter) - Quarters.start(year, quarter), length * 1 days);
    }

    function _daysOf(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) {
            if (year % 400 == 0) return 29;
            if (year % 100 == 0) return 28;
            return year % 4 == 0 ? 29 : 28;
        }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    function _refused(uint16 year, uint8 quarter) private {
        vm.expectRevert(abi.encodeWithSelector(Quarters.QuarterInvalid.selector, year, quarter));
        this.start(year, quarter);
    }
}
