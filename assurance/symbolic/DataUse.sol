// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DataUse} from "../../contracts/DataUse.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title The matching rules, for every consent and every question
/// @notice The specification goes term by term, where the contract goes by masks: a term that is asked for must be covered by
/// one that was granted, and a condition that was granted must be met by one that is asked. Numbers are those of DUO.
/// @dev 0 and 1 are for false and true, so that nothing forks and one path holds all 64 terms.
contract DataUseSymbolic is Symbolic {
    function check_PermitsIsItsSpecification(uint64 granted, uint24 grantedDisease, uint64 asked, uint24 askedDisease)
        external
        pure
    {
        uint256 same = grantedDisease == askedDisease ? 1 : 0;
        bool specified = _specified(granted, asked, same) == 1;
        assert(DataUse.permits(granted, grantedDisease, asked, askedDisease) == specified);
    }

    function refuted_DiseasesDoNotMatter(uint64 granted, uint24 grantedDisease, uint64 asked, uint24 askedDisease)
        external
        pure
    {
        bool specified = _specified(granted, asked, 1) == 1;
        assert(DataUse.permits(granted, grantedDisease, asked, askedDisease) == specified);
    }

    function check_NothingGrantedPermitsNothing(uint24 grantedDisease, uint64 asked, uint24 askedDisease)
        external
        pure
    {
        assert(!DataUse.permits(0, grantedDisease, asked, askedDisease));
    }

    function refuted_NothingIsEverPermitted(uint64 granted, uint64 asked) external pure {
        assert(!DataUse.permits(granted, 0, asked, 0));
    }

    function _specified(uint64 granted, uint64 asked, uint256 same) private pure returns (uint256 permitted) {
        uint256 anything = 0;
        permitted = 1;
        for (uint256 term = 0; term < 64; ++term) {
            uint256 isAsked = _has(asked, term);
            if (_isCondition(term)) {
                permitted &= _no(_has(granted, term)) | _isMet(term, asked);
            } else if (!_saysNothing(term)) {
                anything |= isAsked;
                permitted &= _no(isAsked) | _isCovered(term, granted, same);
            }
        }
        uint256 methods = _has(granted, 15) & _has(asked, 31);
        uint256 ancestry = _has(granted, 44) & (_has(asked, 11) | _has(asked, 32) | _has(asked, 33));
        permitted &= anything & _no(methods) & _no(ancestry);
    }

    function _isCovered(uint256 term, uint64 granted, uint256 same) private pure returns (uint256 covered) {
        if (_isUse(term) || term == 48 || term == 49) covered = _has(granted, term);
        if (term == 7) covered &= same;
        if (_isWithinHealth(term)) covered |= _has(granted, 6);
        if (_isWithinGeneral(term)) covered |= _has(granted, 42);
        if (_isUse(term)) covered |= _has(granted, 4);
    }

    function _isMet(uint256 term, uint64 asked) private pure returns (uint256 met) {
        met = _has(asked, term);
        if (term == 18) met |= _has(asked, 45) & _has(asked, 46);
        if (term == 45 || term == 46) met |= _has(asked, 18);
    }

    function _isUse(uint256 term) private pure returns (bool) {
        return term == 4 || term == 42 || term == 43 || _isWithinGeneral(term);
    }

    function _isWithinGeneral(uint256 term) private pure returns (bool) {
        return term == 6 || term == 11 || term == 31 || term == 32 || term == 33 || _isWithinHealth(term);
    }

    function _isWithinHealth(uint256 term) private pure returns (bool) {
        return term == 7 || (term >= 34 && term <= 40);
    }

    function _isCondition(uint256 term) private pure returns (bool) {
        return term == 12 || term == 16 || term == 18 || term == 19 || term == 20 || term == 22 || term == 24
            || term == 26 || term == 28 || term == 29 || term == 45 || term == 46;
    }

    /// @dev Conditions that every study meets, and the two exclusions, which ask for no use.
    function _saysNothing(uint256 term) private pure returns (bool) {
        return term == 21 || term == 25 || term == 27 || term == 15 || term == 44;
    }

    function _has(uint64 terms, uint256 term) private pure returns (uint256) {
        return (uint256(terms) >> term) & 1;
    }

    function _no(uint256 bit) private pure returns (uint256) {
        return bit ^ 1;
    }
}
