// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Zcdp} from "../../contracts/Zcdp.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title What one round costs: rho = 1 / (2 sigma^2) in 1e-18, rounded up, and one unit more
/// @dev Solvers cannot multiply and divide 256-bit unknowns in any useful time, and take both for unknown functions at
/// first. So each check assumes, of the few quotients and products that occur in it, what holds of all integers, and shows that the
/// contract's formula follows. The refuted twins show that the assumptions do not contradict each other.
contract ZcdpSymbolic is Symbolic {
    uint256 private constant UNIT = 1e18;
    /// @dev 1 / (2 sigma^2) with sigma in millionths is UNIT * 1e12 / (2 sigma^2).
    uint256 private constant DIVIDEND = UNIT * 1e12;

    function check_ARoundCostsTheCeilingAndOneUnit(uint64 noise) external pure {
        vm.assume(noise != 0);
        uint256 divisor = _divisor(noise);
        _assumeDivision(DIVIDEND - 1, divisor);
        uint256 below = Zcdp.rhoOfRound(noise) - 2;
        // The ceiling of x / y is the one integer c with (c - 1) y < x <= c y, and c is below + 1.
        unchecked {
            assert(below * divisor <= DIVIDEND - 1);
            assert(DIVIDEND - 1 - below * divisor < divisor);
        }
    }

    function refuted_ARoundCostsTheFloorAndOneUnit(uint64 noise) external pure {
        vm.assume(noise != 0);
        uint256 divisor = _divisor(noise);
        _assumeDivision(DIVIDEND - 1, divisor);
        uint256 below = Zcdp.rhoOfRound(noise) - 2;
        unchecked {
            assert(DIVIDEND - 1 - below * divisor < divisor - 1);
        }
    }

    function check_NoNoiseMakesItFailOrCostNothing(uint64 noise) external view {
        vm.assume(noise != 0);
        (bool given, bytes memory rho) = address(this).staticcall(abi.encodeCall(this.rhoOfRound, (noise)));
        assert(given);
        assert(abi.decode(rho, (uint256)) >= 2);
    }

    function refuted_NoNoiseMakesItCostTwoUnits(uint64 noise) external pure {
        vm.assume(noise != 0);
        assert(Zcdp.rhoOfRound(noise) > 2);
    }

    function check_MoreNoiseNeverCostsMore(uint64 less, uint64 more) external pure {
        (uint256 costOfLess, uint256 costOfMore) = _costs(less, more);
        assert(costOfMore <= costOfLess);
    }

    function refuted_MoreNoiseNeverCostsLess(uint64 less, uint64 more) external pure {
        (uint256 costOfLess, uint256 costOfMore) = _costs(less, more);
        assert(costOfMore >= costOfLess);
    }

    function rhoOfRound(uint64 noise) external pure returns (uint256) {
        return Zcdp.rhoOfRound(noise);
    }

    /// @dev Written as in the library, so that solvers see one term.
    function _divisor(uint64 noise) private pure returns (uint256) {
        return 2 * uint256(noise) ** 2;
    }

    /// @dev Euclid: x = (x / y) y + r with 0 <= r < y.
    function _assumeDivision(uint256 x, uint256 y) private pure {
        unchecked {
            uint256 multiple = (x / y) * y;
            vm.assume(multiple <= x && x - multiple < y);
        }
    }

    function _costs(uint64 less, uint64 more) private pure returns (uint256 costOfLess, uint256 costOfMore) {
        vm.assume(less != 0 && less < more);
        (uint256 greater, uint256 smaller) = (_divisor(more), _divisor(less));
        _assumeDivision(DIVIDEND - 1, greater);
        _assumeDivision(DIVIDEND - 1, smaller);
        // Of squares of numbers below 2^64.
        vm.assume(smaller <= greater && greater < 1 << 130);
        costOfMore = Zcdp.rhoOfRound(more) - 2;
        costOfLess = Zcdp.rhoOfRound(less) - 2;
        unchecked {
            // Multiplication keeps order, and none of these products reaches 2^256.
            vm.assume(costOfMore * smaller <= costOfMore * greater);
            vm.assume(costOfMore <= costOfLess || costOfMore * smaller >= costOfLess * smaller + smaller);
        }
    }
}
