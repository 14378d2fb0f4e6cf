// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Calendar quarters
library Quarters {
    /// @notice No such quarter, or a year outside [1970, 9999].
    error QuarterInvalid(uint16 year, uint8 quarter);

    /// @dev Leap days in the Gregorian years 1 to 1969.
    uint256 private constant LEAP_DAYS_TO_1970 = 477;

    /// @notice The first second of a quarter (1 January, April, July or October, 00:00 UTC), seconds since 1970.
    /// @param quarter 1 to 4
    function start(uint16 year, uint8 quarter) internal pure returns (uint40) {
        if (year < 1970 || year > 9999 || quarter < 1 || quarter > 4) revert QuarterInvalid(year, quarter);
        uint256 past = uint256(year) - 1;
        uint256 day = (past - 1969) * 365 + past / 4 - past / 100 + past / 400 - LEAP_DAYS_TO_1970;
        if (quarter > 1) day += _isLeap(year) ? 91 : 90;
        if (quarter > 2) day += 91;
        if (quarter > 3) day += 92;
        return uint40(day * 1 days);
    }

    function _isLeap(uint16 year) private pure returns (bool) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }
}
